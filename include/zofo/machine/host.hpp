/// @file The host: its processor, memory and folders, as this process may use them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace zofo::machine {

/// The number of cores that this process may use by its affinity.
std::size_t usable_cores();

/// The value of the first line "NAME : VALUE" of a file; empty if there is no such line.
std::string field_of(const std::filesystem::path& file, std::string_view name);

/// The models of the NVIDIA GPUs that a driver lists under `root`; empty without a driver.
std::vector<std::string> nvidia_gpus(const std::filesystem::path& root = "/");

/// A processor.
struct Processor {
  std::string model;                  ///< its name; empty if the system does not report it
  std::vector<std::string> features;  ///< instruction sets that matter here, as Linux names them
  std::size_t cores = 0;              ///< of the machine
  std::size_t usable = 0;             ///< by the affinity of this process
  double quota = 0.0;                 ///< cores' worth of time that the control group allows; 0: no limit

  /// Whether it has an instruction set.
  [[nodiscard]] bool has(std::string_view feature) const;
  /// Threads that can run at once: usable cores, at most the quota rounded up; at least 1.
  [[nodiscard]] std::size_t parallel() const;
};

/// The processor of this machine. `root` holds proc and sys.
Processor processor(const std::filesystem::path& root = "/");

/// Main memory, in bytes.
struct HostMemory {
  std::uint64_t total = 0;      ///< of the machine; 0: not reported
  std::uint64_t available = 0;  ///< without swapping, as Linux estimates it
  std::uint64_t limit = 0;      ///< of the control group; 0: none
  std::uint64_t used = 0;       ///< of the limit, without the pages of files that can be dropped

  /// What this process can still use: the available memory, at most what the limit leaves.
  [[nodiscard]] std::uint64_t usable() const;
};

/// The memory of this machine. `root` holds proc and sys.
HostMemory host_memory(const std::filesystem::path& root = "/");

/// A folder to write to.
struct Disk {
  std::filesystem::path folder;  ///< as asked for
  bool writable = false;         ///< a file can be made in it, or in the nearest folder above that exists
  std::uint64_t free = 0;        ///< bytes that this user may write; 0 if unknown
  std::string reason;            ///< why not, if it is not writable
};

/// Looks at a folder, which need not exist. A file is made in it and removed again.
Disk disk(const std::filesystem::path& folder);

}  // namespace zofo::machine

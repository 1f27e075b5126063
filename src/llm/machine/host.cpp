#include "zofo/machine/host.hpp"

#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstring>
#include <fstream>
#include <optional>
#include <sstream>
#include <system_error>

namespace zofo::machine {

std::size_t usable_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  const int count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
  return static_cast<std::size_t>(std::max(count, 1));
}

std::string field_of(const std::filesystem::path& file, std::string_view name) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    const std::size_t colon = line.find(':');
    if (!line.starts_with(name) || colon == std::string::npos) continue;
    const std::size_t text = line.find_first_not_of(" \t", colon + 1);
    return text == std::string::npos ? "" : line.substr(text);
  }
  return "";
}

std::vector<std::string> nvidia_gpus(const std::filesystem::path& root) {
  std::vector<std::string> models;
  std::error_code ignored;  // without a driver there are no GPUs
  for (const auto& gpu : std::filesystem::directory_iterator(root / "proc/driver/nvidia/gpus", ignored))
    models.push_back(field_of(gpu.path() / "information", "Model"));
  return models;
}

bool Processor::has(std::string_view feature) const {
  return std::ranges::find(features, feature) != features.end();
}

std::size_t Processor::parallel() const {
  const std::size_t threads = std::max<std::size_t>(usable, 1);
  if (quota <= 0.0) return threads;
  return std::clamp<std::size_t>(static_cast<std::size_t>(std::ceil(quota)), 1, threads);
}

std::uint64_t HostMemory::usable() const {
  if (limit == 0) return available;
  return std::min(available, limit > used ? limit - used : 0);
}

namespace {

// The sets that this program's kernels or a BLAS choose by.
constexpr std::array known_features{"sse4_2",      "avx",      "f16c",     "fma",      "avx2",
                                    "avx_vnni",    "avx512f",  "avx512bw", "avx512vl", "avx512_vnni",
                                    "avx512_bf16", "amx_bf16", "amx_tile", "asimd",    "asimdhp",
                                    "bf16",        "sve",      "sve2",     "i8mm"};

// The first word of a file as a number; nothing if it is none ("max").
std::optional<std::uint64_t> number_in(const std::filesystem::path& file) {
  std::ifstream in(file);
  std::string word;
  std::uint64_t value = 0;
  if (!(in >> word)) return {};
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc() || end != word.data() + word.size()) return {};
  return value;
}

// The folder of this process's control group below `mount`, for a controller of version 1, or version 2 (an
// empty name). Empty if it has none. A container may see only its own part of the tree, and then its path
// leads nowhere: the mounted folder is its group.
std::vector<std::filesystem::path> group_folders(const std::filesystem::path& root,
                                                 std::string_view controller) {
  const std::filesystem::path mount = root / "sys/fs/cgroup" / controller;
  std::vector<std::filesystem::path> folders;
  std::error_code error;
  if (!std::filesystem::is_directory(mount, error)) return folders;
  std::ifstream in(root / "proc/self/cgroup");
  for (std::string line; std::getline(in, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    std::istringstream names(line.substr(first + 1, second - first - 1));
    bool ours = controller.empty() && second == first + 1;
    for (std::string name; std::getline(names, name, ',');) ours = ours || name == controller;
    if (!ours) continue;
    // A limit of any group above holds too.
    std::filesystem::path below = std::filesystem::path(line.substr(second + 1)).relative_path();
    for (; !below.empty(); below = below.parent_path())
      if (std::filesystem::is_directory(mount / below, error)) folders.push_back(mount / below);
    break;
  }
  folders.push_back(mount);
  return folders;
}

// The least quota of the groups, in cores; 0: none.
double cpu_quota(const std::filesystem::path& root) {
  double least = 0.0;
  const auto lower = [&](double quota, double period) {
    if (quota > 0.0 && period > 0.0) least = least == 0.0 ? quota / period : std::min(least, quota / period);
  };
  for (const auto& folder : group_folders(root, "")) {
    std::ifstream in(folder / "cpu.max");
    double quota = 0.0, period = 0.0;
    if (in >> quota >> period) lower(quota, period);  // "max 100000": no limit
  }
  for (const auto& folder : group_folders(root, "cpu"))
    lower(static_cast<double>(number_in(folder / "cpu.cfs_quota_us").value_or(0)),
          static_cast<double>(number_in(folder / "cpu.cfs_period_us").value_or(0)));
  return least;
}

std::uint64_t kibibytes(const std::string& text) {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value <= UINT64_MAX / 1024 ? value * 1024 : 0;
}

// The value of a line "NAME VALUE" of a file.
std::uint64_t word_of(const std::filesystem::path& file, std::string_view name) {
  std::ifstream in(file);
  std::string key;
  for (std::uint64_t value = 0; in >> key >> value;)
    if (key == name) return value;
  return 0;
}

// Sets the limit that leaves least.
void limit_by(HostMemory& memory, const std::filesystem::path& limit, const std::filesystem::path& current,
              const std::filesystem::path& statistics, std::string_view inactive) {
  const std::optional<std::uint64_t> bytes = number_in(limit);
  if (!bytes || *bytes == 0 || *bytes >= memory.total) return;  // version 1 has a huge number for none
  const std::uint64_t in_use = number_in(current).value_or(0), files = word_of(statistics, inactive);
  const std::uint64_t used = in_use > files ? in_use - files : 0;
  if (memory.limit != 0 &&
      memory.limit - std::min(memory.limit, memory.used) <= *bytes - std::min(*bytes, used))
    return;
  memory.limit = *bytes;
  memory.used = used;
}

}  // namespace

Processor processor(const std::filesystem::path& root) {
  Processor p;
  const std::filesystem::path file = root / "proc/cpuinfo";
  p.model = field_of(file, "model name");
  std::istringstream flags(field_of(file, "flags") + " " + field_of(file, "Features"));
  std::vector<std::string> found;
  for (std::string flag; flags >> flag;) found.push_back(flag);
  for (const char* feature : known_features)
    if (std::ranges::find(found, feature) != found.end()) p.features.emplace_back(feature);
  p.cores = static_cast<std::size_t>(std::max(sysconf(_SC_NPROCESSORS_ONLN), 1L));
  p.usable = usable_cores();
  p.quota = cpu_quota(root);
  return p;
}

HostMemory host_memory(const std::filesystem::path& root) {
  HostMemory memory;
  memory.total = kibibytes(field_of(root / "proc/meminfo", "MemTotal"));
  memory.available = kibibytes(field_of(root / "proc/meminfo", "MemAvailable"));
  for (const auto& folder : group_folders(root, ""))
    limit_by(memory, folder / "memory.max", folder / "memory.current", folder / "memory.stat",
             "inactive_file");
  for (const auto& folder : group_folders(root, "memory"))
    limit_by(memory, folder / "memory.limit_in_bytes", folder / "memory.usage_in_bytes",
             folder / "memory.stat", "total_inactive_file");
  return memory;
}

Disk disk(const std::filesystem::path& folder) {
  Disk result{folder, false, 0, ""};
  std::error_code error;
  std::filesystem::path existing = std::filesystem::absolute(folder, error);
  while (!std::filesystem::exists(existing, error) && existing.has_relative_path())
    existing = existing.parent_path();
  if (!std::filesystem::is_directory(existing, error)) {
    result.reason = existing.string() + " is not a folder";
    return result;
  }
  const auto space = std::filesystem::space(existing, error);
  if (!error) result.free = space.available;
  std::string name = (existing / ".zofo-doctor-XXXXXX").string();
  const int file = mkstemp(name.data());
  if (file < 0) {
    result.reason = existing.string() + ": " + std::strerror(errno);
    return result;
  }
  close(file);
  unlink(name.c_str());
  result.writable = true;
  return result;
}

}  // namespace zofo::machine

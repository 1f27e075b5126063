/// @file The host as made-up proc and sys folders describe it, and folders that can and cannot be written to.
#include "zofo/machine/host.hpp"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "catch.hpp"
#include "zofo/machine/blas.hpp"
#include "zofo/machine/speed.hpp"

using namespace zofo::machine;

namespace {

constexpr std::uint64_t mib = std::uint64_t{1} << 20U;

// A root folder with files, removed at the end.
struct Root {
  std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("zofo-host-" + std::to_string(getpid()));

  Root() {
    std::filesystem::remove_all(path);
    put("proc/meminfo", "MemTotal:       8388608 kB\nMemFree: 1 kB\nMemAvailable:   4194304 kB\n");
  }
  Root(const Root&) = delete;
  Root& operator=(const Root&) = delete;
  ~Root() { std::filesystem::remove_all(path); }

  void put(const std::string& file, const std::string& text) const {
    std::filesystem::create_directories((path / file).parent_path());
    std::ofstream(path / file) << text;
  }
};

}  // namespace

TEST_CASE("a processor's name and the instruction sets that matter", "[machine]") {
  const Root root;
  root.put("proc/cpuinfo",
           "processor\t: 0\nmodel name\t: A Processor 9000\nflags\t\t: fpu avx2 fma avx512f sse4_2 other\n");
  const Processor p = processor(root.path);
  CHECK(p.model == "A Processor 9000");
  CHECK(p.features == std::vector<std::string>{"sse4_2", "fma", "avx2", "avx512f"});
  CHECK(p.has("avx2"));
  CHECK_FALSE(p.has("avx512_bf16"));
  CHECK(p.quota == 0.0);
  CHECK(p.parallel() == p.usable);
}

TEST_CASE("the host's own numbers agree with the C++ library's", "[machine]") {
  CHECK(processor().cores >= std::thread::hardware_concurrency());
  CHECK(usable_cores() == std::thread::hardware_concurrency());
  CHECK(host_memory().total == static_cast<std::uint64_t>(sysconf(_SC_PHYS_PAGES)) *
                                   static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE)));
}

TEST_CASE("limits of a control group of version 2, and of the groups above it", "[machine]") {
  const Root root;
  root.put("proc/self/cgroup", "0::/outer/inner\n");
  root.put("sys/fs/cgroup/outer/cpu.max", "150000 100000\n");
  root.put("sys/fs/cgroup/outer/inner/cpu.max", "max 100000\n");
  root.put("sys/fs/cgroup/outer/memory.max", "1073741824\n");
  root.put("sys/fs/cgroup/outer/memory.current", "536870912\n");
  root.put("sys/fs/cgroup/outer/memory.stat", "anon 1\ninactive_file 268435456\n");
  root.put("sys/fs/cgroup/outer/inner/memory.max", "max\n");
  CHECK(processor(root.path).quota == 1.5);
  const HostMemory memory = host_memory(root.path);
  CHECK(memory.total == 8192 * mib);
  CHECK(memory.available == 4096 * mib);
  CHECK(memory.limit == 1024 * mib);
  CHECK(memory.used == 256 * mib);  // without the files' pages
  CHECK(memory.usable() == 768 * mib);
}

TEST_CASE("a container sees its control group at the root", "[machine]") {
  const Root root;
  root.put("proc/self/cgroup", "0::/docker/0123\n");
  root.put("sys/fs/cgroup/cpu.max", "50000 100000\n");
  Processor p = processor(root.path);
  CHECK(p.quota == 0.5);
  CHECK(p.parallel() == 1);
  p.usable = 8;
  p.quota = 2.5;
  CHECK(p.parallel() == 3);
}

TEST_CASE("limits of control groups of version 1", "[machine]") {
  const Root root;
  root.put("proc/self/cgroup", "4:memory:/job\n3:cpu,cpuacct:/job\n0::/\n");
  root.put("sys/fs/cgroup/cpu/job/cpu.cfs_quota_us", "200000\n");
  root.put("sys/fs/cgroup/cpu/job/cpu.cfs_period_us", "100000\n");
  root.put("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
  root.put("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  root.put("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  root.put("sys/fs/cgroup/memory/job/memory.limit_in_bytes", "2147483648\n");
  root.put("sys/fs/cgroup/memory/job/memory.usage_in_bytes", "1048576\n");
  CHECK(processor(root.path).quota == 2.0);
  CHECK(host_memory(root.path).limit == 2048 * mib);
  CHECK(host_memory(root.path).usable() == 2047 * mib);
}

TEST_CASE("files that are missing or damaged leave the numbers out", "[machine]") {
  const Root root;
  root.put("proc/meminfo", "MemTotal: -3 kB\nMemAvailable: 99999999999999999999999 kB\n");
  root.put("proc/self/cgroup", "0:\n:::\n0::/../../..\n");
  root.put("sys/fs/cgroup/cpu.max", "abc def\n");
  root.put("sys/fs/cgroup/memory.max", "12x\n");
  CHECK(processor(root.path).model.empty());
  CHECK(processor(root.path).quota == 0.0);
  CHECK(host_memory(root.path).limit == 0);
  CHECK(host_memory(root.path).total == 0);
}

TEST_CASE("NVIDIA's driver lists its GPUs", "[machine]") {
  const Root root;
  CHECK(nvidia_gpus(root.path).empty());
  root.put("proc/driver/nvidia/gpus/0000:01:00.0/information", "Model: \t\t NVIDIA H100 80GB HBM3\nIRQ: 5\n");
  CHECK(nvidia_gpus(root.path) == std::vector<std::string>{"NVIDIA H100 80GB HBM3"});
}

TEST_CASE("a folder that exists, one to come, and a file in its place", "[machine]") {
  const Root root;
  const Disk here = disk(root.path);
  CHECK(here.writable);
  CHECK(here.free > 0);
  CHECK(disk(root.path / "not/yet/there").writable);
  CHECK_FALSE(std::filesystem::exists(root.path / "not"));
  const Disk wrong = disk(root.path / "proc/meminfo/below");
  CHECK_FALSE(wrong.writable);
  CHECK(wrong.reason.find("meminfo is not a folder") != std::string::npos);
  CHECK(std::distance(std::filesystem::directory_iterator(root.path), {}) == 1);  // nothing is left behind
}

TEST_CASE("the BLAS describes itself, and speeds are those of a machine", "[machine]") {
  const Blas found = blas();
  CHECK(std::filesystem::exists(found.file));
  CHECK(found.version.starts_with("OpenBLAS "));  // what CMake looks for
  CHECK(found.threads >= 1);
  int calls = 0;
  CHECK(shortest([&] { ++calls; }, 10.0, 5) > 0.0);
  CHECK(calls == 6);
  CHECK(product_speed(64, 256, 256, 0.01) > 0.1);
  CHECK(copy_speed(std::size_t{1} << 22U, 0.01) > 0.1);
}

// zofo doctor: the program and the host.
#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>
#ifdef _OPENMP
#include <omp.h>
#endif

#include "cli.hpp"
#include "doctor.hpp"
#include "zofo/core/error.hpp"
#include "zofo/core/version.hpp"
#include "zofo/machine/blas.hpp"
#include "zofo/machine/host.hpp"
#include "zofo/run/data_folder.hpp"
#include "zofo/tensor/memory_plan.hpp"

namespace zofo::cli {
namespace {

using tensor::bytes_text;

// What SmolLM2-135M, the default model, needs on the CPU for a LoRA run of the demo (docs/results/demo.md).
constexpr std::uint64_t memory_of_demo = std::uint64_t{982} << 20U;
// The default model, its data and a run folder; a saved state of a large adapter needs more.
constexpr std::uint64_t least_disk = std::uint64_t{256} << 20U;

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// OpenMP's threads in a parallel region; 1 without OpenMP.
std::size_t openmp_threads() {
#ifdef _OPENMP
  return static_cast<std::size_t>(std::max(omp_get_max_threads(), 1));
#else
  return 1;
#endif
}

// The folder of ./run's downloads.
std::filesystem::path cache_folder() {
  if (const std::string own = environment("ZOFO_CACHE"); !own.empty()) return own;
  if (const std::string xdg = environment("XDG_CACHE_HOME"); !xdg.empty())
    return std::filesystem::path(xdg) / "zofo";
  const std::string home = environment("HOME");
  return std::filesystem::path(home.empty() ? "/root" : home) / ".cache/zofo";
}

void examine_program(Findings& f) {
  std::string built_for = "any processor of its kind";
#if defined(__AVX512F__)
  built_for = "AVX-512";
#elif defined(__AVX2__)
  built_for = "AVX2";
#endif
#ifdef ZOFO_WITH_CUDA
  const bool cuda = true;
#else
  const bool cuda = false;
#endif
  f.facts["program"] = {{"version", ZOFO_VERSION_STRING},
                        {"compiler", __VERSION__},
                        {"compiled_for", built_for},
                        {"cuda", cuda}};
  try {
    f.facts["program"]["tasks"] = llm::find_data(llm::task_definitions).string();
  } catch (const Error& error) {
    f.facts["program"]["tasks"] = nullptr;
    f.warn(
        error.what(),
        "install the whole package, or name the folder: export ZOFO_TASKS=FOLDER; --task FOLDER needs none");
  }
}

void examine_processor(const machine::Processor& p, Findings& f) {
  f.facts["processor"] = {{"model", p.model},   {"features", p.features}, {"cores", p.cores},
                          {"usable", p.usable}, {"quota", p.quota},       {"threads", openmp_threads()}};
#if !defined(_OPENMP)
  f.warn("this program was built without OpenMP: all work is done by one thread",
         "build it with a compiler that has OpenMP (-DZOFO_OPENMP=ON)");
  return;
#endif
  const std::size_t threads = openmp_threads(), parallel = p.parallel();
  if (p.quota > 0.0 && p.quota < static_cast<double>(p.usable))
    f.warn(
        fmt::format("the control group allows {:.2g} cores' time of the {} cores that are visible", p.quota,
                    p.usable),
        fmt::format("export OMP_NUM_THREADS={} (more threads wait for each other), or raise the container's "
                    "limit (docker: --cpus)",
                    parallel));
  else if (threads > parallel)
    f.warn(fmt::format("OpenMP starts {} threads on {} cores", threads, parallel),
           fmt::format("export OMP_NUM_THREADS={}", parallel));
  if (threads < parallel)
    f.warn(fmt::format("OpenMP starts {} of {} possible threads", threads, parallel),
           environment("OMP_NUM_THREADS").empty()
               ? "unset what limits OpenMP's threads (OMP_THREAD_LIMIT, OMP_DYNAMIC)"
               : fmt::format("unset OMP_NUM_THREADS, or export OMP_NUM_THREADS={}", parallel));
}

void examine_blas(const machine::Processor& p, Findings& f) {
  const machine::Blas blas = machine::blas();
  f.facts["blas"] = {{"version", blas.version.empty() ? "unknown" : blas.version},
                     {"core", blas.core},
                     {"file", blas.file},
                     {"parallel", machine::to_text(blas.parallel)},
                     {"threads", blas.threads}};
  const char* const install =
      "install the OpenMP build: apt-get install libopenblas0-openmp, and let it be the "
      "default: update-alternatives --config libopenblas.so.0-$(uname -m)-linux-gnu";
  if (const std::string kernels = machine::faster_kernels(blas, p); !kernels.empty()) {
    f.warn(fmt::format(
               "the BLAS does not know this processor and uses kernels for {}, without AVX2: products run at "
               "a fraction of their speed",
               blas.core),
           fmt::format("export OPENBLAS_CORETYPE={}, or install a newer OpenBLAS", kernels));
  }
  if (blas.parallel == machine::BlasThreads::unknown) return;
  if (blas.parallel == machine::BlasThreads::none && p.parallel() > 1)
    return f.warn("the BLAS was built without threads: products use one core", install);
  if (blas.parallel == machine::BlasThreads::own && openmp_threads() > 1)
    return f.warn(
        "the BLAS has threads of its own next to OpenMP's, which compete for the cores (measured: a "
        "forward pass of 1.2 s instead of 0.39 s)",
        install);
  if (blas.threads > 0 && blas.threads < std::min(openmp_threads(), p.parallel()))
    f.warn(fmt::format("the BLAS uses {} of {} threads", blas.threads, openmp_threads()),
           environment("OPENBLAS_NUM_THREADS").empty() ? "unset GOTO_NUM_THREADS and OMP_NUM_THREADS"
                                                       : "unset OPENBLAS_NUM_THREADS");
}

void examine_memory(Findings& f) {
  const machine::HostMemory memory = machine::host_memory();
  f.facts["memory"] = {{"total", memory.total},
                       {"available", memory.available},
                       {"limit", memory.limit},
                       {"usable", memory.usable()}};
  if (memory.total > 0 && memory.usable() < memory_of_demo)
    f.warn(fmt::format("{} of memory can be used; LoRA on the default model needs {} on the CPU",
                       bytes_text(memory.usable()), bytes_text(memory_of_demo)),
           memory.limit > 0 && memory.limit - std::min(memory.limit, memory.used) < memory.available
               ? "raise the container's limit (docker: --memory)"
               : "end other programs, or take a smaller model, --method mezo or a smaller --batch-size");
}

void examine_folder(const char* purpose, const std::filesystem::path& folder, bool needed, Findings& f) {
  const machine::Disk disk = machine::disk(folder);
  f.facts["folders"].push_back(
      {{"purpose", purpose}, {"path", folder.string()}, {"writable", disk.writable}, {"free", disk.free}});
  if (!disk.writable) {
    std::string what = fmt::format("the folder of {} is not writable: {}", purpose, disk.reason);
    if (needed)
      return f.fail(std::move(what), "write elsewhere: --out FOLDER of a run, zofo doctor --out FOLDER");
    return f.warn(std::move(what), "export ZOFO_CACHE=FOLDER; only ./run fetch and ./run demo need it");
  }
  if (disk.free < least_disk)
    f.warn(
        fmt::format("{} are free for {} in {}", bytes_text(disk.free), purpose, folder.string()),
        "free some space; the default model and its data need 250 MiB, a run's adapter and state a few MiB");
}

}  // namespace

void examine_host(const std::string& runs, Findings& f) {
  examine_program(f);
  const machine::Processor processor = machine::processor();
  examine_processor(processor, f);
  examine_blas(processor, f);
  examine_memory(f);
  f.facts["folders"] = nlohmann::json::array();
  examine_folder("runs", std::filesystem::absolute(runs).lexically_normal(), true, f);
  examine_folder("downloads", cache_folder(), false, f);
  // The rule of core/random.hpp and tensor/cpu/thin_dots.hpp.
  const std::string kernel = processor.has("avx2") && processor.has("fma") ? "AVX2 and FMA" : "portable";
  const std::string core = f.facts["blas"]["core"];
  f.facts["would_run"]["kernels"] = {{"random_numbers", kernel},
                                     {"products_of_few_rows", kernel},
                                     {"products", core.empty() ? "the BLAS" : "the BLAS, " + core}};
}

}  // namespace zofo::cli

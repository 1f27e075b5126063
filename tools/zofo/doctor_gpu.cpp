// zofo doctor: the GPUs.
#include <algorithm>
#include <string>
#include <vector>

#include "doctor.hpp"
#include "zofo/core/error.hpp"
#include "zofo/machine/host.hpp"
#include "zofo/tensor/memory_plan.hpp"
#ifdef ZOFO_WITH_CUDA
#include "zofo/tensor/cuda/context.hpp"
#include "zofo/tensor/cuda/usable.hpp"
#endif

namespace zofo::cli {
namespace {

// The driver's version ("580.159.04") from the kernel module's line.
std::string driver_version() {
  const std::string line = machine::field_of("/proc/driver/nvidia/version", "NVRM version");
  std::string version;
  for (std::size_t at = 0; at < line.size();) {
    const std::size_t end = std::min(line.find(' ', at), line.size());
    const std::string word = line.substr(at, end - at);
    if (word.find('.') != std::string::npos && word.find_first_not_of("0123456789.") == std::string::npos)
      version = word;
    at = end + 1;
  }
  return version;
}

#ifdef ZOFO_WITH_CUDA
std::string cuda_version(int v) { return v == 0 ? "" : fmt::format("{}.{}", v / 1000, v % 1000 / 10); }

void examine_cuda(Findings& f) {
  const tensor::cuda::DriverView view = tensor::cuda::driver_view(0);
  nlohmann::json& cuda = f.facts["cuda"];
  cuda = {{"runtime", cuda_version(view.runtime)}, {"driver_supports", cuda_version(view.driver)}};
  const auto reason = tensor::cuda::reason_against(view, 0);
  if (reason) {
    cuda["unusable"] = *reason;
    // A machine without a GPU has no driver: nothing is wrong there.
    if (view.driver == 0 && f.facts["gpus"].empty()) return;
    f.warn("the GPU cannot be used: " + *reason,
           view.status == cudaErrorInsufficientDriver
               ? "install a newer NVIDIA driver, or build zofo with an older CUDA toolkit (12.0 or newer)"
               : "see docs/guide/cuda.md; until then runs use the CPU");
    return;
  }
  cuda["gpu"] = view.name;
  cuda["compute_capability"] = fmt::format("{}.{}", view.major, view.minor);
  std::size_t free = 0, all = 0;
  if (cudaMemGetInfo(&free, &all) != cudaSuccess) return;
  cuda["memory"] = all;
  cuda["free"] = free;
  if (free < all / 10)
    f.warn(fmt::format("only {} of the GPU's {} are free", tensor::bytes_text(free), tensor::bytes_text(all)),
           "end the other programs on it (nvidia-smi lists them), or choose another GPU: export "
           "CUDA_VISIBLE_DEVICES=NUMBER");
}
#endif

}  // namespace

void examine_gpus(Findings& f) {
  const std::vector<std::string> gpus = machine::nvidia_gpus();
  f.facts["gpus"] = gpus;
  f.facts["driver"] = driver_version();
#ifdef ZOFO_WITH_CUDA
  examine_cuda(f);
#else
  f.facts["cuda"] = nullptr;
  if (!gpus.empty())
    f.warn("this machine has a GPU, but the program was built without the CUDA backend: runs use the CPU",
           "install the CUDA toolkit (12.0 or newer) and build again: ./run build, or cmake -DZOFO_CUDA=ON");
#endif
}

}  // namespace zofo::cli

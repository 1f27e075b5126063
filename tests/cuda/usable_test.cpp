/// @file Why a GPU cannot be used, told apart; and that a context says so.
#include "zofo/tensor/cuda/usable.hpp"

#include "catch.hpp"
#include "contains.hpp"
#include "zofo/tensor/cuda/context.hpp"

using namespace zofo::tensor::cuda;

namespace {

// A machine with two GPUs, of which the one asked for is given.
DriverView machine(const char* name, int major, int minor) {
  DriverView view;
  view.driver = view.runtime = 13000;
  view.gpus = 2;
  view.name = name;
  view.major = major;
  view.minor = minor;
  return view;
}

}  // namespace

TEST_CASE("GPUs from the A100's generation on are usable", "[cuda][no-gpu]") {
  CHECK_FALSE(reason_against(machine("A", 8, 0), 0));
  CHECK_FALSE(reason_against(machine("H", 9, 0), 1));
  CHECK_FALSE(reason_against(machine("B", 10, 3), 1));
}

TEST_CASE("each reason why a GPU cannot be used has its own words", "[cuda][no-gpu]") {
  CHECK(reason_against(machine("Tesla T4", 7, 5), 0) ==
        "needs compute capability 8.0 or newer: Tesla T4 has 7.5");
  CHECK(reason_against(machine("A", 8, 0), 2) == "device = 2: must be in [0, 1], there are 2 GPUs");
  CHECK(reason_against(machine("A", 8, 0), -1) == "device = -1: must be in [0, 1], there are 2 GPUs");

  DriverView view = machine("A", 8, 0);
  view.gpus = 1;
  CHECK(reason_against(view, 1) == "device = 1: must be 0, there is 1 GPU");
  view.gpus = 0;
  CHECK(reason_against(view, 0) == "the driver finds no GPU (an empty CUDA_VISIBLE_DEVICES hides them)");
  view.status = cudaErrorNoDevice;
  CHECK(reason_against(view, 0) == "the driver finds no GPU (an empty CUDA_VISIBLE_DEVICES hides them)");
  view.status = cudaErrorInsufficientDriver;
  view.driver = 12020;
  CHECK(reason_against(view, 0) ==
        "the NVIDIA driver is too old: it supports CUDA 12.2, this program needs 13.0");
  view.driver = 0;
  CHECK(reason_against(view, 0) == "no NVIDIA driver is installed");
  view.driver = 13000;
  view.status = cudaErrorSystemNotReady;
  CHECK(reason_against(view, 0)->find("(cudaErrorSystemNotReady)") != std::string::npos);
}

TEST_CASE("a context says why its GPU cannot be used", "[cuda][no-gpu]") {
  // Without a GPU the first device is refused, and everywhere the thousandth.
  for (const int device : {0, 1000}) {
    const auto reason = Context::unusable(device);
    if (device == 1000) REQUIRE(reason);
    if (!reason) continue;
    CHECK_THROWS_WITH(Context({.device = device}), "CUDA: " + *reason);
  }
}

TEST_CASE("a status that is no success becomes an error with CUDA's words", "[cuda][no-gpu]") {
  CHECK_NOTHROW(check(cudaSuccess, "counting"));
  CHECK_NOTHROW(check(CUBLAS_STATUS_SUCCESS, "counting"));
  CHECK_THROWS_WITH(check(cudaErrorInvalidValue, "counting"),
                    contains("CUDA: counting: ") && contains("usable_test.cpp:"));
  CHECK_THROWS_WITH(check(cudaErrorInvalidValue, "counting"), contains("(cudaErrorInvalidValue)"));
  CHECK_THROWS_WITH(check(CUBLAS_STATUS_NOT_SUPPORTED, "adding"), contains("(CUBLAS_STATUS_NOT_SUPPORTED)"));
}

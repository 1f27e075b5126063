/// @file The CPU backend: the operations that the transformer is written in.
#pragma once

#include <vector>

#include "zofo/tensor/cpu/attention.hpp"
#include "zofo/tensor/cpu/elementwise.hpp"
#include "zofo/tensor/cpu/gemm.hpp"

namespace zofo::tensor {

/// fp32 on the CPU: a BLAS for products, OpenMP and the compiler's vectors for the rest. The reference that
/// other backends are held to.
struct Cpu {
  using Buffer = std::vector<float>;
  using View = cpu::View;
  using ConstView = cpu::ConstView;
  using HeadShape = cpu::HeadShape;

  static constexpr auto gemm_nt = &cpu::gemm_nt;
  static constexpr auto gemm_nn = &cpu::gemm_nn;
  static constexpr auto gemm_tn = &cpu::gemm_tn;
  static constexpr auto rms_norm = &cpu::rms_norm;
  static constexpr auto rms_norm_backward = &cpu::rms_norm_backward;
  static constexpr auto swiglu = &cpu::swiglu;
  static constexpr auto swiglu_backward = &cpu::swiglu_backward;
  static constexpr auto rotary = &cpu::rotary;
  static constexpr auto attention = &cpu::attention;
  static constexpr auto attention_backward = &cpu::attention_backward;

  /// A dense view of the first rows·cols entries, growing the buffer if it is shorter.
  static View view(Buffer& buffer, std::size_t rows, std::size_t cols) {
    if (buffer.size() < rows * cols) buffer.resize(rows * cols);
    return cpu::view(buffer.data(), rows, cols);
  }
};

}  // namespace zofo::tensor

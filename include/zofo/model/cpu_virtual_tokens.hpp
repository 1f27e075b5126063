/// @file Prefixes and prompts on the CPU.
#pragma once

#include <algorithm>
#include <cstddef>

#include "zofo/model/cpu_call.hpp"
#include "zofo/peft/adapter.hpp"
#include "zofo/tensor/cpu/attention.hpp"

namespace zofo::model {

/// The operations of CpuBackend on virtual tokens.
class CpuVirtualTokens {
 public:
  ///@{
  /// Types of the operations' arguments.
  using Call = CpuCall;
  using View = tensor::MatrixView<float>;
  using ConstView = tensor::MatrixView<const float>;
  ///@}

  /// Writes the vectors of prompts to their rows of h, at each probe.
  void write_prompts(Call& call, View h) const {
    const std::size_t rows = prompt_rows(call);
    call.for_probes(h.rows, [&](std::size_t, std::size_t first, std::size_t) {
      for_prompts(call, [&](std::size_t number, std::size_t row) {
        const float* const from = call.values(peft::Kind::prompt) + number * rows * h.cols;
        for (std::size_t j = 0; j < rows; ++j) std::copy_n(from + j * h.cols, h.cols, h.row(first + row + j));
      });
    });
  }
  /// Adds the gradients of the prompts' rows to the gradients of the prompts; one probe.
  void prompt_gradient(Call& call, ConstView dh) const {
    const std::size_t rows = prompt_rows(call);
    for_prompts(call, [&](std::size_t number, std::size_t row) {
      float* const to = call.gradients(peft::Kind::prompt) + number * rows * dh.cols;
      for (std::size_t j = 0; j < rows; ++j)
        for (std::size_t i = 0; i < dh.cols; ++i) to[j * dh.cols + i] += dh.row(row + j)[i];
    });
  }

 protected:
  /// The prefixes of a layer, as attention reads them.
  static tensor::cpu::AttentionPrefix prefix_of(const Call& call, std::size_t layer) {
    if (!call.uses(peft::Kind::prefix)) return {};
    const peft::Prefix& layout = call.layouts().prefix();
    const float* const values = call.values(peft::Kind::prefix);
    return {values + layout.keys(layer), values + layout.values(layer), layout.size(), layout.tokens(),
            call.packing().of_sequence(peft::Kind::prefix)};
  }
  /// Where the gradients of the layer's prefixes are stored; null if no sequence has a prefix.
  static tensor::cpu::PrefixGradient prefix_gradient_of(Call& call, std::size_t layer) {
    if (!call.uses(peft::Kind::prefix)) return {};
    float* const to = call.gradients(peft::Kind::prefix);
    return {to + call.layouts().prefix().keys(layer), to + call.layouts().prefix().values(layer)};
  }

 private:
  static std::size_t prompt_rows(const Call& call) { return call.layouts().prompt().tokens(); }
  // Calls use(number of the prompt, its first row) for every sequence that has one.
  template <class Use>
  static void for_prompts(const Call& call, Use&& use) {
    const auto numbers = call.packing().of_sequence(peft::Kind::prompt);
    for (std::size_t i = 0; i < numbers.size(); ++i)
      if (numbers[i] >= 0) use(static_cast<std::size_t>(numbers[i]), call.packing().cu_seqlens()[i]);
  }
};

}  // namespace zofo::model

/// @file Products and gradients of LoRA on the CPU, with or without dropout of its inputs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "zofo/model/cpu_call.hpp"
#include "zofo/model/target_modules.hpp"
#include "zofo/peft/dropout.hpp"
#include "zofo/peft/lora.hpp"
#include "zofo/tensor/cpu/gemm.hpp"

namespace zofo::model {

/// The operations of CpuBackend on adapted projections. t = x Aᵀ and its gradient are stored between the
/// operation that computes them and the one that adds their product.
class CpuLowRank {
 public:
  ///@{
  /// Types of the operations' arguments.
  using Call = CpuCall;
  using View = tensor::MatrixView<float>;
  using ConstView = tensor::MatrixView<const float>;
  ///@}

  /// Whether the call has LoRA at one of the modules.
  [[nodiscard]] bool adapts(const Call& call, const TargetModules& modules) const {
    if (call.packing().runs().empty()) return false;
    for (std::size_t i = 0; i < modules.count; ++i)
      if (call.lora().factors(modules.layer, modules.projection[i]).used) return true;
    return false;
  }
  /// t = x Aᵀ of every module, stored for low_rank_out.
  void low_rank_in(Call& call, const TargetModules& modules, ConstView x) {
    for_products(call, modules, x.rows, [&](const Product& s) {
      tensor::cpu::gemm_nt(1.0F, input_of(call, s, x), s.a, 0.0F, t_of(s));
    });
  }
  /// y += (α/r)·t Bᵀ at the columns of every module.
  void low_rank_out(Call& call, const TargetModules& modules, View y) {
    for_products(call, modules, y.rows, [&](const Product& s) {
      tensor::cpu::gemm_nt(s.scale, t_of(s), s.b, 1.0F,
                           y.rows_from(s.first, s.count).cols_from(s.column, s.b.rows));
    });
  }
  /// dt = (α/r)·dy B, stored for low_rank_back_in; the call's gradients of A and B are added to.
  void low_rank_gradient(Call& call, const TargetModules& modules, ConstView x, ConstView dy) {
    low_rank_in(call, modules, x);
    for_products(call, modules, x.rows, [&](const Product& s) {
      const View dt = View(tensor::view(dt_.data(), s.t.rows, s.t.cols))
                          .rows_from(s.first, s.count)
                          .cols_from(s.t_column, s.a.rows);
      const ConstView dy_s = ConstView(dy.rows_from(s.first, s.count).cols_from(s.column, s.b.rows));
      tensor::cpu::gemm_nn(s.scale, dy_s, s.b, 0.0F, dt);
      float* const gradient =
          call.gradients(peft::Kind::lora) + static_cast<std::size_t>(s.adapter) * call.lora().size();
      tensor::cpu::gemm_tn(s.scale, dy_s, t_of(s), 1.0F, tensor::view(gradient + s.b_at, s.b.rows, s.b.cols));
      tensor::cpu::gemm_tn(1.0F, dt, input_of(call, s, x), 1.0F,
                           tensor::view(gradient + s.a_at, s.a.rows, s.a.cols));
    });
  }
  /// dx += dt A.
  void low_rank_back_in(Call& call, const TargetModules& modules, View dx) {
    for_products(call, modules, dx.rows, [&](const Product& s) {
      const View dt = View(tensor::view(dt_.data(), s.t.rows, s.t.cols))
                          .rows_from(s.first, s.count)
                          .cols_from(s.t_column, s.a.rows);
      const View to = dx.rows_from(s.first, s.count);
      if (call.dropout() == nullptr) return tensor::cpu::gemm_nn(1.0F, dt, s.a, 1.0F, to);
      const View whole = grown_view(dropped_, s.count, dx.cols);
      tensor::cpu::gemm_nn(1.0F, dt, s.a, 0.0F, whole);
      drop<true>(call, s, whole, to);
    });
  }

 private:
  // The factors of one adapter and one module, and the rows and columns of their product.
  struct Product {
    std::size_t first, count;
    int adapter;
    std::uint32_t mask_id;  // of the module's dropout mask
    float scale;
    ConstView a, b;
    std::size_t a_at, b_at;
    std::size_t column;    // of y
    std::size_t t_column;  // of t
    View t;                // of all modules
  };

  // The module's input after dropout.
  ConstView input_of(Call& call, const Product& s, ConstView x) {
    const ConstView rows = x.rows_from(s.first, s.count);
    if (call.dropout() == nullptr) return rows;
    const View masked = grown_view(dropped_, s.count, x.cols);
    drop<false>(call, s, rows, masked);
    return masked;
  }
  // y (+)= mask ∘ x; x and y begin at the product's first row.
  template <bool add>
  static void drop(const Call& call, const Product& s, ConstView x, View y) {
    for (std::size_t r = 0; r < x.rows; ++r)
      call.dropout()->apply<add>(call.dropout_key(), s.mask_id, std::uint64_t{s.first + r} * x.cols, x.row(r),
                                 x.cols, y.row(r));
  }
  static View t_of(const Product& s) {
    return s.t.rows_from(s.first, s.count).cols_from(s.t_column, s.a.rows);
  }

  template <class Use>
  void for_products(Call& call, const TargetModules& modules, std::size_t rows, Use&& use) {
    if (!adapts(call, modules)) return;
    const peft::Lora& lora = call.lora();
    const std::size_t rank = lora.rank();
    const View t = grown_view(t_, rows, modules.count * rank);
    grown_view(dt_, rows, modules.count * rank);
    for (std::size_t i = 0; i < modules.count; ++i) {
      const peft::Lora::Factors& factors = lora.factors(modules.layer, modules.projection[i]);
      if (!factors.used) continue;
      const std::size_t column = output_column(call.config(), modules.projection[i]);
      const std::uint32_t mask_id =
          peft::dropout_mask_id(modules.layer, static_cast<std::size_t>(modules.projection[i]));
      call.for_probes(rows, [&](std::size_t, std::size_t first, std::size_t) {
        for (const AdapterRun& run : call.packing().runs()) {
          const float* values =
              call.values(peft::Kind::lora) + static_cast<std::size_t>(run.adapter) * lora.size();
          use(Product{first + run.first, run.count, run.adapter, mask_id, factors.scale,
                      ConstView(tensor::view(values + factors.a, factors.rank, factors.in)),
                      ConstView(tensor::view(values + factors.b, factors.out, factors.rank)), factors.a,
                      factors.b, column, i * rank, t});
        }
      });
    }
  }

  std::vector<float> t_, dt_, dropped_;
};

}  // namespace zofo::model

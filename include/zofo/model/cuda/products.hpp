/// @file Matrix products on the GPU, and the low-rank products of adapters and probes.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "zofo/model/cuda/work.hpp"
#include "zofo/model/layer_weights.hpp"
#include "zofo/model/target_modules.hpp"
#include "zofo/tensor/cuda/kernels/adapters.hpp"
#include "zofo/tensor/cuda/kernels/low_rank.hpp"

namespace zofo::model {

/// The operations of CudaBackend that multiply by weights, by factors of adapters or by factors of probes.
template <class T>
class CudaProducts : public CudaWork<T> {
  using Base = CudaWork<T>;

 public:
  ///@{
  /// From the base class.
  using Base::fill_zero;
  using Base::view;
  using typename Base::Call;
  using typename Base::ConstView;
  using typename Base::View;
  ///@}

  using Base::Base;

  /// y = x Wᵀ + b at each probe.
  void linear(Call& call, ConstView x, const LinearWeights<T>& w, View y) {
    state_->blas.multiply(product(call, x, w, y.stride), x.data, w.matrix.data, w.bias.data, y.data);
  }
  /// y = max(x Wᵀ + b, 0).
  void linear_relu(Call& call, ConstView x, const LinearWeights<T>& w, View y) {
    tensor::cuda::Product p = product(call, x, w, y.stride);
    p.relu = true;
    state_->blas.multiply(p, x.data, w.matrix.data, w.bias.data, y.data);
  }
  /// to = from + x Wᵀ + b; `to` may be `from`. `spare` is scratch memory.
  void linear_residual(Call& call, ConstView x, const LinearWeights<T>& w, View from, View to, View spare) {
    tensor::cuda::Product p = product(call, x, w, to.stride);
    p.beta = 1.0F;
    state_->blas.set_scratch(spare.data, spare.rows * spare.stride * sizeof(T));
    state_->blas.multiply(p, x.data, w.matrix.data, w.bias.data, from.data, to.data);
    state_->blas.set_scratch(nullptr, 0);
  }
  /// y = x Wᵀ at each probe, low-rank noise included; the matrix, tensor number `tensor`, is no projection of
  /// a block.
  void project(Call& call, ConstView x, const LinearWeights<T>& w, std::size_t tensor, View y) {
    linear(call, x, w, y);
    if (state_->rank == 0) return;
    tensor::cuda::LowRankProjections list;
    put(list, probe_projection(call, tensor), 0);
    const tensor::cuda::Rows rows = rows_of(call, x.rows);
    grow(state_->t.memory, x.rows * list.t_width);
    tensor::cuda::low_rank_in<T>(call.stream(), rows, list, nullptr, x.data, state_->t.memory.data());
    tensor::cuda::low_rank_out<T>(call.stream(), rows, list, nullptr, state_->t.memory.data(), y.data,
                                  static_cast<std::uint32_t>(y.stride));
  }
  /// dx = dy W; one probe.
  void linear_backward(Call& /*call*/, ConstView dy, const LinearWeights<T>& w, View dx) {
    multiply_back(dy, w, 0.0F, dx);
  }
  /// dx += dy W; one probe.
  void linear_backward_add(Call& /*call*/, ConstView dy, const LinearWeights<T>& w, View dx) {
    state_->blas.set_scratch(state_->sums.memory.data(), state_->sums.memory.size() * sizeof(float));
    multiply_back(dy, w, 1.0F, dx);
    state_->blas.set_scratch(nullptr, 0);
  }

  /// Whether the call has LoRA or low-rank probes at one of the modules.
  [[nodiscard]] bool adapts(const Call& call, const TargetModules& modules) const {
    return low_rank_projections(call, modules).count > 0;
  }
  /// t = x Aᵀ of every module, stored for the operation that adds the product.
  void low_rank_in(Call& call, const TargetModules& modules, ConstView x) {
    const tensor::cuda::LowRankProjections list = low_rank_projections(call, modules);
    if (list.count == 0) return;
    grow(state_->t.memory, x.rows * list.t_width);
    for_inputs(call, modules, list, x,
               [&](const tensor::cuda::LowRankProjections& part, const T* input, std::size_t) {
                 tensor::cuda::low_rank_in<T>(call.stream(), rows_of(call, x.rows), part,
                                              call.packed().adapter, input, state_->t.memory.data());
               });
  }
  /// y += the products of every module.
  void low_rank_out(Call& call, const TargetModules& modules, View y) {
    const tensor::cuda::LowRankProjections list = low_rank_projections(call, modules);
    if (list.count == 0) return;
    tensor::cuda::low_rank_out<T>(call.stream(), rows_of(call, y.rows), list, call.packed().adapter,
                                  state_->t.memory.data(), y.data, static_cast<std::uint32_t>(y.stride));
  }
  /// dt = (α/r)·dy B, stored for the operation that adds dt A; writes the gradients of A and B to the call's.
  void low_rank_gradient(Call& call, const TargetModules& modules, ConstView x, ConstView dy) {
    const tensor::cuda::LowRankProjections list = low_rank_projections(call, modules);
    const tensor::cuda::Rows rows = rows_of(call, x.rows);
    low_rank_in(call, modules, x);
    grow(state_->dt.memory, x.rows * list.t_width);
    grow(state_->sums.memory, tensor::cuda::low_rank_gradients_workspace(rows, list, call.shape().adapters));
    const auto stride = static_cast<std::uint32_t>(dy.stride);
    tensor::cuda::low_rank_back<T>(call.stream(), rows, list, call.packed().adapter, dy.data, stride,
                                   state_->dt.memory.data());
    std::array<tensor::cuda::LowRankGradient, tensor::cuda::LowRankProjections::most> to{};
    float* const gradients = call.gradients_data(peft::Kind::lora);
    for (std::size_t i = 0, n = 0; i < modules.count; ++i) {
      const peft::Lora::Factors& factors = call.lora().factors(modules.layer, modules.projection[i]);
      if (factors.used) to[n++] = {gradients + factors.a, gradients + factors.b, call.lora().size()};
    }
    for_inputs(call, modules, list, x,
               [&](const tensor::cuda::LowRankProjections& part, const T* input, std::size_t first) {
                 tensor::cuda::low_rank_gradients<T>(call.stream(),
                                                     {.rows = rows,
                                                      .projections = part,
                                                      .adapters = call.shape().adapters,
                                                      .adapter = call.packed().adapter,
                                                      .x = input,
                                                      .t = state_->t.memory.data(),
                                                      .dy = dy.data,
                                                      .dy_stride = stride,
                                                      .dt = state_->dt.memory.data(),
                                                      .gradient_of_projection = to.data() + first,
                                                      .workspace = state_->sums.memory.data()});
               });
  }
  /// dx += dt A.
  void low_rank_back_in(Call& call, const TargetModules& modules, View dx) {
    const tensor::cuda::LowRankProjections list = pending_products(call, modules, dx);
    tensor::cuda::low_rank_back_in<T>(call.stream(), rows_of(call, dx.rows), list, call.packed().adapter,
                                      state_->dt.memory.data(), dx.data);
  }

 protected:
  ///@{
  /// From the base class.
  using Base::grow;
  using Base::probes;
  using Base::rows_of;
  using Base::state_;
  ///@}

  /// A product by a weight, as Blas reads it: one batch entry per probe if the weight is perturbed.
  tensor::cuda::Product product(const Call& call, ConstView x, const LinearWeights<T>& w,
                                std::size_t y_stride) const {
    tensor::cuda::Product p;
    p.out = w.out;
    p.in = w.in;
    p.x_ld = x.stride;
    p.y_ld = y_stride;
    p.bias = w.bias.exists();
    p.rows = x.rows;
    if (w.matrix.stride == 0 && w.bias.stride == 0) return p;
    p.rows = x.rows / call.probes();
    p.batch = call.probes();
    p.x_stride = p.rows * x.stride;
    p.y_stride = p.rows * y_stride;
    p.w_stride = w.matrix.stride;
    p.bias_stride = w.bias.stride;
    return p;
  }
  /// dx = dy W + beta·dx.
  void multiply_back(ConstView dy, const LinearWeights<T>& w, float beta, View dx) {
    tensor::cuda::Product p;
    p.rows = dy.rows;
    p.out = w.in;
    p.in = w.out;
    p.x_ld = dy.stride;
    p.y_ld = dx.stride;
    p.w_is_in_by_out = true;
    p.beta = beta;
    const T* const no_bias = nullptr;
    state_->blas.multiply(p, dy.data, w.matrix.data, no_bias, dx.data);
  }
  /// The low-rank products of adapters and probes at these modules.
  tensor::cuda::LowRankProjections low_rank_projections(const Call& call,
                                                        const TargetModules& modules) const {
    tensor::cuda::LowRankProjections list;
    for (std::size_t i = 0; i < modules.count && call.adapted(); ++i) {
      const peft::Lora::Factors& factors = call.lora().factors(modules.layer, modules.projection[i]);
      if (!factors.used) continue;
      tensor::cuda::LowRankProjection s;
      s.a = call.adapters(peft::Kind::lora) + factors.a;
      s.b = call.adapters(peft::Kind::lora) + factors.b;
      s.stride = call.lora().size();
      s.rank = factors.rank;
      s.in = factors.in;
      s.out = factors.out;
      s.b_row = s.rank;
      s.b_col = 1;
      s.scale = factors.scale;
      put(list, s, output_column(call.config(), modules.projection[i]));
    }
    for (std::size_t i = 0; i < modules.count && state_->rank > 0; ++i) {
      const Role role = role_of(modules.projection[i]);
      const std::size_t tensor = state_->layout->tensor(modules.layer, role);
      put(list, probe_projection(call, tensor), output_column(call.config(), modules.projection[i]));
    }
    return list;
  }
  /// Calls use(projections, their x, index of the first) for all projections at once, or one by one with
  /// masked x if there is dropout.
  template <class Use>
  void for_inputs(Call& call, const TargetModules& modules, const tensor::cuda::LowRankProjections& list,
                  ConstView x, Use&& use) {
    if (!call.drops()) return use(list, x.data, std::size_t{0});
    const View masked = view(state_->dropped, x.rows, x.cols);
    for_masks(call, modules, list,
              [&](const auto& part, const tensor::cuda::DropoutArgument& mask, std::size_t i) {
                tensor::cuda::drop<T>(call.stream(), x.rows, static_cast<std::uint32_t>(x.cols), mask, x.data,
                                      false, masked.data);
                use(part, static_cast<const T*>(masked.data), i);
              });
  }
  /// The products that an operation must still add to dx: all of them, or none if there is dropout, for which
  /// they are added here.
  tensor::cuda::LowRankProjections pending_products(Call& call, const TargetModules& modules, View dx) {
    const tensor::cuda::LowRankProjections list = low_rank_projections(call, modules);
    if (!call.drops() || list.count == 0) return list;
    const View share = view(state_->dropped, dx.rows, dx.cols);
    for_masks(
        call, modules, list, [&](const auto& part, const tensor::cuda::DropoutArgument& mask, std::size_t) {
          fill_zero(share);
          tensor::cuda::low_rank_back_in<T>(call.stream(), rows_of(call, dx.rows), part,
                                            call.packed().adapter, state_->dt.memory.data(), share.data);
          tensor::cuda::drop<T>(call.stream(), dx.rows, static_cast<std::uint32_t>(dx.cols), mask, share.data,
                                true, dx.data);
        });
    return {};
  }
  /// Calls use(a list of one projection, its mask, its index) for each projection with LoRA. Calls with
  /// dropout have no low-rank probes.
  template <class Use>
  static void for_masks(const Call& call, const TargetModules& modules,
                        const tensor::cuda::LowRankProjections& list, Use&& use) {
    for (std::size_t i = 0, n = 0; i < modules.count; ++i) {
      if (!call.lora().factors(modules.layer, modules.projection[i]).used) continue;
      tensor::cuda::LowRankProjections part;
      part.projection[0] = list.projection[n];
      part.count = 1;
      part.t_width = list.t_width;
      use(part, call.mask(modules.layer, modules.projection[i]), n++);
    }
  }
  /// Appends a projection whose product starts at `column`.
  static void put(tensor::cuda::LowRankProjections& list, tensor::cuda::LowRankProjection projection,
                  std::size_t column) {
    projection.y_at = static_cast<std::uint32_t>(column);
    projection.t_at = list.t_width;
    list.t_width += projection.rank;
    list.projection[list.count++] = projection;
  }
  /// The low-rank noise of a matrix at the probes.
  tensor::cuda::LowRankProjection probe_projection(const Call& call, std::size_t tensor) const {
    const CudaFactors& table = *state_->probes.table;
    const tensor::cuda::FactorPiece& piece = *table.piece(tensor);
    tensor::cuda::LowRankProjection s;
    s.a = state_->probes.factors.data() + piece.v_at;
    s.b = state_->probes.factors.data() + piece.u_at;
    s.stride = table.stride();
    s.rank = table.rank();
    s.in = piece.cols;
    s.out = piece.rows;
    s.b_row = 1;
    s.b_col = piece.rows;
    s.scale = 1.0F / std::sqrt(static_cast<float>(s.rank));
    s.scales = call.scales();
    s.by_probe = true;
    return s;
  }
};

}  // namespace zofo::model

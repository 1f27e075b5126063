/// @file One adapted projection in a packed pass: y += (α/r)·x Aᵀ Bᵀ and its gradients.
#pragma once

#include <Eigen/Core>
#include <cstddef>

#include "zofo/peft/lora.hpp"

namespace zofo::model {

/// Neighbouring tokens of one adapter (−1: none).
struct AdapterRun {
  std::size_t first = 0;
  std::size_t count = 0;
  int adapter = -1;
};

/// Adds the adapter's product to the rows of `run`. x: [tokens, in], y: [tokens, out]; `low_rank` is
/// workspace.
template <class Backend>
void lora_forward(const peft::Lora& lora, const peft::Lora::Site& site, const Eigen::VectorXf& adapter,
                  const AdapterRun& run, typename Backend::ConstView x, typename Backend::View y,
                  typename Backend::Buffer& low_rank) {
  if (!site.used) return;
  using ConstView = typename Backend::ConstView;
  const ConstView a{adapter.data() + site.a, lora.rank(), site.in, site.in};
  const ConstView b{adapter.data() + site.b, site.out, lora.rank(), lora.rank()};
  const auto t = Backend::view(low_rank, run.count, lora.rank());
  Backend::gemm_nt(1.0F, x.rows_from(run.first, run.count), a, 0.0F, t);
  Backend::gemm_nt(lora.scale(), t, b, 1.0F, y.rows_from(run.first, run.count));
}

/// Adds dA and dB to `gradient` (unless null) and the adapter's share of the input gradient to `dx` (unless
/// null).
template <class Backend>
void lora_backward(const peft::Lora& lora, const peft::Lora::Site& site, const Eigen::VectorXf& adapter,
                   Eigen::VectorXf* gradient, const AdapterRun& run, typename Backend::ConstView x,
                   typename Backend::ConstView dy, typename Backend::View* dx,
                   typename Backend::Buffer& low_rank, typename Backend::Buffer& d_low_rank) {
  if (!site.used) return;
  using ConstView = typename Backend::ConstView;
  using View = typename Backend::View;
  const ConstView a{adapter.data() + site.a, lora.rank(), site.in, site.in};
  const ConstView b{adapter.data() + site.b, site.out, lora.rank(), lora.rank()};
  const ConstView x_run = x.rows_from(run.first, run.count);
  const ConstView dy_run = dy.rows_from(run.first, run.count);
  const View dt = Backend::view(d_low_rank, run.count, lora.rank());
  Backend::gemm_nn(lora.scale(), dy_run, b, 0.0F, dt);
  if (gradient != nullptr) {
    const View t = Backend::view(low_rank, run.count, lora.rank());
    Backend::gemm_nt(1.0F, x_run, a, 0.0F, t);
    Backend::gemm_tn(lora.scale(), dy_run, t, 1.0F,
                     View{gradient->data() + site.b, site.out, lora.rank(), lora.rank()});
    Backend::gemm_tn(1.0F, dt, x_run, 1.0F, View{gradient->data() + site.a, lora.rank(), site.in, site.in});
  }
  if (dx != nullptr) Backend::gemm_nn(1.0F, dt, a, 1.0F, dx->rows_from(run.first, run.count));
}

}  // namespace zofo::model

/// @file The transformer's operations on the CPU in fp32, the reference that other backends are held to.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include "zofo/model/cpu_call.hpp"
#include "zofo/model/cpu_probed.hpp"
#include "zofo/model/layer_weights.hpp"
#include "zofo/model/parameters.hpp"
#include "zofo/model/sites.hpp"
#include "zofo/peft/dropout.hpp"
#include "zofo/perturb/perturbation.hpp"
#include "zofo/tensor/cpu/attention.hpp"
#include "zofo/tensor/cpu/elementwise.hpp"
#include "zofo/tensor/cpu/gemm.hpp"
#include "zofo/tensor/cpu/opt_ops.hpp"

namespace zofo::model {

/// fp32 on the CPU: a BLAS for products, OpenMP and the compiler's vectors for the rest. Rows of a view are
/// the tokens of probe 0, then those of probe 1, and so on.
struct CpuBackend {
  using Scalar = float;
  using Theta = Parameters;
  using Vector = Eigen::VectorXf;
  using Buffer = std::vector<float>;
  using FloatBuffer = std::vector<float>;
  using Call = CpuCall;
  using View = tensor::MatrixView<float>;
  using ConstView = tensor::MatrixView<const float>;

  /// Tokens of a batch that fill the matrix products without straining the memory.
  static constexpr std::size_t tokens_that_fill = 512;

  /// Every shape that Config allows is supported.
  void check(const Config& /*config*/) const {}

  /// A dense view of the first rows·cols entries, growing the buffer if it is shorter.
  static View view(Buffer& buffer, std::size_t rows, std::size_t cols) {
    if (buffer.size() < rows * cols) buffer.resize(rows * cols);
    return tensor::view(buffer.data(), rows, cols);
  }
  static View float_view(FloatBuffer& buffer, std::size_t rows, std::size_t cols) {
    return view(buffer, rows, cols);
  }
  static void fill_zero(View x) { std::fill_n(x.data, x.rows * x.cols, 0.0F); }
  static void copy(ConstView from, View to) { std::copy_n(from.data, from.rows * from.cols, to.data); }

  /// Runs the operations of one pass; `name` and θ tell passes apart where they are recorded.
  template <class Name, class Pass>
  static void run(Call& /*call*/, const Name& /*name*/, const Theta& /*theta*/, Pass&& pass) {
    pass();
  }
  template <class Law>
  static std::vector<ProbeGroup> groups(const Law& /*law*/, std::span<const Probe> probes) {
    return group_probes(probes);
  }
  /// Weights at the probes of a group, which share a direction.
  template <class Law>
  auto at_probes(const Theta& theta, const Law& law, std::span<const Probe> group) {
    const Direction direction = group.empty() ? Direction{} : group[0].direction;
    return CpuProbed(theta, zofo::bind(law, theta, direction), group, scratch_);
  }
  /// 2,048 rows of a 576-wide head are 4.5 MiB: they stay in the last-level cache between generation and
  /// product.
  static std::size_t head_slice(const Config& /*config*/) { return 2048; }

  /// Makes ready what all operations of a pass read.
  static void begin_pass(Call& /*call*/) {}

  /// Adds what the projections before left to h, then x = norm(h).
  void norm(Call& call, const Config& c, const Sites& left, const NormWeights<float>& w, View h, View x) {
    low_rank_out(call, left, h);
    for_probes(call, h.rows, [&](std::size_t j, std::size_t first, std::size_t n) {
      if (c.family == Family::opt)
        tensor::cpu::layer_norm(h.rows_from(first, n), w.gain.at(j), w.bias.at(j), c.norm_eps,
                                x.rows_from(first, n));
      else
        tensor::cpu::rms_norm(h.rows_from(first, n), w.gain.at(j), c.norm_eps, x.rows_from(first, n));
    });
  }
  /// dx += the low-rank share of `sites`, then dh += the gradient of norm at h; one probe.
  void norm_backward(Call& call, const Config& c, const NormWeights<float>& w, View h, const Sites& sites,
                     View dx, View dh) {
    low_rank_back_in(call, sites, dx);
    if (c.family == Family::opt)
      tensor::cpu::layer_norm_backward(h, w.gain.data, c.norm_eps, dx, dh);
    else
      tensor::cpu::rms_norm_backward(h, w.gain.data, c.norm_eps, dx, dh);
  }

  /// y = x Wᵀ + b at each probe.
  void linear(Call& call, ConstView x, const LinearWeights<float>& w, View y) const {
    product(call, x, w, 0.0F, y);
  }
  /// y = max(x Wᵀ + b, 0).
  void linear_relu(Call& call, ConstView x, const LinearWeights<float>& w, View y) const {
    product(call, x, w, 0.0F, y);
    tensor::cpu::relu(y, y);
  }
  /// to = from + x Wᵀ + b; `to` may be `from`. The last view's memory is free to be used.
  void linear_residual(Call& call, ConstView x, const LinearWeights<float>& w, ConstView from, View to,
                       View /*spare*/) const {
    if (from.data != to.data) std::copy_n(from.data, from.rows * from.cols, to.data);
    product(call, x, w, 1.0F, to);
  }
  /// y = x Wᵀ at each probe of a matrix that is no adapted projection: tensor number `tensor`.
  void project(Call& call, ConstView x, const LinearWeights<float>& w, std::size_t /*tensor*/, View y) const {
    product(call, x, w, 0.0F, y);
  }
  /// dx += dy W; one probe.
  void linear_backward_add(Call& /*call*/, ConstView dy, const LinearWeights<float>& w, View dx) const {
    tensor::cpu::gemm_nn(1.0F, dy, {w.matrix.data, w.out, w.in, w.in}, 1.0F, dx);
  }
  /// dx = dy W; one probe.
  void linear_backward(Call& /*call*/, ConstView dy, const LinearWeights<float>& w, View dx) const {
    tensor::cpu::gemm_nn(1.0F, dy, {w.matrix.data, w.out, w.in, w.in}, 0.0F, dx);
  }

  /// True if an adapter of the call's layout sits at one of the sites.
  [[nodiscard]] bool adapts(const Call& call, const Sites& sites) const {
    if (call.packing().runs().empty()) return false;
    for (std::size_t i = 0; i < sites.count; ++i)
      if (call.lora().site(sites.layer, sites.projection[i]).used) return true;
    return false;
  }
  /// t = x Aᵀ of every site, kept for the operation that adds the product.
  void low_rank_in(Call& call, const Sites& sites, ConstView x) {
    for_sites(call, sites, x.rows,
              [&](const Site& s) { tensor::cpu::gemm_nt(1.0F, input_of(call, s, x), s.a, 0.0F, t_of(s)); });
  }
  /// y += (α/r)·t Bᵀ at every site's columns.
  void low_rank_out(Call& call, const Sites& sites, View y) {
    for_sites(call, sites, y.rows, [&](const Site& s) {
      tensor::cpu::gemm_nt(call.lora().scale(), t_of(s), s.b, 1.0F,
                           y.rows_from(s.first, s.count).cols_from(s.column, s.b.rows));
    });
  }
  /// dt = (α/r)·dy B, kept for the operation that adds its share to dx; dA and dB go to the call.
  void low_rank_gradient(Call& call, const Sites& sites, ConstView x, ConstView dy) {
    low_rank_in(call, sites, x);
    for_sites(call, sites, x.rows, [&](const Site& s) {
      const float scale = call.lora().scale();
      const View dt = View(tensor::view(dt_.data(), s.t.rows, s.t.cols))
                          .rows_from(s.first, s.count)
                          .cols_from(s.t_column, s.a.rows);
      const ConstView dy_s = ConstView(dy.rows_from(s.first, s.count).cols_from(s.column, s.b.rows));
      tensor::cpu::gemm_nn(scale, dy_s, s.b, 0.0F, dt);
      float* const gradient =
          call.gradients(peft::Kind::lora) + static_cast<std::size_t>(s.adapter) * call.lora().size();
      tensor::cpu::gemm_tn(scale, dy_s, t_of(s), 1.0F, tensor::view(gradient + s.b_at, s.b.rows, s.b.cols));
      tensor::cpu::gemm_tn(1.0F, dt, input_of(call, s, x), 1.0F,
                           tensor::view(gradient + s.a_at, s.a.rows, s.a.cols));
    });
  }
  /// dx += dt A.
  void low_rank_back_in(Call& call, const Sites& sites, View dx) {
    for_sites(call, sites, dx.rows, [&](const Site& s) {
      const View dt = View(tensor::view(dt_.data(), s.t.rows, s.t.cols))
                          .rows_from(s.first, s.count)
                          .cols_from(s.t_column, s.a.rows);
      const View to = dx.rows_from(s.first, s.count);
      if (call.dropout() == nullptr) return tensor::cpu::gemm_nn(1.0F, dt, s.a, 1.0F, to);
      const View whole = view(dropped_, s.count, dx.cols);
      tensor::cpu::gemm_nn(1.0F, dt, s.a, 0.0F, whole);
      drop<true>(call, s, whole, to);
    });
  }

  // ---- prefixes and prompts ----
  /// Rows of prompts become their vectors.
  void put_prompts(Call& call, View h) const {
    const std::size_t rows = prompt_rows(call);
    for_probes(call, h.rows, [&](std::size_t, std::size_t first, std::size_t) {
      for_prompts(call, [&](std::size_t number, std::size_t row) {
        const float* const from = call.values(peft::Kind::prompt) + number * rows * h.cols;
        for (std::size_t j = 0; j < rows; ++j) std::copy_n(from + j * h.cols, h.cols, h.row(first + row + j));
      });
    });
  }
  /// Prompts' gradients += those of their rows; one probe.
  void prompt_gradient(Call& call, ConstView dh) const {
    const std::size_t rows = prompt_rows(call);
    for_prompts(call, [&](std::size_t number, std::size_t row) {
      float* const to = call.gradients(peft::Kind::prompt) + number * rows * dh.cols;
      for (std::size_t j = 0; j < rows; ++j)
        for (std::size_t i = 0; i < dh.cols; ++i) to[j * dh.cols + i] += dh.row(row + j)[i];
    });
  }
  /// A view's entries, row by row.
  static std::vector<float> read(ConstView x) {
    std::vector<float> values;
    for (std::size_t i = 0; i < x.rows; ++i) values.insert(values.end(), x.row(i), x.row(i) + x.cols);
    return values;
  }

  /// Adds the adapters' products to qkv and turns queries and keys to their positions.
  void finish_qkv(Call& call, const Config& c, const Sites& sites, View qkv) {
    low_rank_out(call, sites, qkv);
    if (c.rotary()) rotate(call, c, qkv, 1.0F);
  }
  void rotate_back(Call& call, const Config& c, View d_qkv) const {
    if (c.rotary()) rotate(call, c, d_qkv, -1.0F);
  }
  void attention(Call& call, const Config& c, std::size_t layer, ConstView qkv, View out,
                 FloatBuffer& /*log_sums*/) const {
    const tensor::cpu::AttentionPrefix prefix = prefix_of(call, layer);
    for_probes(call, qkv.rows, [&](std::size_t, std::size_t first, std::size_t n) {
      tensor::cpu::prefixed_attention(qkv.rows_from(first, n), head_shape(c), call.packing().cu_seqlens(),
                                      prefix, out.rows_from(first, n));
    });
  }
  void attention_backward(Call& call, const Config& c, std::size_t layer, ConstView qkv, ConstView /*out*/,
                          const FloatBuffer& /*log_sums*/, ConstView d_out, View d_qkv) const {
    tensor::cpu::PrefixGradient gradient;
    if (call.uses(peft::Kind::prefix)) {
      float* const to = call.gradients(peft::Kind::prefix);
      gradient = {to + call.layouts().prefix().keys(layer), to + call.layouts().prefix().values(layer)};
    }
    tensor::cpu::prefixed_attention_backward(qkv, d_out, head_shape(c), call.packing().cu_seqlens(),
                                             prefix_of(call, layer), d_qkv, gradient);
  }
  /// Adds the adapters' products to pre, then y = activation(pre); y is pre for ReLU.
  void activate(Call& call, const Config& c, const Sites& sites, View pre, View y) {
    low_rank_out(call, sites, pre);
    if (c.gated())
      tensor::cpu::swiglu(pre, y);
    else
      tensor::cpu::relu(pre, y);
  }
  /// dy += the low-rank share of `sites`, then d_pre = the gradient of activate at pre.
  void activate_backward(Call& call, const Config& c, ConstView pre, const Sites& sites, View dy,
                         View d_pre) {
    low_rank_back_in(call, sites, dy);
    if (c.gated())
      tensor::cpu::swiglu_backward(pre, dy, d_pre);
    else
      tensor::cpu::relu_backward(pre, dy, d_pre);
  }

  // ---- the head ----
  static std::size_t logit_stride(std::size_t count) { return count; }
  void gather(Call& call, ConstView h, View out) const {
    for_probes(call, out.rows, [&](std::size_t j, std::size_t first, std::size_t n) {
      for (std::size_t r = 0; r < n; ++r)
        std::copy_n(h.row(j * call.tokens() + call.head_tokens()[r]), h.cols, out.row(first + r));
    });
  }
  void scatter(Call& call, ConstView d, View dh) const {
    fill_zero(dh);
    for (std::size_t r = 0; r < d.rows; ++r) std::copy_n(d.row(r), d.cols, dh.row(call.head_tokens()[r]));
  }
  void begin_head(Call& call) const { call.sums().assign(call.probes() * call.head_rows(), {}); }
  /// Logits of the vocabulary's entries from `first` on.
  void logits(Call& call, ConstView x, const LinearWeights<float>& w, std::size_t /*first*/, View y) const {
    linear(call, x, w, y);
  }
  /// Takes them into the running sums, and those of targets.
  void add_slice(Call& call, ConstView logits, std::size_t first) const {
    for (std::size_t r = 0; r < logits.rows; ++r) call.sums()[r].add(logits.row(r), logits.cols);
    for (std::size_t j = 0; j < call.probes(); ++j)
      for (std::size_t t = 0; t < call.batch().targets.size(); ++t) {
        const auto token = static_cast<std::size_t>(call.batch().targets[t].token);
        if (token >= first && token < first + logits.cols)
          call.log_p()[j][t] =
              static_cast<double>(logits.row(j * call.head_rows() + call.head_row(t))[token - first]);
      }
  }
  void finish_head(Call& call) const {
    for (std::size_t j = 0; j < call.probes(); ++j)
      for (std::size_t t = 0; t < call.batch().targets.size(); ++t)
        call.log_p()[j][t] -= call.sums()[j * call.head_rows() + call.head_row(t)].log();
  }
  /// d_logits = Σ_t d_t (onehot_t − softmax); one probe.
  void logit_gradient(Call& call, ConstView logits, View d_logits) const {
    const std::span<const double> slopes = call.slopes();
    std::vector<double> total(logits.rows, 0.0);
    for (std::size_t t = 0; t < slopes.size(); ++t) total[call.head_row(t)] += slopes[t];
#pragma omp parallel for schedule(static)
    for (std::size_t r = 0; r < logits.rows; ++r) {
      const float* row = logits.row(r);
      float* out = d_logits.row(r);
      const auto weight = static_cast<float>(-total[r]);
      const auto shift = static_cast<float>(call.sums()[r].log());
#pragma omp simd
      for (std::size_t i = 0; i < logits.cols; ++i) out[i] = weight * tensor::cpu::fast_exp(row[i] - shift);
    }
    for (std::size_t t = 0; t < slopes.size(); ++t)
      d_logits.row(call.head_row(t))[static_cast<std::size_t>(call.batch().targets[t].token)] +=
          static_cast<float>(slopes[t]);
  }

 private:
  // One adapter's factors at one site, and the rows and columns that they concern.
  struct Site {
    std::size_t first, count;
    int adapter;
    std::uint32_t number;  // of the site, as masks are drawn for it
    ConstView a, b;
    std::size_t a_at, b_at;
    std::size_t column;    // of y
    std::size_t t_column;  // of t
    View t;                // whole
  };

  static tensor::cpu::HeadShape head_shape(const Config& c) {
    return {c.heads, c.kv_heads, c.head_dim, c.window};
  }
  template <class Use>
  static void for_probes(const Call& call, std::size_t rows, Use&& use) {
    const std::size_t n = rows / call.probes();
    for (std::size_t j = 0; j < call.probes(); ++j) use(j, j * n, n);
  }
  static std::size_t prompt_rows(const Call& call) { return call.layouts().prompt().tokens(); }
  // Calls use(number of the prompt, its first row) for every sequence that has one.
  template <class Use>
  static void for_prompts(const Call& call, Use&& use) {
    const auto numbers = call.packing().of_sequence(peft::Kind::prompt);
    for (std::size_t i = 0; i < numbers.size(); ++i)
      if (numbers[i] >= 0) use(static_cast<std::size_t>(numbers[i]), call.packing().cu_seqlens()[i]);
  }
  static tensor::cpu::AttentionPrefix prefix_of(const Call& call, std::size_t layer) {
    if (!call.uses(peft::Kind::prefix)) return {};
    const peft::Prefix& layout = call.layouts().prefix();
    const float* const values = call.values(peft::Kind::prefix);
    return {values + layout.keys(layer), values + layout.values(layer), layout.size(), layout.tokens(),
            call.packing().of_sequence(peft::Kind::prefix)};
  }
  // The rows that a site reads, less what is dropped of them.
  ConstView input_of(Call& call, const Site& s, ConstView x) {
    const ConstView rows = x.rows_from(s.first, s.count);
    if (call.dropout() == nullptr) return rows;
    const View left = view(dropped_, s.count, x.cols);
    drop<false>(call, s, rows, left);
    return left;
  }
  // y (+)= x less what is dropped; x and y begin at the site's first row.
  template <bool add>
  static void drop(const Call& call, const Site& s, ConstView x, View y) {
    for (std::size_t r = 0; r < x.rows; ++r)
      call.dropout()->apply<add>(call.dropout_key(), s.number, std::uint64_t{s.first + r} * x.cols, x.row(r),
                                 x.cols, y.row(r));
  }
  void product(const Call& call, ConstView x, const LinearWeights<float>& w, float beta, View y) const {
    for_probes(call, x.rows, [&](std::size_t j, std::size_t first, std::size_t n) {
      const View part = y.rows_from(first, n);
      tensor::cpu::gemm_nt(1.0F, x.rows_from(first, n), {w.matrix.at(j), w.out, w.in, w.in}, beta, part);
      if (w.bias.exists()) tensor::cpu::add_rows(w.bias.at(j), part);
    });
  }
  static View t_of(const Site& s) { return s.t.rows_from(s.first, s.count).cols_from(s.t_column, s.a.rows); }

  template <class Use>
  void for_sites(Call& call, const Sites& sites, std::size_t rows, Use&& use) {
    if (!adapts(call, sites)) return;
    const peft::Lora& lora = call.lora();
    const std::size_t rank = lora.rank();
    const View t = view(t_, rows, sites.count * rank);
    view(dt_, rows, sites.count * rank);
    for (std::size_t i = 0; i < sites.count; ++i) {
      const peft::Lora::Site& site = lora.site(sites.layer, sites.projection[i]);
      if (!site.used) continue;
      const std::size_t column = output_column_of(call, sites.projection[i]);
      const std::uint32_t number =
          peft::dropout_site(sites.layer, static_cast<std::size_t>(sites.projection[i]));
      for_probes(call, rows, [&](std::size_t, std::size_t first, std::size_t) {
        for (const AdapterRun& run : call.packing().runs()) {
          const float* values =
              call.values(peft::Kind::lora) + static_cast<std::size_t>(run.adapter) * lora.size();
          use(Site{first + run.first, run.count, run.adapter, number,
                   ConstView(tensor::view(values + site.a, rank, site.in)),
                   ConstView(tensor::view(values + site.b, site.out, rank)), site.a, site.b, column, i * rank,
                   t});
        }
      });
    }
  }
  static std::size_t output_column_of(const Call& call, peft::Projection projection) {
    return output_column(call.config(), projection);
  }
  void rotate(Call& call, const Config& c, View qkv, float direction) const {
    for_probes(call, qkv.rows, [&](std::size_t, std::size_t first, std::size_t n) {
      tensor::cpu::rotary(qkv.rows_from(first, n), std::size_t{c.heads} + c.kv_heads, c.head_dim,
                          call.packing().positions(), call.packing().cosines(), call.packing().sines(),
                          direction);
    });
  }

  Buffer scratch_, t_, dt_, dropped_;
};

}  // namespace zofo::model

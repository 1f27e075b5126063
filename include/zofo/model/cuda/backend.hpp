/// @file The transformer's operations on the card: the fused kernels of tensor/cuda in the order that
/// model/block.hpp and model/head.hpp give.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "zofo/model/cuda/call.hpp"
#include "zofo/model/cuda/parameters.hpp"
#include "zofo/model/cuda/probed.hpp"
#include "zofo/model/layer_weights.hpp"
#include "zofo/model/probed.hpp"
#include "zofo/model/sites.hpp"
#include "zofo/tensor/cuda/blas.hpp"
#include "zofo/tensor/cuda/context.hpp"
#include "zofo/tensor/cuda/graph.hpp"
#include "zofo/tensor/cuda/kernels/adapters.hpp"
#include "zofo/tensor/cuda/kernels/attention.hpp"
#include "zofo/tensor/cuda/kernels/head.hpp"
#include "zofo/tensor/cuda/kernels/low_rank.hpp"
#include "zofo/tensor/cuda/kernels/rows.hpp"
#include "zofo/tensor/cuda/kernels/vector.hpp"

namespace zofo::model {

/// Laws whose directions the card makes: dense ones in registers, low-rank ones as factors.
template <class Law>
concept CudaLaw = std::is_same_v<Law, NoPerturbation> || std::is_same_v<Law, Gaussian> ||
    std::is_same_v<Law, Rademacher> || std::is_same_v<Law, LowRank>;

/// A buffer on the card that grows before a recording and stays.
template <class T>
struct CudaWorkspace {
  tensor::cuda::Buffer<T> memory;
};

/// How the backend goes about its work.
struct CudaBackendOptions {
  /// Probes of a stage of fewer weights are written while the stage before computes (CudaDense).
  std::size_t overlap_below = std::size_t{1} << 23U;
};

/// bf16 (sums in fp32) or fp32 on one card. All operations are queued; only reading results waits. A pass is
/// recorded into a graph when it comes a second time in the same shape, and replayed from then on. Borrows
/// the context.
template <class T>
class CudaBackend {
 public:
  using Scalar = T;
  using Theta = CudaParameters<T>;
  using Vector = tensor::cuda::Vector;
  using Buffer = CudaWorkspace<T>;
  using FloatBuffer = CudaWorkspace<float>;
  using Call = CudaCall;
  using View = tensor::MatrixView<T>;
  using ConstView = tensor::MatrixView<const T>;
  using FloatView = tensor::MatrixView<float>;

  /// Tokens of a batch that fill the card without straining its memory.
  static constexpr std::size_t tokens_that_fill = 8192;

  explicit CudaBackend(tensor::cuda::Context& context, CudaBackendOptions options = {})
      : state_(std::make_unique<State>(context, options)) {}

  [[nodiscard]] tensor::cuda::Context& context() const { return state_->context; }

  /// Throws Error naming the field whose value no kernel takes.
  void check(const Config& c) const {
    const auto eights = [](const char* field, std::size_t value) {
      require(value % 8 == 0,
              "model config: {} = {}: the CUDA backend needs a multiple of 8 (--device cpu takes any)", field,
              value);
    };
    eights("width", c.width);
    eights("head_dim", c.head_dim);
    eights("ffn", c.ffn);
    eights("embedding_width", c.embedding_width);
    require(c.width <= 16384,
            "model config: width = {}: the CUDA backend takes at most 16384 (--device cpu takes any)",
            c.width);
    require(
        c.embedding_width <= 16384,
        "model config: embedding_width = {}: the CUDA backend takes at most 16384 (--device cpu takes any)",
        c.embedding_width);
    require(c.head_dim <= 256,
            "model config: head_dim = {}: the CUDA backend takes at most 256 (--device cpu takes any)",
            c.head_dim);
  }

  View view(Buffer& buffer, std::size_t rows, std::size_t cols) {
    grow(buffer.memory, rows * cols);
    return tensor::view(buffer.memory.data(), rows, cols);
  }
  FloatView float_view(FloatBuffer& buffer, std::size_t rows, std::size_t cols) {
    grow(buffer.memory, rows * cols);
    return tensor::view(buffer.memory.data(), rows, cols);
  }
  void fill_zero(View x) const {
    tensor::cuda::check(cudaMemsetAsync(x.data, 0, x.rows * x.cols * sizeof(T), context().stream()),
                        "clearing");
  }

  void copy(ConstView from, View to) const {
    tensor::cuda::check(cudaMemcpyAsync(to.data, from.data, from.rows * from.cols * sizeof(T),
                                        cudaMemcpyDeviceToDevice, context().stream()),
                        "copying rows");
  }

  /// Neighbouring probes of one direction share their noise; low-rank probes go all together.
  template <class Law>
  static std::vector<ProbeGroup> groups(const Law& /*law*/, std::span<const Probe> probes) {
    if constexpr (std::is_same_v<Law, LowRank>) {
      if (probes.empty()) return {};
      return {{0, probes.size()}};
    } else {
      return group_probes(probes);
    }
  }
  template <class Law>
  auto at_probes(const Theta& theta, const Law& law, std::span<const Probe> /*group*/) {
    static_assert(
        CudaLaw<Law>,
        "zofo: the CUDA backend makes Gaussian, Rademacher and LowRank directions (concept CudaLaw)");
    if constexpr (std::is_same_v<Law, LowRank>)
      return CudaLowRank<T>(theta, law, state_->probes);
    else
      return CudaDense<T>(theta, law_of(law), state_->probes, state_->options.overlap_below);
  }
  /// Rows of the head at a time: half a stage's weights, or four million where that is more, so that probed
  /// ones fit into the ring and logits stay small.
  static std::size_t head_slice(const Config& c) {
    const std::size_t half_a_stage = std::max(c.qkv_width() + c.query_width(), c.ffn_in()) / 2;
    const std::size_t four_million = (std::size_t{1} << 22U) / c.width;
    return (std::max(half_a_stage, four_million) + 63) / 64 * 64;
  }

  /// Runs a pass whose weights are θ's own.
  template <class Pass>
  void run(Call& call, std::string_view name, const Theta& theta, Pass&& pass) {
    run_keyed(call, std::hash<std::string_view>()(name), theta, pass);
  }
  /// Runs a pass at probes.
  template <class Probed, class Pass>
  requires requires(const Probed& p) { p.key(); }
  void run(Call& call, Probed& weights, const Theta& theta, Pass&& pass) {
    weights.prepare(call);
    state_->rank = weights.rank();
    run_keyed(call, weights.key(), theta, pass);
    state_->rank = 0;
  }

  // ---- the block ----
  void norm(Call& call, const Config& c, const Sites& left, const NormWeights<T>& w, View h, View x) {
    const std::size_t per_probe = h.rows / call.probes();
    tensor::cuda::norm<T>(call.stream(), kind(c), {static_cast<std::uint32_t>(per_probe), probes(call)},
                          static_cast<std::uint32_t>(h.cols), h.data, sites_of(call, left),
                          call.packed().adapter, state_->t.memory.data(), w.gain, w.bias, c.norm_eps, x.data);
  }
  void norm_backward(Call& call, const Config& c, const NormWeights<T>& w, View h, const Sites& sites,
                     View dx, View dh) {
    const tensor::cuda::LowRankSites list = left_to_add(call, sites, dx);
    tensor::cuda::norm_backward<T>(call.stream(), kind(c), {static_cast<std::uint32_t>(h.rows), 1},
                                   static_cast<std::uint32_t>(h.cols), h.data, w.gain, c.norm_eps, dx.data,
                                   list, call.packed().adapter, state_->dt.memory.data(), true, dh.data);
  }
  void linear(Call& call, ConstView x, const LinearWeights<T>& w, View y) {
    state_->blas.multiply(product(call, x, w, y.stride), x.data, w.matrix.data, w.bias.data, y.data);
  }
  void linear_relu(Call& call, ConstView x, const LinearWeights<T>& w, View y) {
    tensor::cuda::Product p = product(call, x, w, y.stride);
    p.relu = true;
    state_->blas.multiply(p, x.data, w.matrix.data, w.bias.data, y.data);
  }
  void linear_residual(Call& call, ConstView x, const LinearWeights<T>& w, View from, View to, View spare) {
    tensor::cuda::Product p = product(call, x, w, to.stride);
    p.beta = 1.0F;
    state_->blas.lend(spare.data, spare.rows * spare.stride * sizeof(T));
    state_->blas.multiply(p, x.data, w.matrix.data, w.bias.data, from.data, to.data);
    state_->blas.lend(nullptr, 0);
  }
  /// y = x Wᵀ of a matrix that is no adapted projection: tensor number `tensor`; low-rank probes add their
  /// share.
  void project(Call& call, ConstView x, const LinearWeights<T>& w, std::size_t tensor, View y) {
    linear(call, x, w, y);
    if (state_->rank == 0) return;
    tensor::cuda::LowRankSites list;
    put(list, probe_site(call, tensor), 0);
    const tensor::cuda::Rows rows = rows_of(call, x.rows);
    grow(state_->t.memory, x.rows * list.t_width);
    tensor::cuda::low_rank_in<T>(call.stream(), rows, list, nullptr, x.data, state_->t.memory.data());
    tensor::cuda::low_rank_out<T>(call.stream(), rows, list, nullptr, state_->t.memory.data(), y.data,
                                  static_cast<std::uint32_t>(y.stride));
  }
  void linear_backward(Call& /*call*/, ConstView dy, const LinearWeights<T>& w, View dx) {
    multiply_back(dy, w, 0.0F, dx);
  }
  void linear_backward_add(Call& /*call*/, ConstView dy, const LinearWeights<T>& w, View dx) {
    state_->blas.lend(state_->sums.memory.data(), state_->sums.memory.size() * sizeof(float));
    multiply_back(dy, w, 1.0F, dx);
    state_->blas.lend(nullptr, 0);
  }

  /// True if an adapter or a low-rank probe sits at one of the sites.
  [[nodiscard]] bool adapts(const Call& call, const Sites& sites) const {
    return sites_of(call, sites).count > 0;
  }
  void low_rank_in(Call& call, const Sites& sites, ConstView x) {
    const tensor::cuda::LowRankSites list = sites_of(call, sites);
    if (list.count == 0) return;
    grow(state_->t.memory, x.rows * list.t_width);
    for_inputs(call, sites, list, x,
               [&](const tensor::cuda::LowRankSites& part, const T* input, std::size_t) {
                 tensor::cuda::low_rank_in<T>(call.stream(), rows_of(call, x.rows), part,
                                              call.packed().adapter, input, state_->t.memory.data());
               });
  }
  void low_rank_out(Call& call, const Sites& sites, View y) {
    const tensor::cuda::LowRankSites list = sites_of(call, sites);
    if (list.count == 0) return;
    tensor::cuda::low_rank_out<T>(call.stream(), rows_of(call, y.rows), list, call.packed().adapter,
                                  state_->t.memory.data(), y.data, static_cast<std::uint32_t>(y.stride));
  }
  void low_rank_gradient(Call& call, const Sites& sites, ConstView x, ConstView dy) {
    const tensor::cuda::LowRankSites list = sites_of(call, sites);
    const tensor::cuda::Rows rows = rows_of(call, x.rows);
    low_rank_in(call, sites, x);
    grow(state_->dt.memory, x.rows * list.t_width);
    grow(state_->sums.memory, tensor::cuda::low_rank_gradients_workspace(rows, list, call.shape().adapters));
    const auto stride = static_cast<std::uint32_t>(dy.stride);
    tensor::cuda::low_rank_back<T>(call.stream(), rows, list, call.packed().adapter, dy.data, stride,
                                   state_->dt.memory.data());
    std::array<tensor::cuda::LowRankGradient, tensor::cuda::LowRankSites::most> to{};
    float* const gradients = call.gradients_data(peft::Kind::lora);
    for (std::size_t i = 0, n = 0; i < sites.count; ++i) {
      const peft::Lora::Site& site = call.lora().site(sites.layer, sites.projection[i]);
      if (site.used) to[n++] = {gradients + site.a, gradients + site.b, call.lora().size()};
    }
    for_inputs(call, sites, list, x,
               [&](const tensor::cuda::LowRankSites& part, const T* input, std::size_t first) {
                 tensor::cuda::low_rank_gradients<T>(call.stream(), rows, part, call.shape().adapters,
                                                     call.packed().adapter, input, state_->t.memory.data(),
                                                     dy.data, stride, state_->dt.memory.data(),
                                                     to.data() + first, state_->sums.memory.data());
               });
  }
  void low_rank_back_in(Call& call, const Sites& sites, View dx) {
    const tensor::cuda::LowRankSites list = left_to_add(call, sites, dx);
    tensor::cuda::low_rank_back_in<T>(call.stream(), rows_of(call, dx.rows), list, call.packed().adapter,
                                      state_->dt.memory.data(), dx.data);
  }

  // ---- prefixes and prompts ----
  /// Makes ready what all operations of a pass read: prefixes in T.
  void begin_pass(Call& call) {
    if (call.shape().prefixes == 0) return;
    const std::size_t n = call.shape().prefixes * call.layouts().prefix().size();
    const float* const from = call.adapters(peft::Kind::prefix);
    grow(state_->prefixes.memory, n);
    if constexpr (std::is_same_v<T, float>)
      tensor::cuda::check(cudaMemcpyAsync(state_->prefixes.memory.data(), from, n * sizeof(float),
                                          cudaMemcpyDeviceToDevice, context().stream()),
                          "copying prefixes");
    else
      tensor::cuda::narrow(context().stream(), n, from, state_->prefixes.memory.data());
  }
  void put_prompts(Call& call, View h) const {
    tensor::cuda::put_prompts<T>(call.stream(), rows_of(call, h.rows), call.prompted(),
                                 static_cast<std::uint32_t>(h.cols), call.adapters(peft::Kind::prompt),
                                 h.data);
  }
  void prompt_gradient(Call& call, ConstView dh) const {
    tensor::cuda::prompt_gradients<T>(call.stream(), call.prompted(), static_cast<std::uint32_t>(dh.cols),
                                      call.shape().prompts, dh.data, call.gradients_data(peft::Kind::prompt));
  }
  /// A view's entries on the host, row by row; waits for the card.
  [[nodiscard]] std::vector<float> read(ConstView x) const {
    std::vector<T> values(x.rows * x.cols);
    tensor::cuda::check(
        cudaMemcpy2DAsync(values.data(), x.cols * sizeof(T), x.data, x.stride * sizeof(T), x.cols * sizeof(T),
                          x.rows, cudaMemcpyDeviceToHost, context().stream()),
        "reading rows");
    context().synchronise();
    std::vector<float> wide;
    wide.reserve(values.size());
    for (const T& value : values) wide.push_back(static_cast<float>(value));
    return wide;
  }

  void finish_qkv(Call& call, const Config& c, const Sites& sites, View qkv) {
    turn(call, c, sites_of(call, sites), 1.0F, qkv);
  }
  void rotate_back(Call& call, const Config& c, View d_qkv) { turn(call, c, {}, -1.0F, d_qkv); }
  void attention(Call& call, const Config& c, std::size_t layer, ConstView qkv, View out,
                 FloatBuffer& log_sums) {
    float* const sums = call.keeps() ? float_view(log_sums, qkv.rows, c.heads).data : nullptr;
    tensor::cuda::attention(call.stream(), heads(c), rows_of(call, qkv.rows), call.packed_prefixes(),
                            prefix_of(call, layer), qkv.data, out.data, sums);
  }
  void attention_backward(Call& call, const Config& c, std::size_t layer, ConstView qkv, ConstView out,
                          FloatBuffer& log_sums, ConstView d_out, View d_qkv) {
    const tensor::cuda::Rows rows = rows_of(call, qkv.rows);
    const tensor::cuda::AttentionPrefix<T> prefix = prefix_of(call, layer);
    tensor::cuda::PrefixGradient gradient;
    if (prefix.length > 0) {
      float* const to = call.gradients_data(peft::Kind::prefix);
      gradient = {to + call.layouts().prefix().keys(layer), to + call.layouts().prefix().values(layer)};
    }
    grow(state_->sums.memory,
         tensor::cuda::attention_backward_workspace(heads(c), rows, call.shape().sequences, prefix.length));
    tensor::cuda::attention_backward(call.stream(), heads(c), rows, call.packed_prefixes(), prefix, qkv.data,
                                     out.data, log_sums.memory.data(), d_out.data, d_qkv.data, gradient,
                                     state_->sums.memory.data());
  }
  void activate(Call& call, const Config& c, const Sites& sites, View pre, View y) {
    tensor::cuda::activate<T>(call.stream(), activation(c), rows_of(call, pre.rows), c.ffn, pre.data,
                              sites_of(call, sites), call.packed().adapter, state_->t.memory.data(),
                              call.keeps(), y.data);
  }
  void activate_backward(Call& call, const Config& c, ConstView pre, const Sites& sites, View dy,
                         View d_pre) {
    const tensor::cuda::LowRankSites list = left_to_add(call, sites, dy);
    tensor::cuda::activate_backward<T>(call.stream(), activation(c), rows_of(call, pre.rows), c.ffn, pre.data,
                                       dy.data, list, call.packed().adapter, state_->dt.memory.data(),
                                       d_pre.data);
  }

  // ---- the head ----
  /// Rows of logits start on 16 bytes.
  static std::size_t logit_stride(std::size_t count) { return (count + 7) / 8 * 8; }
  void gather(Call& call, ConstView h, View out) {
    tensor::cuda::gather_rows<T>(call.stream(), call.row_shape(), static_cast<std::uint32_t>(h.cols),
                                 call.head_tokens(), call.shape().head_rows, h.data, out.data);
  }
  void scatter(Call& call, ConstView d, View dh) {
    tensor::cuda::scatter_rows<T>(call.stream(), call.row_shape(), static_cast<std::uint32_t>(dh.cols),
                                  call.head_tokens(), call.shape().head_rows, call.used_head_rows(), d.data,
                                  dh.data);
  }
  void begin_head(Call& call) {
    tensor::cuda::begin_sums(call.stream(), call.sums(), call.probes() * call.head_rows());
  }
  /// Logits of the vocabulary's entries from `first` on.
  void logits(Call& call, ConstView x, const LinearWeights<T>& w, std::size_t first, FloatView y) {
    state_->blas.multiply(product(call, x, w, y.stride), x.data, w.matrix.data, w.bias.data, y.data);
    if (state_->rank > 0) add_head_noise(call, x, y, first);
  }
  void add_slice(Call& call, FloatView logits, std::size_t first) {
    tensor::cuda::add_slice(call.stream(), logits.data, static_cast<std::uint32_t>(logits.stride),
                            static_cast<std::uint32_t>(first), static_cast<std::uint32_t>(logits.cols),
                            call.shape().head_rows, probes(call), call.targets(), call.shape().targets,
                            call.used_targets(), call.sums(), call.picked());
  }
  void finish_head(Call& call) {
    tensor::cuda::finish_log_probabilities(call.stream(), call.sums(), call.shape().head_rows, probes(call),
                                           call.targets(), call.shape().targets, call.used_targets(),
                                           call.picked(), call.log_p());
  }
  void logit_gradient(Call& call, FloatView logits, View d_logits) {
    tensor::cuda::logit_gradient<T>(call.stream(), logits.data, static_cast<std::uint32_t>(logits.stride),
                                    static_cast<std::uint32_t>(logits.cols), call.shape().head_rows,
                                    call.sums(), call.targets(), call.shape().targets, call.used_targets(),
                                    call.slopes(), d_logits.data);
  }

 private:
  struct State {
    State(tensor::cuda::Context& c, CudaBackendOptions o) : context(c), options(o), blas(c) {}
    tensor::cuda::Context& context;
    CudaBackendOptions options;
    tensor::cuda::Blas blas;
    tensor::cuda::GraphCache graphs;
    ProbeScratch<T> probes;
    std::uint32_t rank = 0;          // of the low-rank probes of the pass under way
    const Layout* layout = nullptr;  // of its θ
    FloatBuffer t, dt, sums;
    Buffer prefixes, dropped;  // prefixes in T; inputs or gradients less what is dropped
    std::uint64_t generation = 0;
    std::vector<std::vector<std::uint64_t>> seen;  // keys that have run once
  };

  static tensor::cuda::Law law_of(const Gaussian&) { return tensor::cuda::Law::gaussian; }
  static tensor::cuda::Law law_of(const Rademacher&) { return tensor::cuda::Law::rademacher; }
  static tensor::cuda::Law law_of(const NoPerturbation&) { return tensor::cuda::Law::none; }
  static tensor::cuda::Norm kind(const Config& c) {
    return c.family == Family::opt ? tensor::cuda::Norm::layer : tensor::cuda::Norm::rms;
  }
  static tensor::cuda::Activation activation(const Config& c) {
    return c.gated() ? tensor::cuda::Activation::swiglu : tensor::cuda::Activation::relu;
  }
  static tensor::cuda::AttentionShape heads(const Config& c) {
    return {c.heads, c.kv_heads, c.head_dim, c.window};
  }
  static std::uint32_t probes(const Call& call) { return static_cast<std::uint32_t>(call.probes()); }
  static tensor::cuda::Rows rows_of(const Call& call, std::size_t rows) {
    return {static_cast<std::uint32_t>(rows / call.probes()), probes(call)};
  }

  // Contents of a new buffer are 0: rows of padding that no kernel writes are read as finite numbers.
  template <class Memory>
  void grow(Memory& memory, std::size_t n) {
    if (memory.size() >= n) return;
    memory = Memory();
    memory = Memory(context(), n);
    tensor::cuda::check(cudaMemsetAsync(memory.data(), 0, n * sizeof(*memory.data()), context().stream()),
                        "clearing");
    ++state_->generation;
  }

  template <class Pass>
  void run_keyed(Call& call, std::uint64_t kind, const Theta& theta, Pass&& pass) {
    state_->layout = &theta.layout();
    const CallShape& s = call.shape();
    const auto key = [&] {
      return std::vector<std::uint64_t>{kind,
                                        reinterpret_cast<std::uintptr_t>(theta.data()),
                                        state_->generation,
                                        state_->probes.generation,
                                        call.generation(),
                                        s.tokens,
                                        s.sequences,
                                        s.longest,
                                        s.head_rows,
                                        s.targets,
                                        s.probes,
                                        s.adapters,
                                        s.prefixes,
                                        s.prompts,
                                        (call.adapted() ? 1U : 0U) + (call.drops() ? 2U : 0U)};
    };
    if (tensor::cuda::Graph* graph = state_->graphs.find(key())) return graph->launch(context());
    const std::vector<std::uint64_t> before = key();
    const auto seen = std::ranges::find(state_->seen, before);
    if (seen == state_->seen.end()) {
      // The first time runs at once: it grows buffers and lets products search their algorithm.
      pass();
      if (state_->seen.size() >= 64) state_->seen.erase(state_->seen.begin());
      state_->seen.push_back(key());
      return;
    }
    state_->seen.erase(seen);
    state_->graphs.insert(before, tensor::cuda::Graph::capture(context(), pass)).launch(context());
  }

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
  // dx = dy W + beta·dx.
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
  void turn(Call& call, const Config& c, const tensor::cuda::LowRankSites& sites, float direction, View qkv) {
    const bool rotary = c.rotary();
    tensor::cuda::finish_qkv<T>(
        call.stream(), rows_of(call, qkv.rows), call.packed(), rotary ? c.heads + c.kv_heads : 0, c.head_dim,
        static_cast<std::uint32_t>(qkv.stride), sites, state_->t.memory.data(),
        rotary ? call.cosines() : nullptr, rotary ? call.sines() : nullptr, direction, qkv.data);
  }

  // The adapters' and the low-rank probes' products at these projections.
  tensor::cuda::LowRankSites sites_of(const Call& call, const Sites& sites) const {
    tensor::cuda::LowRankSites list;
    for (std::size_t i = 0; i < sites.count && call.adapted(); ++i) {
      const peft::Lora::Site& site = call.lora().site(sites.layer, sites.projection[i]);
      if (!site.used) continue;
      tensor::cuda::LowRankSite s;
      s.a = call.adapters(peft::Kind::lora) + site.a;
      s.b = call.adapters(peft::Kind::lora) + site.b;
      s.stride = call.lora().size();
      s.rank = call.lora().rank();
      s.in = site.in;
      s.out = site.out;
      s.b_row = s.rank;
      s.b_col = 1;
      s.scale = call.lora().scale();
      put(list, s, output_column(call.config(), sites.projection[i]));
    }
    for (std::size_t i = 0; i < sites.count && state_->rank > 0; ++i) {
      const Role role = role_of(sites.projection[i]);
      const std::size_t tensor = state_->layout->tensor(sites.layer, role);
      put(list, probe_site(call, tensor), output_column(call.config(), sites.projection[i]));
    }
    return list;
  }
  [[nodiscard]] tensor::cuda::AttentionPrefix<T> prefix_of(const Call& call, std::size_t layer) const {
    if (call.shape().prefixes == 0) return {};
    const peft::Prefix& layout = call.layouts().prefix();
    const T* const prefixes = state_->prefixes.memory.data();
    return {prefixes + layout.keys(layer), prefixes + layout.values(layer), layout.size(), layout.tokens()};
  }
  // Calls use(sites, their x, number of the first) for all sites at once, or one by one with what dropout
  // leaves of x.
  template <class Use>
  void for_inputs(Call& call, const Sites& sites, const tensor::cuda::LowRankSites& list, ConstView x,
                  Use&& use) {
    if (!call.drops()) return use(list, x.data, std::size_t{0});
    const View left = view(state_->dropped, x.rows, x.cols);
    for_masks(call, sites, list,
              [&](const auto& part, const tensor::cuda::DropoutArgument& mask, std::size_t i) {
                tensor::cuda::drop<T>(call.stream(), x.rows, static_cast<std::uint32_t>(x.cols), mask, x.data,
                                      false, left.data);
                use(part, static_cast<const T*>(left.data), i);
              });
  }
  // What an operation has still to add to dx of the sites' share: all of it, or nothing where masks come
  // between.
  tensor::cuda::LowRankSites left_to_add(Call& call, const Sites& sites, View dx) {
    const tensor::cuda::LowRankSites list = sites_of(call, sites);
    if (!call.drops() || list.count == 0) return list;
    const View share = view(state_->dropped, dx.rows, dx.cols);
    for_masks(
        call, sites, list, [&](const auto& part, const tensor::cuda::DropoutArgument& mask, std::size_t) {
          fill_zero(share);
          tensor::cuda::low_rank_back_in<T>(call.stream(), rows_of(call, dx.rows), part,
                                            call.packed().adapter, state_->dt.memory.data(), share.data);
          tensor::cuda::drop<T>(call.stream(), dx.rows, static_cast<std::uint32_t>(dx.cols), mask, share.data,
                                true, dx.data);
        });
    return {};
  }
  // Calls use(a list of one site, its mask, its number) for LoRA's sites; masks come where there are no
  // others.
  template <class Use>
  static void for_masks(const Call& call, const Sites& sites, const tensor::cuda::LowRankSites& list,
                        Use&& use) {
    for (std::size_t i = 0, n = 0; i < sites.count; ++i) {
      if (!call.lora().site(sites.layer, sites.projection[i]).used) continue;
      tensor::cuda::LowRankSites part;
      part.site[0] = list.site[n];
      part.count = 1;
      part.t_width = list.t_width;
      use(part, call.mask(sites.layer, sites.projection[i]), n++);
    }
  }
  static void put(tensor::cuda::LowRankSites& list, tensor::cuda::LowRankSite site, std::size_t column) {
    site.y_at = static_cast<std::uint32_t>(column);
    site.t_at = list.t_width;
    list.t_width += site.rank;
    list.site[list.count++] = site;
  }
  tensor::cuda::LowRankSite probe_site(const Call& call, std::size_t tensor) const {
    const CudaFactors& table = *state_->probes.table;
    const tensor::cuda::FactorPiece& piece = *table.piece(tensor);
    tensor::cuda::LowRankSite s;
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
  static Role role_of(peft::Projection projection) {
    constexpr std::array<Role, 7> roles{Role::q, Role::k, Role::v, Role::o, Role::gate, Role::up, Role::down};
    return roles[static_cast<std::size_t>(projection)];
  }
  // logits += scale/√r·(x V) Uᵀ of the head's matrix, for the slice's rows of U.
  void add_head_noise(Call& call, ConstView x, FloatView logits, std::size_t first) {
    tensor::cuda::LowRankSites list;
    put(list, probe_site(call, state_->layout->head()), 0);
    list.site[0].b += first;
    list.site[0].out = static_cast<std::uint32_t>(logits.cols);
    grow(state_->t.memory, x.rows * list.t_width);
    if (first == 0)
      tensor::cuda::low_rank_in<T>(call.stream(), call.head_shape(), list, nullptr, x.data,
                                   state_->t.memory.data());
    tensor::cuda::low_rank_out<float>(call.stream(), call.head_shape(), list, nullptr,
                                      state_->t.memory.data(), logits.data,
                                      static_cast<std::uint32_t>(logits.stride));
  }

  std::unique_ptr<State> state_;
};

}  // namespace zofo::model

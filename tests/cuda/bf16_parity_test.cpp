/// @file Each operation of the transformer in bf16 on the GPU is no further from the exact result than twice
/// what PyTorch's bf16 is on the same inputs (tests/golden/bf16_error.json, by
/// tests/golden/generators/bf16_torch.py). The exact result is computed here, in double, from the inputs as
/// rounded to bf16.
#include <numeric>
#include <string>

#include "../model/golden.hpp"
#include "catch.hpp"
#include "device.hpp"
#include "parity_reference.hpp"
#include "zofo/tensor/cuda/blas.hpp"
#include "zofo/tensor/cuda/context.hpp"
#include "zofo/tensor/cuda/kernels/attention.hpp"
#include "zofo/tensor/cuda/kernels/head.hpp"
#include "zofo/tensor/cuda/kernels/rows.hpp"

using namespace zofo::tensor::cuda;
using nlohmann::json;
using reference::Values;

namespace {

// Row i's position is i; no row has an adapter.
struct Packed {
  explicit Packed(const std::vector<std::size_t>& lengths)
      : rows{static_cast<std::uint32_t>(std::accumulate(lengths.begin(), lengths.end(), std::size_t{0})), 1},
        position(in_order(rows.tokens)),
        adapter(std::vector<std::int32_t>(rows.tokens, -1)),
        ends(sums(lengths)) {
    tokens = {nullptr,
              position.data(),
              adapter.data(),
              ends.data(),
              static_cast<std::uint32_t>(lengths.size()),
              static_cast<std::uint32_t>(*std::max_element(lengths.begin(), lengths.end()))};
  }
  static std::vector<std::uint32_t> in_order(std::uint32_t n) {
    std::vector<std::uint32_t> x(n);
    std::iota(x.begin(), x.end(), 0U);
    return x;
  }
  static std::vector<std::uint32_t> sums(const std::vector<std::size_t>& lengths) {
    std::vector<std::uint32_t> x{0};
    for (const std::size_t n : lengths) x.push_back(x.back() + static_cast<std::uint32_t>(n));
    return x;
  }
  Rows rows;
  DeviceArray<std::uint32_t> position;
  DeviceArray<std::int32_t> adapter;
  DeviceArray<std::uint32_t> ends;
  PackedTokens tokens;
};

// One entry of the file: its inputs, on the GPU and in double, and the operations that read them.
class Entry {
 public:
  Entry(const json& document, const json& entry, Context& context)
      : entry_(entry), shape_(entry.at("shape")), context_(context), blas_(context) {
    eps_ = document.at("eps");
    base_ = document.at("rope_base");
  }

  [[nodiscard]] std::string name() const { return op() + " " + shape_.dump(); }
  [[nodiscard]] double bound() const { return 2.0 * entry_.at("error").get<double>(); }

  // ‖ours − exact‖/‖exact‖.
  double error() {
    if (op() == "rms_norm") return norm(Norm::rms);
    if (op() == "layer_norm") return norm(Norm::layer);
    if (op() == "rms_norm_backward") return norm_backward(Norm::rms);
    if (op() == "layer_norm_backward") return norm_backward(Norm::layer);
    if (op() == "rotary") return rotary();
    if (op() == "swiglu") return swiglu();
    if (op() == "swiglu_backward") return swiglu_backward();
    if (op() == "linear") return linear();
    if (op() == "relu_mlp") return relu_mlp();
    if (op() == "attention") return attention(false);
    if (op() == "attention_backward") return attention(true);
    if (op() == "log_probabilities") return log_probabilities();
    throw std::runtime_error("no such operation: " + op());
  }

 private:
  [[nodiscard]] std::string op() const { return entry_.at("op"); }
  [[nodiscard]] std::uint32_t size(const char* key) const { return shape_.at(key); }
  [[nodiscard]] cudaStream_t stream() const { return context_.stream(); }

  [[nodiscard]] std::vector<bf16> input(const char* name) const {
    const json& description = entry_.at("inputs").at(name);
    std::size_t n = 1;
    for (const std::size_t each : description.at("shape")) n *= each;
    const float amplitude = description.at("amplitude"), offset = description.at("offset");
    std::vector<float> values(n);
    for (std::size_t i = 0; i < n; ++i)
      values[i] = offset + amplitude * zofo::model::golden::formula(description.at("stream"), i);
    return to_bf16(values);
  }
  [[nodiscard]] Values exact(const char* name) const {
    const std::vector<float> values = to_float(input(name));
    return {values.begin(), values.end()};
  }
  [[nodiscard]] DeviceArray<bf16> on_gpu(const char* name) const { return DeviceArray<bf16>(input(name)); }

  double norm(Norm kind) {
    const Packed packed({size("rows")});
    auto h = on_gpu("x");
    const auto gain = on_gpu("gain");
    const DeviceArray<bf16> bias =
        kind == Norm::layer ? on_gpu("bias") : DeviceArray<bf16>(std::vector<bf16>());
    DeviceArray<bf16> y(h.size());
    must(cudaDeviceSynchronize());
    zofo::tensor::cuda::norm<bf16>(stream(), {.kind = kind,
                                              .rows = packed.rows,
                                              .width = size("width"),
                                              .h = h.data(),
                                              .gain = {gain.data(), 0},
                                              .bias = {bias.data(), 0},
                                              .eps = eps_,
                                              .x = y.data()});
    return relative_error(y.host(), reference::norm(exact("x"), exact("gain"),
                                                    kind == Norm::layer ? exact("bias") : Values(), eps()));
  }
  double norm_backward(Norm kind) {
    const Packed packed({size("rows")});
    const auto h = on_gpu("x"), gain = on_gpu("gain"), dy = on_gpu("dy");
    DeviceArray<bf16> dh(h.size());
    must(cudaDeviceSynchronize());
    zofo::tensor::cuda::norm_backward<bf16>(stream(), {.kind = kind,
                                                       .rows = packed.rows,
                                                       .width = size("width"),
                                                       .h = h.data(),
                                                       .gain = {gain.data(), 0},
                                                       .eps = eps_,
                                                       .dx = dy.data(),
                                                       .accumulate = false,
                                                       .dh = dh.data()});
    return relative_error(dh.host(), reference::norm_backward(exact("x"), exact("gain"), kind == Norm::layer,
                                                              eps(), exact("dy")));
  }
  double rotary() {
    const Packed packed({size("rows")});
    const std::uint32_t heads = size("heads"), dim = size("dim");
    std::vector<float> cosines, sines;
    for (std::uint32_t p = 0; p < size("rows"); ++p)
      for (std::uint32_t i = 0; i < dim; i += 2) {
        const double t = p * std::pow(base_, -static_cast<double>(i) / dim);
        cosines.push_back(static_cast<float>(std::cos(t)));
        sines.push_back(static_cast<float>(std::sin(t)));
      }
    const DeviceArray<float> c(cosines), s(sines);
    auto x = on_gpu("x");
    must(cudaDeviceSynchronize());
    finish_qkv<bf16>(stream(), {.rows = packed.rows,
                                .position = packed.tokens.position,
                                .rotation = {heads * dim, dim, dim, c.data(), s.data(), 1.0F},
                                .stride = heads * dim,
                                .qkv = x.data()});
    return relative_error(x.host(), reference::rotary(exact("x"), heads, dim, base_));
  }
  double swiglu() {
    const Packed packed({size("rows")});
    auto x = on_gpu("x");
    DeviceArray<bf16> y(x.size() / 2);
    must(cudaDeviceSynchronize());
    activate<bf16>(stream(), {.kind = Activation::swiglu,
                              .rows = packed.rows,
                              .ffn = size("ffn"),
                              .pre = x.data(),
                              .save_pre = false,
                              .y = y.data()});
    return relative_error(y.host(), reference::swiglu(exact("x"), size("ffn")));
  }
  double swiglu_backward() {
    const Packed packed({size("rows")});
    const auto x = on_gpu("x"), dy = on_gpu("dy");
    DeviceArray<bf16> dx(x.size());
    must(cudaDeviceSynchronize());
    activate_backward<bf16>(stream(), {.kind = Activation::swiglu,
                                       .rows = packed.rows,
                                       .ffn = size("ffn"),
                                       .pre = x.data(),
                                       .dy = dy.data(),
                                       .d_pre = dx.data()});
    return relative_error(dx.host(), reference::swiglu_backward(exact("x"), size("ffn"), exact("dy")));
  }
  double linear() {
    const auto x = on_gpu("x"), w = on_gpu("w");
    DeviceArray<bf16> y(std::size_t{size("rows")} * size("out"));
    must(cudaDeviceSynchronize());
    const bf16* const no_bias = nullptr;
    blas_.multiply(Product{.rows = size("rows"), .out = size("out"), .in = size("in")}, x.data(), w.data(),
                   no_bias, y.data());
    return relative_error(y.host(), reference::linear(exact("x"), exact("w"), {}, size("in")));
  }
  double relu_mlp() {
    const std::size_t rows = size("rows"), width = size("width"), ffn = size("ffn");
    const auto x = on_gpu("x"), w1 = on_gpu("w1"), b1 = on_gpu("b1"), w2 = on_gpu("w2"), b2 = on_gpu("b2");
    DeviceArray<bf16> residual(rows * ffn), y(rows * width);
    must(cudaDeviceSynchronize());
    blas_.multiply(Product{.rows = rows, .out = ffn, .in = width, .relu = true, .bias = true}, x.data(),
                   w1.data(), static_cast<const bf16*>(b1.data()), residual.data());
    blas_.multiply(Product{.rows = rows, .out = width, .in = ffn, .bias = true},
                   static_cast<const bf16*>(residual.data()), w2.data(), static_cast<const bf16*>(b2.data()),
                   y.data());
    Values hidden = reference::linear(exact("x"), exact("w1"), exact("b1"), width);
    for (double& each : hidden) each = std::max(each, 0.0);
    return relative_error(y.host(), reference::linear(hidden, exact("w2"), exact("b2"), ffn));
  }
  double attention(bool backward) {
    const reference::Heads heads{size("heads"), size("kv_heads"), size("dim"),
                                 shape_.at("lengths").get<std::vector<std::size_t>>()};
    const AttentionShape shape{size("heads"), size("kv_heads"), size("dim")};
    const Packed packed(heads.lengths);
    const auto qkv = on_gpu("x");
    const std::size_t width = heads.heads * heads.dim;
    DeviceArray<bf16> out(packed.rows.count() * width);
    DeviceArray<float> lse(packed.rows.count() * heads.heads);
    must(cudaDeviceSynchronize());
    zofo::tensor::cuda::attention(stream(), shape, packed.rows, packed.tokens, AttentionPrefix<bf16>{},
                                  qkv.data(), out.data(), lse.data());
    if (!backward) return relative_error(out.host(), reference::attention(heads, exact("x")));
    const auto d_out = on_gpu("dy");
    DeviceArray<bf16> d_qkv(qkv.size());
    DeviceArray<float> workspace(
        attention_backward_workspace(shape, packed.rows, packed.tokens.sequences, 0));
    must(cudaDeviceSynchronize());
    zofo::tensor::cuda::attention_backward(stream(),
                                           AttentionBackward<bf16>{.shape = shape,
                                                                   .rows = packed.rows,
                                                                   .packed = packed.tokens,
                                                                   .prefix = AttentionPrefix<bf16>{},
                                                                   .qkv = qkv.data(),
                                                                   .out = out.data(),
                                                                   .lse = lse.data(),
                                                                   .d_out = d_out.data(),
                                                                   .d_qkv = d_qkv.data(),
                                                                   .d_prefix = PrefixGradient{},
                                                                   .workspace = workspace.data()});
    return relative_error(d_qkv.host(), reference::attention_backward(heads, exact("x"), exact("dy")));
  }
  double log_probabilities() {
    const std::uint32_t rows = size("rows"), width = size("width"), vocab = size("vocab");
    std::vector<TargetArgument> wanted;
    for (std::uint32_t row = 0; row < rows; ++row)
      for (std::uint32_t j = 0; j < size("targets"); ++j)
        wanted.push_back({row, static_cast<std::int32_t>((row * 97 + j * 4001 + 5) % vocab)});
    const auto count = static_cast<std::uint32_t>(wanted.size());
    const auto x = on_gpu("x"), w = on_gpu("w");
    const DeviceArray<TargetArgument> targets(wanted);
    const DeviceArray<std::uint32_t> used(std::vector<std::uint32_t>{count});
    const std::uint32_t slice = 4096;  // two of them
    DeviceArray<float> logits(std::size_t{rows} * slice), picked(count);
    DeviceArray<RunningSum> sums(rows);
    DeviceArray<double> log_p(count);
    must(cudaDeviceSynchronize());
    begin_sums(stream(), sums.data(), rows);
    for (std::uint32_t first = 0; first < vocab; first += slice) {
      const std::uint32_t n = std::min(slice, vocab - first);
      const bf16* const no_bias = nullptr;
      blas_.multiply(Product{.rows = rows, .out = n, .in = width, .y_ld = slice}, x.data(),
                     w.data() + std::size_t{first} * width, no_bias, logits.data());
      add_slice(
          stream(),
          {.logits = logits.data(), .stride = slice, .first = first, .count = n, .rows = rows, .probes = 1},
          {targets.data(), count, used.data()}, sums.data(), picked.data());
    }
    finish_log_probabilities(stream(), sums.data(), rows, 1, {targets.data(), count, used.data()},
                             picked.data(), log_p.data());
    const Values all = reference::log_softmax(reference::linear(exact("x"), exact("w"), {}, width), vocab);
    Values expected;
    for (const TargetArgument& t : wanted)
      expected.push_back(all[std::size_t{t.row} * vocab + static_cast<std::size_t>(t.token)]);
    return relative_error(log_p.host(), expected);
  }

  // What the float on the GPU stands for in PyTorch's and in the exact run.
  [[nodiscard]] double eps() const { return static_cast<double>(eps_); }

  const json& entry_;
  const json& shape_;
  Context& context_;
  Blas blas_;
  float eps_;
  double base_;
};

}  // namespace

TEST_CASE("bf16 operations are no further from exact than twice PyTorch's", "[cuda]") {
  const json document = zofo::model::golden::load("bf16_error.json");
  Context context;
  for (const json& each : document.at("entries")) {
    Entry entry(document, each, context);
    const double error = entry.error();
    INFO(entry.name() << ": relative error " << error << ", bound " << entry.bound());
    CHECK(error <= entry.bound());
  }
}

/// @file Attention on the card against its definition in double, from the inputs as rounded to the scalar.
/// Tests tagged [.time] print microseconds and run only when asked for.
#include "zofo/tensor/cuda/kernels/attention.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>
#include <limits>
#include <numeric>
#include <string>
#include <type_traits>

#include "catch.hpp"
#include "device.hpp"

using namespace zofo::tensor::cuda;

namespace {

// A batch: sequences, empty ones behind them, rows of padding, adapters and the length of their prefixes.
struct Batch {
  AttentionShape shape;
  std::vector<std::uint32_t> lengths;
  std::uint32_t padding = 3, empty = 2, probes = 1;
  std::uint32_t prefix = 0;
  std::vector<std::int32_t> adapter = {};  // of each sequence; the rest have none

  [[nodiscard]] std::uint32_t used() const {
    return std::accumulate(lengths.begin(), lengths.end(), std::uint32_t{0});
  }
  [[nodiscard]] Rows rows() const { return {used() + padding, probes}; }
  [[nodiscard]] std::uint32_t sequences() const { return static_cast<std::uint32_t>(lengths.size()) + empty; }
  [[nodiscard]] std::vector<std::uint32_t> cu_seqlens() const {
    std::vector<std::uint32_t> cu{0};
    for (const std::uint32_t n : lengths) cu.push_back(cu.back() + n);
    cu.resize(sequences() + 1, cu.back());
    return cu;
  }
  [[nodiscard]] std::int32_t adapter_of(std::size_t sequence) const {
    return sequence < adapter.size() ? adapter[sequence] : -1;
  }
  [[nodiscard]] std::vector<std::int32_t> token_adapters() const {
    std::vector<std::int32_t> x;
    for (std::size_t s = 0; s < lengths.size(); ++s) x.insert(x.end(), lengths[s], adapter_of(s));
    x.resize(rows().tokens, -1);
    return x;
  }
  [[nodiscard]] std::uint32_t longest() const {
    return lengths.empty() ? 0 : *std::max_element(lengths.begin(), lengths.end());
  }
  [[nodiscard]] std::size_t qkv_width() const {
    return std::size_t{shape.heads + 2 * shape.kv_heads} * shape.dim;
  }
  [[nodiscard]] std::size_t out_width() const { return std::size_t{shape.heads} * shape.dim; }
  [[nodiscard]] std::size_t kv_width() const { return std::size_t{shape.kv_heads} * shape.dim; }
  [[nodiscard]] std::size_t prefix_stride() const { return prefix * kv_width() + 8; }
  [[nodiscard]] std::size_t prefix_entries() const { return 3 * prefix_stride(); }
};

// Inputs or results, in one scalar.
template <class T>
struct Values {
  std::vector<T> qkv, out, d_out, d_qkv, prefix_keys, prefix_values;
  std::vector<float> lse, d_prefix_keys, d_prefix_values;
};

double exact(float x) { return static_cast<double>(x); }
double exact(bf16 x) { return static_cast<double>(__bfloat162float(x)); }

// Padding and the gaps between prefixes are NaN, so that whatever reads them shows.
template <class T>
Values<T> inputs(const Batch& b, float amplitude) {
  Values<T> v;
  const auto poison_padding = [&](std::vector<float> x, std::size_t width) {
    for (std::size_t r = 0; r < b.rows().count(); ++r)
      if (r % b.rows().tokens >= b.used())
        std::fill_n(x.begin() + static_cast<std::ptrdiff_t>(r * width), width, std::nanf(""));
    return scalars<T>(x);
  };
  const auto poison_gaps = [&](std::vector<float> x) {
    for (std::size_t i = 0; i < x.size(); ++i)
      if (i % b.prefix_stride() >= b.prefix * b.kv_width()) x[i] = std::nanf("");
    return scalars<T>(x);
  };
  v.qkv = poison_padding(random_values(1, b.rows().count() * b.qkv_width(), amplitude), b.qkv_width());
  v.d_out = poison_padding(random_values(2, b.rows().count() * b.out_width(), 1.0F), b.out_width());
  if (b.prefix > 0) {
    v.prefix_keys = poison_gaps(random_values(3, b.prefix_entries(), amplitude));
    v.prefix_values = poison_gaps(random_values(4, b.prefix_entries(), amplitude));
  }
  return v;
}

// The arrays on the card and the calls.
template <class T>
class Card {
 public:
  Card(const Batch& b, const Values<T>& v)
      : batch_(b),
        cu_(b.cu_seqlens()),
        adapter_(b.token_adapters()),
        qkv_(v.qkv),
        d_out_(v.d_out),
        prefix_keys_(v.prefix_keys),
        prefix_values_(v.prefix_values),
        out_(b.rows().count() * b.out_width()),
        d_qkv_(v.qkv.size()),
        lse_(b.rows().count() * b.shape.heads),
        d_prefix_keys_(std::vector<float>(v.prefix_keys.size(), 1.0F)),
        d_prefix_values_(std::vector<float>(v.prefix_keys.size(), 2.0F)),
        workspace_(attention_backward_workspace(b.shape, b.rows(), b.sequences(), b.prefix)) {}

  void forward() {
    attention(nullptr, batch_.shape, batch_.rows(), packed(), prefix(), qkv_.data(), out_.data(),
              lse_.data());
  }
  void backward() {
    attention_backward(nullptr, AttentionBackward<T>{.shape = batch_.shape,
                                                     .rows = batch_.rows(),
                                                     .packed = packed(),
                                                     .prefix = prefix(),
                                                     .qkv = qkv_.data(),
                                                     .out = out_.data(),
                                                     .lse = lse_.data(),
                                                     .d_out = d_out_.data(),
                                                     .d_qkv = d_qkv_.data(),
                                                     .d_prefix = PrefixGradient{d_prefix_keys_.data(),
                                                                                d_prefix_values_.data()},
                                                     .workspace = workspace_.data()});
  }
  [[nodiscard]] Values<T> results() const {
    Values<T> v;
    v.out = out_.host();
    v.d_qkv = d_qkv_.host();
    v.lse = lse_.host();
    v.d_prefix_keys = d_prefix_keys_.host();
    v.d_prefix_values = d_prefix_values_.host();
    return v;
  }

 private:
  [[nodiscard]] PackedTokens packed() const {
    PackedTokens p;
    p.adapter = adapter_.data();
    p.cu_seqlens = cu_.data();
    p.sequences = batch_.sequences();
    p.longest = (batch_.longest() + 15) / 16 * 16;
    return p;
  }
  [[nodiscard]] AttentionPrefix<T> prefix() const {
    return {prefix_keys_.data(), prefix_values_.data(), batch_.prefix_stride(), batch_.prefix};
  }

  Batch batch_;
  DeviceArray<std::uint32_t> cu_;
  DeviceArray<std::int32_t> adapter_;
  DeviceArray<T> qkv_, d_out_, prefix_keys_, prefix_values_, out_, d_qkv_;
  DeviceArray<float> lse_, d_prefix_keys_, d_prefix_values_, workspace_;
};

// The definition, in double. Results have 0 where nothing is to be written.
struct Reference {
  std::vector<double> out, lse, d_qkv, d_prefix_keys, d_prefix_values;

  template <class T>
  Reference(const Batch& b, const Values<T>& v)
      : out(b.rows().count() * b.out_width()),
        lse(b.rows().count() * b.shape.heads),
        d_qkv(v.qkv.size()),
        d_prefix_keys(v.prefix_keys.size()),
        d_prefix_values(v.prefix_keys.size()) {
    const auto cu = b.cu_seqlens();
    for (std::uint32_t probe = 0; probe < b.probes; ++probe)
      for (std::size_t s = 0; s < b.lengths.size(); ++s)
        for (std::uint32_t h = 0; h < b.shape.heads; ++h)
          head(b, v, std::size_t{probe} * b.rows().tokens + cu[s], s, h);
  }

 private:
  // Where a key and value are in the inputs, and in the gradients.
  struct Key {
    bool of_prefix;
    std::size_t key, value;
  };

  static std::vector<Key> keys_of(const Batch& b, std::size_t row, std::size_t sequence, std::uint32_t head) {
    const std::size_t kv_head = head / (b.shape.heads / b.shape.kv_heads), dim = b.shape.dim;
    std::vector<Key> keys;
    if (b.adapter_of(sequence) >= 0)
      for (std::size_t j = 0; j < b.prefix; ++j) {
        const std::size_t at = static_cast<std::size_t>(b.adapter_of(sequence)) * b.prefix_stride() +
                               j * b.kv_width() + kv_head * dim;
        keys.push_back({true, at, at});
      }
    for (std::size_t j = 0; j < b.lengths[sequence]; ++j) {
      const std::size_t at = (row + j) * b.qkv_width() + (b.shape.heads + kv_head) * dim;
      keys.push_back({false, at, at + b.kv_width()});
    }
    return keys;
  }

  template <class T>
  void head(const Batch& b, const Values<T>& v, std::size_t row, std::size_t sequence, std::uint32_t h) {
    const std::size_t dim = b.shape.dim;
    const double scale = 1.0 / std::sqrt(static_cast<double>(dim));
    const auto keys = keys_of(b, row, sequence, h);
    const std::size_t prefix = keys.size() - b.lengths[sequence];
    const auto key = [&](const Key& k, std::size_t d) {
      return exact(k.of_prefix ? v.prefix_keys[k.key + d] : v.qkv[k.key + d]);
    };
    const auto value = [&](const Key& k, std::size_t d) {
      return exact(k.of_prefix ? v.prefix_values[k.value + d] : v.qkv[k.value + d]);
    };
    for (std::size_t i = 0; i < b.lengths[sequence]; ++i) {
      const std::size_t q_at = (row + i) * b.qkv_width() + h * dim, n = prefix + i + 1;
      const std::size_t out_at = (row + i) * b.out_width() + h * dim;
      const std::size_t first = b.shape.window == 0 || n < b.shape.window ? 0 : n - b.shape.window;
      std::vector<double> p(n), dp(n);
      for (std::size_t j = first; j < n; ++j)
        for (std::size_t d = 0; d < dim; ++d) {
          p[j] += exact(v.qkv[q_at + d]) * key(keys[j], d) * scale;
          dp[j] += exact(v.d_out[out_at + d]) * value(keys[j], d);
        }
      const double highest = *std::max_element(p.begin() + static_cast<std::ptrdiff_t>(first), p.end());
      double sum = 0.0, delta = 0.0;
      for (std::size_t j = first; j < n; ++j) sum += p[j] = std::exp(p[j] - highest);
      lse[(row + i) * b.shape.heads + h] = highest + std::log(sum);
      for (std::size_t j = first; j < n; ++j) delta += (p[j] /= sum) * dp[j];
      for (std::size_t j = first; j < n; ++j) {
        const double ds = p[j] * (dp[j] - delta) * scale;
        double* const d_key = (keys[j].of_prefix ? d_prefix_keys : d_qkv).data() + keys[j].key;
        double* const d_value = (keys[j].of_prefix ? d_prefix_values : d_qkv).data() + keys[j].value;
        for (std::size_t d = 0; d < dim; ++d) {
          out[out_at + d] += p[j] * value(keys[j], d);
          d_qkv[q_at + d] += ds * key(keys[j], d);
          d_key[d] += ds * exact(v.qkv[q_at + d]);
          d_value[d] += p[j] * exact(v.d_out[out_at + d]);
        }
      }
    }
  }
};

// Columns `from` … `to` − 1 of every row.
template <class T>
std::vector<double> columns(const std::vector<T>& x, std::size_t width, std::size_t from, std::size_t to) {
  std::vector<double> part;
  for (std::size_t i = 0; i < x.size(); ++i)
    if (i % width >= from && i % width < to) {
      if constexpr (std::is_same_v<T, double>)
        part.push_back(x[i]);
      else
        part.push_back(exact(x[i]));
    }
  return part;
}

std::vector<double> less(const std::vector<float>& x, double start) {
  std::vector<double> y;
  for (const float each : x) y.push_back(exact(each) - start);
  return y;
}

// lse has no entry for padding.
std::vector<float> without_padding(const Batch& b, std::vector<float> lse) {
  for (std::size_t i = 0; i < lse.size(); ++i)
    if (i / b.shape.heads % b.rows().tokens >= b.used()) lse[i] = 0.0F;
  return lse;
}

struct Tolerance {
  double out, gradient;
};
// fp32 arithmetic on fp32. The outputs of bf16 are rounded once, to 2⁻⁹ at most; the general kernel's
// gradients as well, while the tensor cores' gradients are made of probabilities and score gradients in bf16.
constexpr Tolerance single{1e-5, 1e-5}, rounded{4e-3, 4e-3}, tensor_cores{4e-3, 1e-2};
// Where a query sees two keys, a score's gradient is a small difference of products, one of which is made of
// outputs that were rounded.
constexpr Tolerance few_keys{4e-3, 1e-2};

template <class T>
void check(const Batch& b, const Tolerance& tolerance, float amplitude = 2.0F) {
  const Values<T> in = inputs<T>(b, amplitude);
  const Reference wanted(b, in);
  Card<T> card(b, in);
  card.forward();
  card.backward();
  const Values<T> got = card.results();
  INFO("dim " << b.shape.dim << ", " << b.shape.heads << '/' << b.shape.kv_heads << " heads, longest "
              << b.longest() << ", " << b.probes << " probes, prefix " << b.prefix << ", window "
              << b.shape.window);
  CHECK(relative_error(got.out, wanted.out) < tolerance.out);
  CHECK(relative_error(without_padding(b, got.lse), wanted.lse) < 1e-5);
  const std::size_t width = b.qkv_width(), keys = b.out_width(), values = keys + b.kv_width();
  const auto part_error = [&](std::size_t from, std::size_t to) {
    return relative_error(columns(got.d_qkv, width, from, to), columns(wanted.d_qkv, width, from, to));
  };
  // A single token's query and key have no gradient; rounding leaves a little.
  if (b.longest() > 1) {
    CHECK(part_error(0, keys) < tolerance.gradient);
    CHECK(part_error(keys, values) < tolerance.gradient);
  }
  CHECK(part_error(values, width) < tolerance.gradient);
  if (b.prefix > 0) {
    CHECK(relative_error(less(got.d_prefix_keys, 1.0), wanted.d_prefix_keys) < tolerance.gradient);
    CHECK(relative_error(less(got.d_prefix_values, 2.0), wanted.d_prefix_values) < tolerance.gradient);
  }
  for (std::size_t r = 0; r < b.rows().count(); ++r)
    if (r % b.rows().tokens >= b.used())
      for (std::size_t c = 0; c < width; ++c)
        if (exact(got.d_qkv[r * width + c]) != 0.0) FAIL("padding row " << r << " has a gradient");
}

Batch with_prefix(Batch b, std::uint32_t length) {
  b.prefix = length;
  b.adapter = {2, -1, 0, 2, 0};
  return b;
}

// Every length around the tiles' edges, and sequences of one token.
const std::vector<std::uint32_t> brief{64, 1, 17, 50, 33}, edges{64, 65, 1, 63, 128, 129, 16, 31},
    mixed{150, 1, 37, 64, 200};

}  // namespace

TEST_CASE("attention of short sequences equals its definition", "[cuda][attention]") {
  for (const std::uint32_t dim : {64U, 80U, 128U}) {
    check<bf16>({.shape = {6, 2, dim}, .lengths = brief}, tensor_cores);
    check<bf16>({.shape = {3, 3, dim}, .lengths = brief, .padding = 0, .probes = 2}, tensor_cores);
    check<bf16>({.shape = {4, 1, dim}, .lengths = {32, 5, 8}, .padding = 70, .empty = 0}, tensor_cores);
    check<bf16>({.shape = {2, 1, dim}, .lengths = {1, 1, 1}}, tensor_cores);
  }
}

TEST_CASE("attention of longer sequences equals its definition", "[cuda][attention]") {
  for (const std::uint32_t dim : {64U, 80U, 128U}) {
    check<bf16>({.shape = {6, 2, dim}, .lengths = mixed}, tensor_cores);
    check<bf16>({.shape = {2, 2, dim}, .lengths = edges, .padding = 0, .probes = 2}, tensor_cores);
    check<bf16>({.shape = {4, 1, dim}, .lengths = {65}, .padding = 70, .empty = 0}, tensor_cores);
  }
  check<bf16>({.shape = {2, 1, 64}, .lengths = {1100, 3}}, tensor_cores);
}

TEST_CASE("attention sees a prefix", "[cuda][attention]") {
  for (const std::uint32_t dim : {64U, 80U, 128U}) {
    check<bf16>(with_prefix({.shape = {4, 2, dim}, .lengths = {30, 1, 17, 44, 20}}, 5), tensor_cores);
    check<bf16>(with_prefix({.shape = {4, 2, dim}, .lengths = {30, 1, 17, 48, 20}, .probes = 2}, 16),
                tensor_cores);
    check<bf16>(with_prefix({.shape = {4, 2, dim}, .lengths = mixed, .padding = 0}, 7), tensor_cores);
    check<bf16>(with_prefix({.shape = {2, 1, dim}, .lengths = edges, .probes = 2}, 70), tensor_cores);
  }
}

TEST_CASE("attention sees a window", "[cuda][attention]") {
  for (const std::uint32_t window : {2U, 31U, 64U, 65U, 100U, 4000U}) {
    for (const std::uint32_t dim : {64U, 80U, 128U}) {
      check<bf16>({.shape = {6, 2, dim, window}, .lengths = mixed}, tensor_cores);
      check<bf16>({.shape = {4, 1, dim, window}, .lengths = brief, .probes = 2}, tensor_cores);
      check<bf16>(with_prefix({.shape = {4, 2, dim, window}, .lengths = {30, 1, 17, 44, 20}}, 5),
                  tensor_cores);
      check<bf16>(with_prefix({.shape = {2, 1, dim, window}, .lengths = edges, .probes = 2}, 70),
                  tensor_cores);
    }
    check<float>({.shape = {6, 2, 40, window}, .lengths = mixed}, single);
    check<float>(with_prefix({.shape = {4, 2, 64, window}, .lengths = mixed, .probes = 2}, 33), single);
    check<bf16>(with_prefix({.shape = {4, 2, 96, window}, .lengths = mixed}, 5),
                window == 2 ? few_keys : rounded);
  }
  check<float>({.shape = {4, 2, 64, 3}, .lengths = {1100, 3}}, single);
  check<bf16>({.shape = {2, 1, 64, 300}, .lengths = {1100, 3}}, tensor_cores);
}

TEST_CASE("attention of other scalars and dims equals its definition", "[cuda][attention]") {
  for (const std::uint32_t dim : {8U, 40U, 64U, 128U, 256U}) {
    check<float>({.shape = {6, 2, dim}, .lengths = mixed}, single);
    check<float>({.shape = {3, 3, dim}, .lengths = brief, .padding = 0, .probes = 2}, single);
    check<float>(with_prefix({.shape = {4, 2, dim}, .lengths = {30, 1, 17, 44, 40}, .probes = 2}, 33),
                 single);
  }
  for (const std::uint32_t dim : {16U, 72U, 96U, 256U}) {
    check<bf16>({.shape = {4, 2, dim}, .lengths = mixed}, rounded);
    check<bf16>(with_prefix({.shape = {4, 2, dim}, .lengths = {30, 1, 17, 44, 40}}, 5), rounded);
  }
}

TEST_CASE("attention on the card bears scores of hundreds", "[cuda][attention]") {
  // Errors of a score are relative to its size: 2⁻²⁴·300 in the exponent.
  check<float>({.shape = {4, 2, 64}, .lengths = mixed}, {1e-4, 1e-4}, 20.0F);
  check<bf16>({.shape = {4, 2, 64}, .lengths = mixed}, {1e-2, 3e-2}, 20.0F);
  check<bf16>({.shape = {4, 2, 128}, .lengths = brief}, {1e-2, 3e-2}, 20.0F);
}

TEST_CASE("attention without lse, and of nothing", "[cuda][attention]") {
  const Batch none{.shape = {2, 1, 64}, .lengths = {}, .padding = 5, .empty = 2};
  const auto in = inputs<bf16>(none, 1.0F);
  Card<bf16> card(none, in);
  card.forward();
  card.backward();
  for (const bf16 x : card.results().d_qkv) REQUIRE(exact(x) == 0.0);

  const Batch b{.shape = {2, 1, 64}, .lengths = {70, 2}, .padding = 0, .empty = 0};
  const auto values = inputs<bf16>(b, 1.0F);
  const DeviceArray<bf16> qkv(values.qkv);
  DeviceArray<bf16> out(b.rows().count() * b.out_width());
  const DeviceArray<std::uint32_t> cu(b.cu_seqlens());
  PackedTokens packed;
  packed.cu_seqlens = cu.data();
  packed.sequences = 2;
  packed.longest = 70;
  attention(nullptr, b.shape, b.rows(), packed, AttentionPrefix<bf16>{}, qkv.data(), out.data(), nullptr);
  CHECK(relative_error(out.host(), Reference(b, values).out) < 4e-3);
}

TEST_CASE("attention_backward gives the same bits twice", "[cuda][attention]") {
  const Batch b = with_prefix({.shape = {6, 2, 64}, .lengths = mixed, .probes = 2}, 9);
  const auto in = inputs<bf16>(b, 2.0F);
  Card<bf16> first(b, in), second(b, in);
  for (Card<bf16>* card : {&first, &second}) {
    card->forward();
    card->backward();
  }
  const auto x = first.results(), y = second.results();
  CHECK(to_float(x.d_qkv) == to_float(y.d_qkv));
  CHECK(x.d_prefix_keys == y.d_prefix_keys);
  CHECK(x.d_prefix_values == y.d_prefix_values);
}

TEST_CASE("microseconds of attention", "[.time]") {
  struct Named {
    const char* name;
    Batch batch;
  };
  const auto repeated = [](std::uint32_t n, std::uint32_t length) {
    return std::vector<std::uint32_t>(n, length);
  };
  const std::vector<Named> cases{
      {"SmolLM2-135M 8x64", {.shape = {9, 3, 64}, .lengths = repeated(8, 64), .padding = 0}},
      {"SmolLM2-135M 8x64 x3 x2",
       {.shape = {9, 3, 64}, .lengths = repeated(24, 64), .padding = 0, .probes = 2}},
      {"SmolLM2-135M 4x128", {.shape = {9, 3, 64}, .lengths = repeated(4, 128), .padding = 0}},
      {"OPT-1.3B 16x128", {.shape = {32, 32, 64}, .lengths = repeated(16, 128), .padding = 0}},
      {"OPT-1.3B 16x128 x3 x2",
       {.shape = {32, 32, 64}, .lengths = repeated(48, 128), .padding = 0, .probes = 2}},
      {"OPT-2.7B 16x128", {.shape = {32, 32, 80}, .lengths = repeated(16, 128), .padding = 0}},
      {"Llama-2-7B 8x128", {.shape = {32, 32, 128}, .lengths = repeated(8, 128), .padding = 0}},
      {"Llama-2-7B 1x2048", {.shape = {32, 32, 128}, .lengths = repeated(1, 2048), .padding = 0}}};
  const auto microseconds = [](const std::function<void()>& call) {
    cudaEvent_t begin{}, end{};
    must(cudaEventCreate(&begin));
    must(cudaEventCreate(&end));
    constexpr int times = 100;
    for (int i = 0; i < 10; ++i) call();
    must(cudaEventRecord(begin, nullptr));
    for (int i = 0; i < times; ++i) call();
    must(cudaEventRecord(end, nullptr));
    must(cudaEventSynchronize(end));
    float milliseconds = 0.0F;
    must(cudaEventElapsedTime(&milliseconds, begin, end));
    must(cudaEventDestroy(begin));
    must(cudaEventDestroy(end));
    return static_cast<double>(milliseconds) * 1000.0 / times;
  };
  for (const auto& [name, batch] : cases) {
    Card<bf16> card(batch, inputs<bf16>(batch, 1.0F));
    const double forward = microseconds([&] { card.forward(); });
    const double backward = microseconds([&] { card.backward(); });
    std::printf("%-26s forward %8.2f us, backward %8.2f us\n", name, forward, backward);
  }
}

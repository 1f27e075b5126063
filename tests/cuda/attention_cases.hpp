/// @file Batches for the tests of attention, their values and the calls on the GPU.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <vector>

#include "device.hpp"
#include "zofo/tensor/cuda/kernels/attention.hpp"

namespace zofo::tensor::cuda::attention_cases {

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

inline double exact(float x) { return static_cast<double>(x); }
inline double exact(bf16 x) { return static_cast<double>(__bfloat162float(x)); }

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

// The arrays on the GPU and the calls.
template <class T>
class Gpu {
 public:
  Gpu(const Batch& b, const Values<T>& v)
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

inline Batch with_prefix(Batch b, std::uint32_t length) {
  b.prefix = length;
  b.adapter = {2, -1, 0, 2, 0};
  return b;
}

// Every length around the tiles' edges, and sequences of one token.
inline const std::vector<std::uint32_t> brief{64, 1, 17, 50, 33}, edges{64, 65, 1, 63, 128, 129, 16, 31},
    mixed{150, 1, 37, 64, 200};

}  // namespace zofo::tensor::cuda::attention_cases

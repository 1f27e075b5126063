/// @file Attention by its definition in double.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "attention_cases.hpp"

namespace zofo::tensor::cuda::attention_cases {

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
    const auto given = static_cast<double>(b.shape.scale), cap = static_cast<double>(b.shape.cap);
    const double scale = given > 0.0 ? given : 1.0 / std::sqrt(static_cast<double>(dim));
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
      std::vector<double> slope(n, scale);
      for (std::size_t j = first; j < n && cap > 0.0; ++j) {
        const double t = std::tanh(p[j] / cap);
        p[j] = cap * t;
        slope[j] = scale * (1.0 - t * t);
      }
      const double highest = *std::max_element(p.begin() + static_cast<std::ptrdiff_t>(first), p.end());
      double sum = 0.0, delta = 0.0;
      for (std::size_t j = first; j < n; ++j) sum += p[j] = std::exp(p[j] - highest);
      lse[(row + i) * b.shape.heads + h] = highest + std::log(sum);
      for (std::size_t j = first; j < n; ++j) delta += (p[j] /= sum) * dp[j];
      for (std::size_t j = first; j < n; ++j) {
        const double ds = p[j] * (dp[j] - delta) * slope[j];
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

}  // namespace zofo::tensor::cuda::attention_cases

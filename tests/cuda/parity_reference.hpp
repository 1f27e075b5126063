/// @file The transformer's operations by their definitions, in double, for the comparison with PyTorch's
/// bf16. Matrices are dense and row-major.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace zofo::tensor::cuda::reference {

using Values = std::vector<double>;

/// y = x wᵀ + b; w: [out, in], b may be empty.
inline Values linear(const Values& x, const Values& w, const Values& b, std::size_t in) {
  const std::size_t rows = x.size() / in, out = w.size() / in;
  Values y(rows * out);
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t o = 0; o < out; ++o) {
      double sum = b.empty() ? 0.0 : b[o];
      for (std::size_t k = 0; k < in; ++k) sum += x[i * in + k] * w[o * in + k];
      y[i * out + o] = sum;
    }
  return y;
}

/// A row of a norm without gain and bias, and what it was divided by.
struct Normalized {
  Values x;
  double deviation;
};
inline Normalized normalized(const double* x, std::size_t n, bool centred, double eps) {
  double mean = 0.0, square = 0.0;
  if (centred)
    for (std::size_t i = 0; i < n; ++i) mean += x[i] / static_cast<double>(n);
  for (std::size_t i = 0; i < n; ++i) square += (x[i] - mean) * (x[i] - mean) / static_cast<double>(n);
  Normalized result{Values(n), std::sqrt(square + eps)};
  for (std::size_t i = 0; i < n; ++i) result.x[i] = (x[i] - mean) / result.deviation;
  return result;
}

/// RMSNorm (`bias` empty) or LayerNorm.
inline Values norm(const Values& x, const Values& gain, const Values& bias, double eps) {
  const std::size_t n = gain.size();
  Values y(x.size());
  for (std::size_t at = 0; at < x.size(); at += n) {
    const Normalized row = normalized(&x[at], n, !bias.empty(), eps);
    for (std::size_t i = 0; i < n; ++i) y[at + i] = row.x[i] * gain[i] + (bias.empty() ? 0.0 : bias[i]);
  }
  return y;
}

/// Its gradient: with g = dy ∘ gain, (g − [mean g] − x̂ mean(g x̂)) / deviation, the bracket for LayerNorm
/// only.
inline Values norm_backward(const Values& x, const Values& gain, bool centred, double eps, const Values& dy) {
  const std::size_t n = gain.size();
  Values dx(x.size());
  for (std::size_t at = 0; at < x.size(); at += n) {
    const Normalized row = normalized(&x[at], n, centred, eps);
    double mean = 0.0, along = 0.0;
    for (std::size_t i = 0; i < n; ++i) {
      const double g = dy[at + i] * gain[i] / static_cast<double>(n);
      if (centred) mean += g;
      along += g * row.x[i];
    }
    for (std::size_t i = 0; i < n; ++i)
      dx[at + i] = (dy[at + i] * gain[i] - mean - row.x[i] * along) / row.deviation;
  }
  return dx;
}

/// Pairs (2i, 2i+1) of every head turned by row·base^(−2i/dim).
inline Values rotary(const Values& x, std::size_t heads, std::size_t dim, double base) {
  Values y(x.size());
  for (std::size_t i = 0; i < x.size(); i += 2) {
    const auto position = static_cast<double>(i / (heads * dim));
    const double t = position * std::pow(base, -static_cast<double>(i % dim) / static_cast<double>(dim));
    y[i] = x[i] * std::cos(t) - x[i + 1] * std::sin(t);
    y[i + 1] = x[i + 1] * std::cos(t) + x[i] * std::sin(t);
  }
  return y;
}

/// silu(gate)·up of rows [gate | up].
inline Values swiglu(const Values& x, std::size_t ffn) {
  Values y(x.size() / 2);
  for (std::size_t i = 0; i < y.size(); ++i) {
    const double* row = &x[i / ffn * 2 * ffn];
    const double gate = row[i % ffn];
    y[i] = gate / (1.0 + std::exp(-gate)) * row[ffn + i % ffn];
  }
  return y;
}
inline Values swiglu_backward(const Values& x, std::size_t ffn, const Values& dy) {
  Values dx(x.size());
  for (std::size_t i = 0; i < dy.size(); ++i) {
    const std::size_t at = i / ffn * 2 * ffn + i % ffn;
    const double gate = x[at], sigma = 1.0 / (1.0 + std::exp(-gate));
    dx[at] = dy[i] * x[at + ffn] * sigma * (1.0 + gate * (1.0 - sigma));
    dx[at + ffn] = dy[i] * gate * sigma;
  }
  return dx;
}

/// Head counts and the lengths of the packed sequences.
struct Heads {
  std::size_t heads, kv_heads, dim;
  std::vector<std::size_t> lengths;
  [[nodiscard]] std::size_t stride() const { return (heads + 2 * kv_heads) * dim; }
};

/// Calls f(query row, query head's first column in a row, key head's, value head's, the scores' softmax) for
/// every query; the softmax has an entry for each key up to the query, whose rows start at `first`.
template <class F>
void for_queries(const Heads& s, const Values& qkv, F&& f) {
  const std::size_t stride = s.stride();
  std::size_t first = 0;
  for (const std::size_t length : s.lengths) {
    for (std::size_t i = first; i < first + length; ++i)
      for (std::size_t h = 0; h < s.heads; ++h) {
        const std::size_t q = h * s.dim;
        const std::size_t k = (s.heads + h / (s.heads / s.kv_heads)) * s.dim, v = k + s.kv_heads * s.dim;
        Values p(i - first + 1);
        for (std::size_t j = 0; j < p.size(); ++j) {
          for (std::size_t c = 0; c < s.dim; ++c)
            p[j] += qkv[i * stride + q + c] * qkv[(first + j) * stride + k + c];
          p[j] /= std::sqrt(static_cast<double>(s.dim));
        }
        const double high = *std::max_element(p.begin(), p.end());
        double sum = 0.0;
        for (double& each : p) sum += each = std::exp(each - high);
        for (double& each : p) each /= sum;
        f(first, i, q, k, v, p);
      }
    first += length;
  }
}

/// Causal attention of each sequence by itself.
inline Values attention(const Heads& s, const Values& qkv) {
  const std::size_t stride = s.stride(), width = s.heads * s.dim;
  Values out(qkv.size() / stride * width);
  for_queries(
      s, qkv,
      [&](std::size_t first, std::size_t i, std::size_t q, std::size_t, std::size_t v, const Values& p) {
        for (std::size_t j = 0; j < p.size(); ++j)
          for (std::size_t c = 0; c < s.dim; ++c)
            out[i * width + q + c] += p[j] * qkv[(first + j) * stride + v + c];
      });
  return out;
}

/// Its gradient in qkv: dP = dO·V, dS = P ∘ (dP − Σ P dP), dQ = dS K/√d, dK = dSᵀ Q/√d, dV = Pᵀ dO.
inline Values attention_backward(const Heads& s, const Values& qkv, const Values& d_out) {
  const std::size_t stride = s.stride(), width = s.heads * s.dim;
  const double scale = 1.0 / std::sqrt(static_cast<double>(s.dim));
  Values d(qkv.size());
  for_queries(
      s, qkv,
      [&](std::size_t first, std::size_t i, std::size_t q, std::size_t k, std::size_t v, const Values& p) {
        Values dp(p.size());
        double mean = 0.0;
        for (std::size_t j = 0; j < p.size(); ++j) {
          const std::size_t row = (first + j) * stride;
          for (std::size_t c = 0; c < s.dim; ++c) {
            dp[j] += d_out[i * width + q + c] * qkv[row + v + c];
            d[row + v + c] += p[j] * d_out[i * width + q + c];
          }
          mean += p[j] * dp[j];
        }
        for (std::size_t j = 0; j < p.size(); ++j) {
          const std::size_t row = (first + j) * stride;
          const double ds = p[j] * (dp[j] - mean) * scale;
          for (std::size_t c = 0; c < s.dim; ++c) {
            d[i * stride + q + c] += ds * qkv[row + k + c];
            d[row + k + c] += ds * qkv[i * stride + q + c];
          }
        }
      });
  return d;
}

/// log softmax of each row of logits.
inline Values log_softmax(const Values& logits, std::size_t vocab) {
  Values y(logits.size());
  for (std::size_t at = 0; at < logits.size(); at += vocab) {
    const double* row = &logits[at];
    const double high = *std::max_element(row, row + vocab);
    double sum = 0.0;
    for (std::size_t i = 0; i < vocab; ++i) sum += std::exp(row[i] - high);
    for (std::size_t i = 0; i < vocab; ++i) y[at + i] = row[i] - high - std::log(sum);
  }
  return y;
}

}  // namespace zofo::tensor::cuda::reference

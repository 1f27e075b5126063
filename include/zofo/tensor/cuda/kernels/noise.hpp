/// @file Directions on the GPU: the entries that core/random.hpp defines, made in registers from the same
/// Philox counters; probes written beside θ, and the outer update fused with generation.
#pragma once

#include "zofo/tensor/cuda/types.hpp"

namespace zofo::tensor::cuda {

/// Distribution of a dense direction's entries; `none` where a probe is θ itself.
enum class Distribution : std::uint8_t { none, gaussian, rademacher };

/// A probe as kernels read it, from the GPU's memory, so that a captured graph serves every step.
struct ProbeArgument {
  std::uint64_t seed = 0;
  std::uint32_t step = 0, query = 0;
  float scale = 0.0F;
  std::uint32_t unused = 0;
};

/// A piece of one tensor: entries offset … offset + size − 1 of stream `tensor`; `from` where they lie and
/// `to` where their probed copies go, in elements of the two base pointers of the call. Entries end at 2^34
/// at most, which is not checked here. Fast where entry 0 would lie on a multiple of 16 bytes.
struct Segment {
  std::uint32_t tensor = 0;
  std::uint64_t offset = 0, size = 0;
  std::uint64_t from = 0, to = 0;
};
struct Segments {
  static constexpr std::uint32_t most = 20;
  Segment segment[most];
  std::uint32_t count = 0;
};

/// out[j·out_stride + to + i] = x[from + i] + probes[j].scale·z(probes[0])[offset + i] for j < count, one
/// kernel for all segments, z made once for all probes (they share a direction). One rounding each (fma in
/// fp32, then to T).
template <class T>
void write_probes(cudaStream_t stream, Distribution distribution, const ProbeArgument* probes, std::uint32_t count,
                  const Segments& segments, const T* x, T* out, std::size_t out_stride);

/// Same, each probe with its own direction (vectors beside low-rank probes).
template <class T>
void write_own_probes(cudaStream_t stream, Distribution distribution, const ProbeArgument* probes, std::uint32_t count,
                      const Segments& segments, const T* x, T* out, std::size_t out_stride);

/// One term of an estimate as the update reads it: direction and −η·coefficient in `scale`.
using UpdateTerm = ProbeArgument;

/// x[from + i] += Σ_k terms[k].scale·z(terms[k])[offset + i], read and written once. fp32: term after term by
/// fma, as the CPU does. bf16: summed in fp32 and rounded stochastically, to the upper neighbour with the
/// probability that makes the rounding unbiased, by 16 bits of the stream extra_stream(rounding, tensor) of
/// terms[0]'s direction (word i/2 % 4 of block i/8, its low half for even i, where i counts as the
/// direction's coordinates do: from the tensor's beginning). A single Gaussian term is rounded by words made
/// of the two blocks that its own entries i/8·8 … i/8·8 + 7 come from: their exclusive or, which knows
/// nothing of either, through two Philox rounds of key 0. A sum that is a bf16 already stays as it is, and
/// terms of scale 0 are left out, so a zero update changes no bit. `terms` is on the GPU; segments' `to` is
/// unused.
template <class T>
void update(cudaStream_t stream, Distribution distribution, const UpdateTerm* terms, std::uint32_t count,
            const Segments& segments, T* x);

/// Factors of a low-rank direction of one matrix (perturb/low_rank.hpp): u [rank, rows], v [rank, cols],
/// dense. u from stream extra_stream(left, tensor) at the probe's direction, v from extra_stream(right,
/// tensor) at the direction whose step is step / hold (0 if hold is 0).
struct FactorPiece {
  std::uint32_t tensor = 0, rows = 0, cols = 0;
  std::uint64_t u_at = 0, v_at = 0;  ///< where they go, in floats from the probe's base
};

/// The factors of all matrices of a call; `pieces` is on the GPU. `largest`: the most floats that any one
/// factor has, rank·rows or rank·cols, which sizes the grid; a wrong number costs time only.
struct FactorPieces {
  const FactorPiece* pieces = nullptr;
  std::uint32_t count = 0;
  std::uint32_t rank = 0;
  std::uint32_t hold = 0;
  std::uint64_t largest = 0;
};

/// Writes the factors of `pieces` for every probe: those of probe j from out + j·stride on. Entries in `out`
/// beyond the pieces are not written.
void write_factors(cudaStream_t stream, const ProbeArgument* probes, std::uint32_t count,
                   const FactorPieces& pieces, float* out, std::size_t stride);

/// Factors that write_factors wrote: those of probe (or term) k at data + k·stride.
struct LowRankFactors {
  const float* data = nullptr;
  std::size_t stride = 0;
  std::uint32_t rank = 0;
};

/// Rows first_row … first_row + rows − 1 of a matrix whose factors write_factors made; `from` where they lie
/// and `to` where their probed copies go, in elements of the two base pointers of the call.
struct LowRankSegment {
  FactorPiece piece;
  std::uint32_t first_row = 0, rows = 0;
  std::uint64_t from = 0, to = 0;
};
struct LowRankSegments {
  static constexpr std::uint32_t most = 40;
  LowRankSegment segment[most];
  std::uint32_t count = 0;
};

/// x[from …] += Σ_k terms[k].scale/√rank·U_k V_kᵀ, one kernel for all segments, with the factors of term k;
/// summed in fp32, then added with one rounding, which for bf16 is stochastic as in `update`. Fast where rows
/// are multiples of 4 and columns of 8, and everything lies on 16 bytes.
template <class T>
void update_low_rank(cudaStream_t stream, const UpdateTerm* terms, std::uint32_t count,
                     const LowRankSegments& segments, const LowRankFactors& factors, T* x);

/// out[j·out_stride + to …] = x[from …] + probes[j].scale/√rank·U Vᵀ for j < count, one kernel for all
/// segments; the probes share the direction of the first factors. One rounding each, to nearest.
/// Fast as above.
template <class T>
void write_low_rank_probes(cudaStream_t stream, const ProbeArgument* probes, std::uint32_t count,
                           const LowRankSegments& segments, const LowRankFactors& factors, const T* x, T* out,
                           std::size_t out_stride);

/// Raw words, for tests: out[i] = word i % 4 of Philox block i / 4 of (probe's direction, tensor).
void philox_words(cudaStream_t stream, ProbeArgument probe, std::uint32_t tensor, std::uint64_t offset,
                  std::size_t n, std::uint32_t* out);
/// z[i] of a distribution in fp32, for tests and for distributions' users.
void fill(cudaStream_t stream, Distribution distribution, ProbeArgument probe, std::uint32_t tensor, std::uint64_t offset,
          std::size_t n, float* out);

}  // namespace zofo::tensor::cuda

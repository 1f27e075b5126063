/// @file Directions on the GPU: the entries that core/random.hpp defines, generated in registers from the
/// same Philox counters; perturbed copies of weights, and the outer update fused with generation.
#pragma once

#include "zofo/tensor/cuda/types.hpp"

namespace zofo::tensor::cuda {

/// Distribution of a dense direction's entries; `none`: the probe is θ itself.
enum class Distribution : std::uint8_t { none, gaussian, rademacher };

/// A probe as kernels read it: in device memory, so that a captured graph can be replayed in every step.
struct ProbeArgument {
  std::uint64_t seed = 0;    ///< of the direction
  std::uint32_t step = 0;    ///< of the direction
  std::uint32_t query = 0;   ///< of the direction
  float scale = 0.0F;        ///< multiplies z
  std::uint32_t unused = 0;  ///< pads the size to 24 bytes
};

/// A part of one tensor. Entries end at 2^34 at most, which is not checked here. Fast if entry 0 would be
/// aligned to 16 bytes.
struct Segment {
  std::uint32_t tensor = 0;  ///< stream of random numbers
  std::uint64_t offset = 0;  ///< first entry within the tensor
  std::uint64_t size = 0;    ///< entries
  std::uint64_t from = 0;    ///< where the entries are stored, from the base pointer of the call
  std::uint64_t to = 0;      ///< where their perturbed copies are written
};
/// The segments of one kernel call.
struct Segments {
  static constexpr std::uint32_t most = 20;  ///< capacity
  Segment segment[most];                     ///< of which the first `count` are set
  std::uint32_t count = 0;                   ///< segments
};

/// out[j·out_stride + to + i] = x[from + i] + probes[j].scale·z(probes[0])[offset + i] for j < count, one
/// kernel for all segments; z is generated once for all probes, which share a direction. One rounding each
/// (fma in fp32, then to T).
template <class T>
void write_probes(cudaStream_t stream, Distribution distribution, const ProbeArgument* probes,
                  std::uint32_t count, const Segments& segments, const T* x, T* out, std::size_t out_stride);

/// Same, each probe with its own direction (vectors of low-rank probes).
template <class T>
void write_own_probes(cudaStream_t stream, Distribution distribution, const ProbeArgument* probes,
                      std::uint32_t count, const Segments& segments, const T* x, T* out,
                      std::size_t out_stride);

/// One term of an estimate as the update reads it: the direction, and −η·coefficient in `scale`.
using UpdateTerm = ProbeArgument;

/// x[from + i] += Σ_k terms[k].scale·z(terms[k])[offset + i]; each weight is read and written once. fp32:
/// term after term by fma, as on the CPU. bf16: summed in fp32 and rounded stochastically: to the upper
/// neighbour with the probability that makes the rounding unbiased, decided by 16 bits of the stream
/// extra_stream(rounding, tensor) of terms[0]'s direction (word i/2 % 4 of block i/8, its low half for even
/// i, where i is the coordinate of the direction, counted from the tensor's beginning). A single Gaussian
/// term is rounded by words derived from the two blocks of its own entries i/8·8 … i/8·8 + 7: their exclusive
/// or, which is independent of either, through two Philox rounds of key 0. A sum that is a bf16 already is
/// unchanged and terms of scale 0 are skipped, so a zero update changes no bit. `terms` is in device memory;
/// `to` of the segments is unused.
template <class T>
void update(cudaStream_t stream, Distribution distribution, const UpdateTerm* terms, std::uint32_t count,
            const Segments& segments, T* x);

/// Factors of a low-rank direction of one matrix (perturb/low_rank.hpp): u [rank, rows], v [rank, cols],
/// dense. u comes from stream extra_stream(left, tensor) of the probe's direction, v from extra_stream(right,
/// tensor) of the direction whose step is step / hold (0 if hold is 0).
struct FactorPiece {
  std::uint32_t tensor = 0;  ///< index of the matrix
  std::uint32_t rows = 0;    ///< of the matrix
  std::uint32_t cols = 0;    ///< of the matrix
  std::uint64_t u_at = 0;    ///< where u is written, in floats from the probe's base
  std::uint64_t v_at = 0;    ///< where v is written
};

/// The factors of all matrices of a call.
struct FactorPieces {
  const FactorPiece* pieces = nullptr;  ///< in device memory
  std::uint32_t count = 0;              ///< matrices
  std::uint32_t rank = 0;               ///< of the direction
  std::uint32_t hold = 0;               ///< steps between updates of v; 0: v is constant
  std::uint64_t largest = 0;  ///< largest size of a factor; sizes the grid, a wrong number only costs time
};

/// Writes the factors of `pieces` for every probe: those of probe j from out + j·stride on. Entries in `out`
/// beyond the pieces are not written.
void write_factors(cudaStream_t stream, const ProbeArgument* probes, std::uint32_t count,
                   const FactorPieces& pieces, float* out, std::size_t stride);

/// Factors that write_factors wrote.
struct LowRankFactors {
  const float* data = nullptr;  ///< of probe (or term) 0
  std::size_t stride = 0;       ///< floats from one probe to the next
  std::uint32_t rank = 0;       ///< of the direction
};

/// Some rows of a matrix whose factors write_factors wrote.
struct LowRankSegment {
  FactorPiece piece;            ///< factors of the matrix
  std::uint32_t first_row = 0;  ///< first row
  std::uint32_t rows = 0;       ///< number of rows
  std::uint64_t from = 0;       ///< where the rows are stored, from the base pointer of the call
  std::uint64_t to = 0;         ///< where their perturbed copies are written
};
/// The segments of one kernel call.
struct LowRankSegments {
  static constexpr std::uint32_t most = 40;  ///< capacity
  LowRankSegment segment[most];              ///< of which the first `count` are set
  std::uint32_t count = 0;                   ///< segments
};

/// x[from …] += Σ_k terms[k].scale/√rank·U_k V_kᵀ, one kernel for all segments, with the factors of term k;
/// summed in fp32, then added with one rounding, which for bf16 is stochastic as in `update`. Fast if rows
/// are multiples of 4 and columns of 8, and everything is aligned to 16 bytes.
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
/// z[i] of a distribution in fp32, for tests.
void fill(cudaStream_t stream, Distribution distribution, ProbeArgument probe, std::uint32_t tensor,
          std::uint64_t offset, std::size_t n, float* out);

}  // namespace zofo::tensor::cuda

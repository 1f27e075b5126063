/// @file Log-probabilities of targets, one slice of the vocabulary at a time, and their gradient. Logits are
/// fp32.
#pragma once

#include "zofo/tensor/cuda/types.hpp"

namespace zofo::tensor::cuda {

/// A requested log-probability in device memory.
struct TargetArgument {
  std::uint32_t row = 0;   ///< index of the gathered row, within one probe
  std::int32_t token = 0;  ///< whose log-probability is requested
};

/// The requested log-probabilities of a call; both arrays are in device memory.
struct Targets {
  const TargetArgument* data = nullptr;  ///< `capacity` entries
  std::uint32_t capacity = 0;            ///< entries, padding included
  const std::uint32_t* used = nullptr;   ///< number of entries that are not padding
};

/// Logits [probes·rows, stride] of the columns `first` … `first + count − 1` of the vocabulary.
struct LogitSlice {
  const float* logits = nullptr;  ///< in device memory
  std::uint32_t stride = 0;       ///< distance of two rows
  std::uint32_t first = 0;        ///< first token
  std::uint32_t count = 0;        ///< tokens
  std::uint32_t rows = 0;         ///< of one probe
  std::uint32_t probes = 1;       ///< number of probes
};

/// Running log Σ exp of a row over slices.
struct RunningSum {
  float high;  ///< the highest logit so far
  float sum;   ///< Σ exp(logit − high)
};

/// Clears running sums.
void begin_sums(cudaStream_t stream, RunningSum* sums, std::size_t rows);

/// Adds a slice to the running sums of its rows and sets picked[probe, t] for the targets whose token is in
/// the slice.
void add_slice(cudaStream_t stream, const LogitSlice& slice, const Targets& targets, RunningSum* sums,
               float* picked);

/// log_p[probe, t] = picked − log Σ exp, in double; 0 where t is padding. `rows`: of one probe.
void finish_log_probabilities(cudaStream_t stream, const RunningSum* sums, std::uint32_t rows,
                              std::uint32_t probes, const Targets& targets, const float* picked,
                              double* log_p);

/// d_logits[row, v] = Σ_t of the row d_log_p[t] (onehot_t − softmax) in T, for all columns. `all`: the whole
/// vocabulary (first = 0) at one probe, as add_slice read it; d_logits has the same shape, and its columns
/// beyond all.count are not written. Deterministic.
template <class T>
void logit_gradient(cudaStream_t stream, const LogitSlice& all, const RunningSum* sums,
                    const Targets& targets, const double* d_log_p, T* d_logits);

}  // namespace zofo::tensor::cuda

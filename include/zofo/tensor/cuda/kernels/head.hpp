/// @file Log-probabilities at chosen rows, a slice of the vocabulary at a time, and their gradient. Logits
/// are fp32.
#pragma once

#include "zofo/tensor/cuda/types.hpp"

namespace zofo::tensor::cuda {

/// A wanted log-probability on the card: `row` indexes the gathered rows of one probe.
struct TargetArgument {
  std::uint32_t row = 0;
  std::int32_t token = 0;
};

/// Running log Σ exp of a row over slices: highest logit and Σ exp(logit − highest).
struct RunningSum {
  float high;
  float sum;
};

/// Sets every running sum to the empty one.
void begin_sums(cudaStream_t stream, RunningSum* sums, std::size_t rows);

/// Adds a slice of logits [probes·rows, stride] (columns `first` … `first + count − 1` of the vocabulary) to
/// the running sums and keeps picked[probe, t] of the targets whose token lies in the slice. `targets` holds
/// `target_count` entries of which the first *used (on the card) are real.
void add_slice(cudaStream_t stream, const float* logits, std::uint32_t stride, std::uint32_t first,
               std::uint32_t count, std::uint32_t rows, std::uint32_t probes, const TargetArgument* targets,
               std::uint32_t target_count, const std::uint32_t* used, RunningSum* sums, float* picked);

/// log_p[probe, t] = picked − log Σ exp, in double; 0 where t is padding.
void finish_log_probabilities(cudaStream_t stream, const RunningSum* sums, std::uint32_t rows,
                              std::uint32_t probes, const TargetArgument* targets, std::uint32_t target_count,
                              const std::uint32_t* used, const float* picked, double* log_p);

/// d_logits[row, v] = Σ_t of the row d_log_p[t] (onehot_t − softmax) in T, for all `vocab` columns; one
/// probe. Deterministic. logits: [rows, stride] as add_slice saw them; d_logits has the same shape and is
/// left alone beyond `vocab`.
template <class T>
void logit_gradient(cudaStream_t stream, const float* logits, std::uint32_t stride, std::uint32_t vocab,
                    std::uint32_t rows, const RunningSum* sums, const TargetArgument* targets,
                    std::uint32_t target_count, const std::uint32_t* used, const double* d_log_p,
                    T* d_logits);

}  // namespace zofo::tensor::cuda

/// @file Log-probabilities at chosen rows, a slice of the vocabulary at a time, and their gradient. Logits
/// are fp32.
#pragma once

#include "zofo/tensor/cuda/types.hpp"

namespace zofo::tensor::cuda {

/// A wanted log-probability on the GPU: `row` indexes the gathered rows of one probe.
struct TargetArgument {
  std::uint32_t row = 0;
  std::int32_t token = 0;
};

/// The wanted log-probabilities of a call: `capacity` entries on the GPU, of which the first *used (on the
/// GPU) are real and the others padding.
struct Targets {
  const TargetArgument* data = nullptr;
  std::uint32_t capacity = 0;
  const std::uint32_t* used = nullptr;
};

/// Logits [probes·rows, stride] of the columns `first` … `first + count − 1` of the vocabulary.
struct LogitSlice {
  const float* logits = nullptr;
  std::uint32_t stride = 0;
  std::uint32_t first = 0, count = 0;
  std::uint32_t rows = 0;  ///< of one probe
  std::uint32_t probes = 1;
};

/// Running log Σ exp of a row over slices: highest logit and Σ exp(logit − highest).
struct RunningSum {
  float high;
  float sum;
};

/// Sets every running sum to the empty one.
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

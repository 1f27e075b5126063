/// @file How threads share the segments of a call: in groups of eight coordinates, numbered as the tensors'
/// coordinates are, so that a group takes whole Philox blocks.
#pragma once

#include <cstddef>
#include <cstdint>

#include "zofo/tensor/cuda/kernels/noise.hpp"

namespace zofo::tensor::cuda {

/// Throws Error when the last launch failed, naming the kernel (launch_check.hpp).
void launched(const char* kernel);

namespace detail {

inline constexpr std::uint32_t kNoiseThreads = 256;
inline constexpr std::uint32_t kGroup = 8;  ///< coordinates a thread makes at once

/// Segments and which blocks of the grid work on each.
struct SegmentPlan {
  Segments segments;
  std::uint32_t end[Segments::most] = {};  ///< blocks of segments 0 … k
  std::uint32_t rounds = 1;                ///< groups a thread takes, one after another
  [[nodiscard]] std::uint32_t blocks() const { return segments.count == 0 ? 0 : end[segments.count - 1]; }
};

/// Groups that a segment touches; those at its ends may be shared with what lies beside it.
inline std::uint64_t groups_of(const Segment& s) {
  return s.size == 0 ? 0 : (s.offset + s.size + kGroup - 1) / kGroup - s.offset / kGroup;
}

/// Shares the segments among blocks. Large calls give a thread several groups, which share what it prepares
/// for its stream; small ones need all the threads that they can have.
inline SegmentPlan plan_segments(const Segments& segments) {
  std::uint64_t groups = 0;
  for (std::uint32_t k = 0; k < segments.count; ++k) groups += groups_of(segments.segment[k]);
  SegmentPlan plan{segments};
  plan.rounds = groups < 2048 * kNoiseThreads ? 1 : groups < 8192 * kNoiseThreads ? 2 : 4;
  const std::uint64_t per_block = std::uint64_t{kNoiseThreads} * plan.rounds;
  std::uint32_t blocks = 0;
  for (std::uint32_t k = 0; k < segments.count; ++k) {
    blocks += static_cast<std::uint32_t>((groups_of(segments.segment[k]) + per_block - 1) / per_block);
    plan.end[k] = blocks;
  }
  return plan;
}

/// The segment of this block, and the groups of this thread: group, group + kNoiseThreads, … below `end`.
struct Share {
  const Segment& segment;
  std::uint32_t group;
  std::uint32_t end;
};

__device__ inline Share share_of(const SegmentPlan& plan) {
  std::uint32_t k = 0;
  while (blockIdx.x >= plan.end[k]) ++k;
  const Segment& segment = plan.segments.segment[k];
  const std::uint32_t block = blockIdx.x - (k == 0 ? 0 : plan.end[k - 1]);
  const auto first =
      static_cast<std::uint32_t>(segment.offset / kGroup) + block * kNoiseThreads * plan.rounds;
  const auto end = static_cast<std::uint32_t>((segment.offset + segment.size + kGroup - 1) / kGroup);
  return {segment, first + threadIdx.x, min(end, first + kNoiseThreads * plan.rounds)};
}

/// The part of a group that lies in a segment: coordinates begin … end − 1 of its eight. Coordinate 0 is
/// element `shift` past the segment's first one: less than 0 if it lies before the segment.
struct GroupPart {
  std::int64_t shift;
  std::int32_t begin, end;
};

__device__ inline GroupPart part_of(const Segment& segment, std::uint32_t group) {
  const auto shift =
      static_cast<std::int64_t>(std::uint64_t{group} * kGroup) - static_cast<std::int64_t>(segment.offset);
  const std::int64_t left = static_cast<std::int64_t>(segment.size) - shift;
  return {shift, shift < 0 ? static_cast<std::int32_t>(-shift) : 0,
          left < kGroup ? static_cast<std::int32_t>(left) : static_cast<std::int32_t>(kGroup)};
}

}  // namespace detail

}  // namespace zofo::tensor::cuda

/// @file How threads share the segments of a call: in groups of eight coordinates, numbered as the tensors'
/// coordinates are, so that a group takes whole Philox blocks.
#pragma once

#include <cstddef>
#include <cstdint>

#include "zofo/tensor/cuda/kernels/noise.hpp"
#include "zofo/tensor/cuda/launch_check.hpp"

namespace zofo::tensor::cuda {

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

/// Groups that a segment touches; those at its ends may be shared with the segments next to it.
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
  std::uint32_t group, end;
  std::uint32_t first_whole, end_whole;  ///< groups of which the segment has all eight coordinates
  __device__ bool whole(std::uint32_t g) const { return first_whole <= g && g < end_whole; }
};

__device__ inline Share share_of(const SegmentPlan& plan) {
  std::uint32_t k = 0;
  while (blockIdx.x >= plan.end[k]) ++k;
  const Segment& segment = plan.segments.segment[k];
  const std::uint32_t block = blockIdx.x - (k == 0 ? 0 : plan.end[k - 1]);
  const auto first =
      static_cast<std::uint32_t>(segment.offset / kGroup) + block * kNoiseThreads * plan.rounds;
  const std::uint64_t after = segment.offset + segment.size;
  const auto end = static_cast<std::uint32_t>((after + kGroup - 1) / kGroup);
  return {segment, first + threadIdx.x, min(end, first + kNoiseThreads * plan.rounds),
          static_cast<std::uint32_t>((segment.offset + kGroup - 1) / kGroup),
          static_cast<std::uint32_t>(after / kGroup)};
}

/// The coordinates of a group inside a segment: begin … end − 1 of its eight.
struct GroupPart {
  std::int32_t begin, end;
};

__device__ inline GroupPart part_of(const Segment& segment, std::uint32_t group) {
  const std::int64_t begin =
      static_cast<std::int64_t>(segment.offset) - static_cast<std::int64_t>(std::uint64_t{group} * kGroup);
  const std::int64_t end = begin + static_cast<std::int64_t>(segment.size);
  return {begin > 0 ? static_cast<std::int32_t>(begin) : 0,
          end < kGroup ? static_cast<std::int32_t>(end) : static_cast<std::int32_t>(kGroup)};
}

/// Where coordinate 0 of the segment's tensor would be if the segment is stored at element `first` and the
/// rest of the tensor around it. Group g is 8 g elements further on, even if it begins before the segment.
template <class T>
__device__ T* origin(T* base, std::uint64_t first, const Segment& segment) {
  T* p = base + (static_cast<std::int64_t>(first) - static_cast<std::int64_t>(segment.offset));
  asm("" : "+l"(p));  // one number in the loop over groups instead of three
  return p;
}

}  // namespace detail

}  // namespace zofo::tensor::cuda

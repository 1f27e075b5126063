/// @file The records of TensorBoard's event files: frames with checksums around messages of Protocol Buffers.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace zofo::llm {

/// CRC-32C (Castagnoli; RFC 3720, appendix B.4) of bytes.
[[nodiscard]] std::uint32_t crc32c(std::string_view bytes);

/// A number of a step, under a name.
struct Scalar {
  std::string tag;     ///< the name, UTF-8; TensorBoard groups by the text before the first '/'
  double value = 0.0;  ///< stored in single precision
};

// The fields of the messages are those of tensorflow/core/util/event.proto and framework/summary.proto.
// `wall_time` is in seconds since 1970.

/// The message at the start of a file: the version of its format.
[[nodiscard]] std::string version_event(double wall_time);
/// The message of a run that starts, or continues, with step `step`: readers forget what they have read of
/// that step and later ones.
[[nodiscard]] std::string start_event(double wall_time, std::uint64_t step);
/// The message of a step's numbers.
[[nodiscard]] std::string scalars_event(double wall_time, std::uint64_t step,
                                        std::span<const Scalar> scalars);

/// A message as a record of the file: its length and the message, each followed by its masked CRC-32C
/// (tensorflow/core/lib/io/record_writer.h).
[[nodiscard]] std::string event_record(std::string_view message);

}  // namespace zofo::llm

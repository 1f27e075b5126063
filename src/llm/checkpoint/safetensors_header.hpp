/// @file Parses the JSON header of a safetensors file into a list of tensors, without building a document.
#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "zofo/checkpoint/safetensors.hpp"

namespace zofo::checkpoint {

/// Receives the events of nlohmann's SAX parser. A document's values would take many times the bytes of a
/// hostile header, and would lose a repeated name. Throws Error for any structure but the format's.
class SafetensorsHeader final : public nlohmann::json_sax<nlohmann::json> {
 public:
  /// Largest number of extents of a shape.
  static constexpr std::size_t max_rank = 8;

  /// Parses a header; `file` starts the messages.
  SafetensorsHeader(std::string_view text, std::string_view file);
  /// The tensors in the file's order; their `elements` are not set.
  [[nodiscard]] std::vector<SafetensorsEntry> take() && { return std::move(entries_); }

  bool key(string_t& text) override;
  bool start_object(std::size_t size) override;
  bool end_object() override;
  bool start_array(std::size_t size) override;
  bool end_array() override;
  bool number_unsigned(number_unsigned_t value) override;
  bool string(string_t& text) override;
  bool number_integer(number_integer_t value) override;
  bool number_float(number_float_t value, const string_t& text) override;
  bool null() override;
  bool boolean(bool value) override;
  bool binary(binary_t& value) override;
  bool parse_error(std::size_t position, const std::string& token,
                   const nlohmann::json::exception& error) override;

 private:
  enum class Level : std::uint8_t { before, tensors, metadata, tensor, shape, offsets, after };

  bool enter(Level level);
  [[nodiscard]] std::string inside() const;
  [[noreturn]] void unexpected(std::string_view what) const;

  std::string_view file_;
  Level level_ = Level::before;
  std::string key_;
  std::set<std::string, std::less<>> names_, outer_;  // in the open object, and in the one around it
  std::size_t offsets_ = 0;
  std::vector<SafetensorsEntry> entries_;
};

}  // namespace zofo::checkpoint

/// @file The JSON header of a safetensors file, read straight into a list of tensors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "zofo/checkpoint/printable_utf8.hpp"
#include "zofo/core/error.hpp"

namespace zofo::checkpoint {

/// A tensor of a safetensors file.
struct SafetensorsEntry {
  std::string name;
  std::string dtype;                 ///< as the file spells it: F32, BF16, I64, ...
  std::vector<std::uint64_t> shape;  ///< row-major: the last extent is contiguous
  std::uint64_t begin = 0;           ///< of its bytes, counted from the end of the header
  std::uint64_t end = 0;
  std::uint64_t elements = 0;  ///< the product of its shape
};

/// Bytes of an element, 0 for a dtype that this library doesn't know (safetensors 0.5, enum Dtype).
inline std::uint64_t safetensors_bytes(std::string_view dtype) {
  if (dtype == "F64" || dtype == "I64" || dtype == "U64") return 8;
  if (dtype == "F32" || dtype == "I32" || dtype == "U32") return 4;
  if (dtype == "F16" || dtype == "BF16" || dtype == "I16" || dtype == "U16") return 2;
  if (dtype == "BOOL" || dtype == "I8" || dtype == "U8" || dtype == "F8_E5M2" || dtype == "F8_E4M3") return 1;
  return 0;
}

/// Receives nlohmann's events one by one, so that no document is built whose values take many times the bytes
/// of a hostile header, and so that a name given twice is seen. Any other structure than the format's throws.
class SafetensorsHeader final : public nlohmann::json_sax<nlohmann::json> {
 public:
  static constexpr std::size_t max_rank = 8;

  /// Parses a header; `file` heads the messages.
  SafetensorsHeader(std::string_view text, std::string_view file) : file_(file) {
    nlohmann::json::sax_parse(text, this);
  }
  /// In the file's order.
  [[nodiscard]] std::vector<SafetensorsEntry> take() && { return std::move(entries_); }

  bool key(string_t& text) override {
    require(is_printable_utf8(text) && !text.empty() && text.size() <= 4096,
            "{}: header: a name must be 1 to 4096 bytes of UTF-8 without control characters", file_);
    require(names_.insert(text).second, "{}: header: {}'{}' appears twice", file_, inside(), text);
    key_ = std::move(text);
    return true;
  }
  bool start_object(std::size_t) override {
    if (level_ == Level::before) return enter(Level::tensors);
    if (level_ != Level::tensors) unexpected("an object");
    outer_ = std::exchange(names_, {});
    if (key_ == "__metadata__") return enter(Level::metadata);
    entries_.emplace_back().name = key_;
    return enter(Level::tensor);
  }
  bool end_object() override {
    if (level_ == Level::tensors) return enter(Level::after);
    if (level_ == Level::tensor)
      for (const char* field : {"dtype", "shape", "data_offsets"})
        require(names_.contains(field), "{}: tensor '{}': '{}' is missing", file_, entries_.back().name,
                field);
    names_ = std::exchange(outer_, {});
    return enter(Level::tensors);
  }
  bool start_array(std::size_t) override {
    if (level_ != Level::tensor) unexpected("an array");
    if (key_ == "shape") return enter(Level::shape);
    if (key_ != "data_offsets") unexpected("an array");
    offsets_ = 0;
    return enter(Level::offsets);
  }
  bool end_array() override {
    require(level_ == Level::shape || offsets_ == 2, "{}: tensor '{}': data_offsets: must be two numbers",
            file_, entries_.back().name);
    return enter(Level::tensor);
  }
  bool number_unsigned(number_unsigned_t value) override {
    if (level_ == Level::shape) {
      entries_.back().shape.push_back(value);
      require(entries_.back().shape.size() <= max_rank,
              "{}: tensor '{}': shape: must have at most {} extents", file_, entries_.back().name, max_rank);
    } else if (level_ == Level::offsets && offsets_ < 2) {
      (offsets_++ == 0 ? entries_.back().begin : entries_.back().end) = value;
    } else {
      unexpected("a number");
    }
    return true;
  }
  bool string(string_t& text) override {
    if (level_ == Level::metadata) return true;
    if (level_ != Level::tensor || key_ != "dtype") unexpected("a string");
    require(is_printable_utf8(text) && text.size() <= 16,
            "{}: tensor '{}': dtype: must be at most 16 printable bytes", file_, entries_.back().name);
    entries_.back().dtype = std::move(text);
    return true;
  }
  bool number_integer(number_integer_t) override { unexpected("a negative number"); }
  bool number_float(number_float_t, const string_t&) override { unexpected("a fraction"); }
  bool null() override { unexpected("null"); }
  bool boolean(bool) override { unexpected("true or false"); }
  bool binary(binary_t&) override { unexpected("bytes"); }
  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::json::exception& error) override {
    fail("{}: header: byte {}: not JSON: {}", file_, position, error.what());
  }

 private:
  enum class Level : std::uint8_t { before, tensors, metadata, tensor, shape, offsets, after };

  bool enter(Level level) {
    level_ = level;
    return true;
  }
  [[nodiscard]] std::string inside() const {
    return level_ == Level::tensor ? fmt::format("tensor '{}': ", entries_.back().name) : "";
  }
  [[noreturn]] void unexpected(std::string_view what) const {
    fail(
        "{}: header: {}{} at '{}': must be {{\"name\": {{\"dtype\": ..., \"shape\": [...], \"data_offsets\": "
        "[begin, end]}}}}",
        file_, inside(), what, key_);
  }

  std::string_view file_;
  Level level_ = Level::before;
  std::string key_;
  std::set<std::string, std::less<>> names_, outer_;  // in the object that is open, and in the one around it
  std::size_t offsets_ = 0;
  std::vector<SafetensorsEntry> entries_;
};

}  // namespace zofo::checkpoint

#include "safetensors_header.hpp"

#include "zofo/checkpoint/printable_utf8.hpp"
#include "zofo/core/error.hpp"

namespace zofo::checkpoint {

SafetensorsHeader::SafetensorsHeader(std::string_view text, std::string_view file) : file_(file) {
  nlohmann::json::sax_parse(text, this);
}

bool SafetensorsHeader::key(string_t& text) {
  require(is_printable_utf8(text) && !text.empty() && text.size() <= 4096,
          "{}: header: a name must be 1 to 4096 bytes of UTF-8 without control characters", file_);
  require(names_.insert(text).second, "{}: header: {}'{}' appears twice", file_, inside(), text);
  key_ = std::move(text);
  return true;
}

bool SafetensorsHeader::start_object(std::size_t /*size*/) {
  if (level_ == Level::before) return enter(Level::tensors);
  if (level_ != Level::tensors) unexpected("an object");
  outer_ = std::exchange(names_, {});
  if (key_ == "__metadata__") return enter(Level::metadata);
  entries_.emplace_back().name = key_;
  return enter(Level::tensor);
}

bool SafetensorsHeader::end_object() {
  if (level_ == Level::tensors) return enter(Level::after);
  if (level_ == Level::tensor)
    for (const char* field : {"dtype", "shape", "data_offsets"})
      require(names_.contains(field), "{}: tensor '{}': '{}' is missing", file_, entries_.back().name, field);
  names_ = std::exchange(outer_, {});
  return enter(Level::tensors);
}

bool SafetensorsHeader::start_array(std::size_t /*size*/) {
  if (level_ != Level::tensor) unexpected("an array");
  if (key_ == "shape") return enter(Level::shape);
  if (key_ != "data_offsets") unexpected("an array");
  offsets_ = 0;
  return enter(Level::offsets);
}

bool SafetensorsHeader::end_array() {
  require(level_ == Level::shape || offsets_ == 2, "{}: tensor '{}': data_offsets: must be two numbers",
          file_, entries_.back().name);
  return enter(Level::tensor);
}

bool SafetensorsHeader::number_unsigned(number_unsigned_t value) {
  if (level_ == Level::shape) {
    entries_.back().shape.push_back(value);
    require(entries_.back().shape.size() <= max_rank, "{}: tensor '{}': shape: must have at most {} extents",
            file_, entries_.back().name, max_rank);
  } else if (level_ == Level::offsets && offsets_ < 2) {
    (offsets_++ == 0 ? entries_.back().begin : entries_.back().end) = value;
  } else {
    unexpected("a number");
  }
  return true;
}

bool SafetensorsHeader::string(string_t& text) {
  if (level_ == Level::metadata) return true;
  if (level_ != Level::tensor || key_ != "dtype") unexpected("a string");
  require(is_printable_utf8(text) && text.size() <= 16,
          "{}: tensor '{}': dtype: must be at most 16 printable bytes", file_, entries_.back().name);
  entries_.back().dtype = std::move(text);
  return true;
}

bool SafetensorsHeader::number_integer(number_integer_t /*value*/) { unexpected("a negative number"); }
bool SafetensorsHeader::number_float(number_float_t /*value*/, const string_t& /*text*/) {
  unexpected("a fraction");
}
bool SafetensorsHeader::null() { unexpected("null"); }
bool SafetensorsHeader::boolean(bool /*value*/) { unexpected("true or false"); }
bool SafetensorsHeader::binary(binary_t& /*value*/) { unexpected("bytes"); }

bool SafetensorsHeader::parse_error(std::size_t position, const std::string& /*token*/,
                                    const nlohmann::json::exception& error) {
  fail("{}: header: byte {}: not JSON: {}", file_, position, error.what());
}

bool SafetensorsHeader::enter(Level level) {
  level_ = level;
  return true;
}

std::string SafetensorsHeader::inside() const {
  return level_ == Level::tensor ? fmt::format("tensor '{}': ", entries_.back().name) : "";
}

void SafetensorsHeader::unexpected(std::string_view what) const {
  fail(
      "{}: header: {}{} at '{}': must be {{\"name\": {{\"dtype\": ..., \"shape\": [...], \"data_offsets\": "
      "[begin, end]}}}}",
      file_, inside(), what, key_);
}

}  // namespace zofo::checkpoint

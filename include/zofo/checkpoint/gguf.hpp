/// @file GGUF files (ggml/docs/gguf.md), versions 2 and 3, little endian. Nothing in the file is trusted.
#pragma once

#include <algorithm>
#include <bit>
#include <concepts>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "zofo/checkpoint/dequantize.hpp"
#include "zofo/checkpoint/gguf_cursor.hpp"
#include "zofo/checkpoint/mapped_file.hpp"
#include "zofo/core/error.hpp"

namespace zofo::checkpoint {

/// Where a tensor lies and what it is.
struct TensorInfo {
  std::string name;
  std::vector<std::uint64_t> shape;  ///< ggml order: shape[0] is contiguous, a matrix of `shape[1]` rows
  GgmlType type = GgmlType::F32;
  std::uint64_t offset = 0;    ///< of its first byte, from the start of the file
  std::uint64_t bytes = 0;     ///< its size as stored
  std::uint64_t elements = 0;  ///< the product of its shape
};

/// A validated GGUF file. Opening checks every count, offset and size, so reading later cannot leave the
/// file. All const members may be called from many threads.
class GgufFile {
 public:
  /// Maps and validates a file. Throws Error naming the file and what is wrong.
  explicit GgufFile(const std::filesystem::path& path) : path_(path), name_(path.string()), file_(path) {
    bytes_ = file_.bytes();
    parse();
  }
  /// Validates bytes that the caller keeps alive; `name` stands for the file in messages.
  GgufFile(std::span<const std::byte> bytes, std::string name)
      : path_(name), name_(std::move(name)), bytes_(bytes) {
    parse();
  }

  /// The file's path.
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  /// Whether the metadata has `key`.
  [[nodiscard]] bool has(std::string_view key) const { return values_.contains(key); }
  /// All keys, sorted.
  [[nodiscard]] std::vector<std::string> keys() const;
  /// A string. As all accessors below, throws Error naming file and key when it is missing or of another
  /// type.
  [[nodiscard]] std::string string(std::string_view key) const;
  /// An integer of any width that is not negative.
  [[nodiscard]] std::uint64_t unsigned_integer(std::string_view key) const;
  /// A float of any width, or an integer, as double.
  [[nodiscard]] double number(std::string_view key) const;
  /// A bool.
  [[nodiscard]] bool boolean(std::string_view key) const;
  /// An array of strings.
  [[nodiscard]] std::vector<std::string> strings(std::string_view key) const;
  /// An array of floats of any width, rounded to float.
  [[nodiscard]] std::vector<float> floats(std::string_view key) const;
  /// An array of integers of any width.
  [[nodiscard]] std::vector<std::int64_t> integers(std::string_view key) const;
  /// A value of any type as its bytes.
  [[nodiscard]] GgufRaw raw(std::string_view key) const;

  /// Whether the file has the tensor.
  [[nodiscard]] bool has_tensor(std::string_view name) const { return index_.contains(std::string(name)); }
  /// Names of all tensors in the file's order.
  [[nodiscard]] std::vector<std::string> tensor_names() const;
  /// A tensor's place and shape. Throws Error naming file and tensor when it is missing.
  [[nodiscard]] const TensorInfo& tensor(std::string_view name) const;
  /// Writes a tensor as floats, shape[0] fastest. Throws Error unless `out` holds exactly its elements.
  void read(std::string_view name, std::span<float> out) const;

 private:
  /// A metadata value: where its first element starts. A scalar is one element.
  struct Value {
    GgufValue type;
    bool array;
    std::uint64_t count;
    std::uint64_t position;
  };

  void parse();
  void parse_value(GgufCursor& cursor);
  void parse_tensor(GgufCursor& cursor);
  void measure(TensorInfo& info) const;
  void place_tensors(std::uint64_t header_end);
  void check_overlap() const;
  [[nodiscard]] std::uint64_t alignment() const;

  [[nodiscard]] const Value& value(std::string_view key, bool array, std::string_view wanted) const;
  [[noreturn]] void wrong_type(std::string_view key, std::string_view wanted) const {
    fail("{}: key '{}': must be {}", name_, key, wanted);
  }
  [[nodiscard]] GgufCursor at(const Value& value) const { return {bytes_, name_, value.position}; }
  template <std::integral T>
  [[nodiscard]] T read_integer(GgufCursor& cursor, GgufValue type, std::string_view key,
                               std::string_view wanted) const;

  std::filesystem::path path_;
  std::string name_;
  MappedFile file_;
  std::span<const std::byte> bytes_;
  std::map<std::string, Value, std::less<>> values_;
  std::vector<TensorInfo> tensors_;
  std::unordered_map<std::string, std::size_t> index_;
};

namespace detail {

/// Bytes of one value; 0 for strings and arrays, which have no fixed size, and for unknown types.
inline std::uint64_t value_size(GgufValue type) {
  switch (type) {
    case GgufValue::U8:
    case GgufValue::I8:
    case GgufValue::Bool:
      return 1;
    case GgufValue::U16:
    case GgufValue::I16:
      return 2;
    case GgufValue::U32:
    case GgufValue::I32:
    case GgufValue::F32:
      return 4;
    case GgufValue::U64:
    case GgufValue::I64:
    case GgufValue::F64:
      return 8;
    case GgufValue::String:
    case GgufValue::Array:
      break;
  }
  return 0;
}

/// Whether a value is an integer of some width.
inline bool is_integer(GgufValue type) {
  return value_size(type) > 0 && type != GgufValue::F32 && type != GgufValue::F64 && type != GgufValue::Bool;
}

/// Calls `f` with the next value when it is an integer; false, with nothing read, when it is not.
template <class F>
bool visit_integer(GgufCursor& cursor, GgufValue type, F&& f) {
  switch (type) {
    case GgufValue::U8:
      return f(cursor.read<std::uint8_t>("value")), true;
    case GgufValue::I8:
      return f(cursor.read<std::int8_t>("value")), true;
    case GgufValue::U16:
      return f(cursor.read<std::uint16_t>("value")), true;
    case GgufValue::I16:
      return f(cursor.read<std::int16_t>("value")), true;
    case GgufValue::U32:
      return f(cursor.read<std::uint32_t>("value")), true;
    case GgufValue::I32:
      return f(cursor.read<std::int32_t>("value")), true;
    case GgufValue::U64:
      return f(cursor.read<std::uint64_t>("value")), true;
    case GgufValue::I64:
      return f(cursor.read<std::int64_t>("value")), true;
    default:
      return false;
  }
}

}  // namespace detail

inline void GgufFile::parse() {
  GgufCursor cursor(bytes_, name_);
  const auto magic = cursor.read<std::uint32_t>("magic");
  require(magic == gguf_magic, "{}: magic {:#010x}: must be \"GGUF\" ({:#010x})", name_, magic, gguf_magic);
  const auto version = cursor.read<std::uint32_t>("version");
  require(version == 2 || version == 3, "{}: version {}: must be 2 or 3, little endian", name_, version);
  const auto tensors = cursor.read<std::uint64_t>("tensor count");
  const auto values = cursor.read<std::uint64_t>("key count");
  cursor.check_count(values, 14, "key count");  // key length, one byte, type, one byte
  for (std::uint64_t i = 0; i < values; ++i) parse_value(cursor);
  cursor.check_count(tensors, 33,
                     "tensor count");  // name length, one byte, rank, one dimension, type, offset
  tensors_.reserve(static_cast<std::size_t>(tensors));
  for (std::uint64_t i = 0; i < tensors; ++i) parse_tensor(cursor);
  place_tensors(cursor.position());
}

inline void GgufFile::parse_value(GgufCursor& cursor) {
  const std::string key = cursor.name("key");
  auto type = static_cast<GgufValue>(cursor.read<std::uint32_t>(key));
  const bool array = type == GgufValue::Array;
  std::uint64_t count = 1;
  if (array) {
    type = static_cast<GgufValue>(cursor.read<std::uint32_t>(key));
    count = cursor.read<std::uint64_t>(key);
  }
  const bool string = type == GgufValue::String;
  const std::uint64_t size = string ? sizeof(std::uint64_t) : detail::value_size(type);
  require(size > 0, "{}: key '{}': {}type {}: must be 0 to 12, and in arrays not 9", name_, key,
          array ? "element " : "", static_cast<std::uint32_t>(type));
  const auto [place, fresh] = values_.emplace(key, Value{type, array, count, cursor.position()});
  require(fresh, "{}: key '{}' appears twice", name_, key);
  if (!string) return cursor.skip(count, size, key);
  cursor.check_count(count, size, key);
  for (std::uint64_t i = 0; i < count; ++i) cursor.text(key);
}

inline void GgufFile::parse_tensor(GgufCursor& cursor) {
  TensorInfo info;
  info.name = cursor.name("tensor name");
  const auto rank = cursor.read<std::uint32_t>(info.name);
  require(rank >= 1 && rank <= 4, "{}: tensor '{}': {} dimensions: must have 1 to 4", name_, info.name, rank);
  for (std::uint32_t i = 0; i < rank; ++i) info.shape.push_back(cursor.read<std::uint64_t>(info.name));
  info.type = static_cast<GgmlType>(cursor.read<std::uint32_t>(info.name));
  info.offset = cursor.read<std::uint64_t>(info.name);
  measure(info);
  require(index_.emplace(info.name, tensors_.size()).second, "{}: tensor '{}' appears twice", name_,
          info.name);
  tensors_.push_back(std::move(info));
}

inline void GgufFile::measure(TensorInfo& info) const {
  const auto layout = block_layout(info.type);
  require(layout.has_value(), "{}: tensor '{}': type {}: must be one of {}", name_, info.name,
          static_cast<std::uint32_t>(info.type), supported_types);
  // A value takes at least half a byte, so no tensor has more than twice as many values as the file has
  // bytes.
  const std::uint64_t most = 2 * static_cast<std::uint64_t>(bytes_.size());
  info.elements = 1;
  for (const std::uint64_t extent : info.shape) {
    require(extent >= 1 && extent <= most / info.elements,
            "{}: tensor '{}': dimension {}: must be at least 1, and the shape fit a file of {} bytes", name_,
            info.name, extent, bytes_.size());
    info.elements *= extent;
  }
  require(info.shape[0] % layout->values == 0,
          "{}: tensor '{}': row of {} values: must be a multiple of {} ({})", name_, info.name, info.shape[0],
          layout->values, layout->name);
  info.bytes = info.elements / layout->values * layout->bytes;
}

inline std::uint64_t GgufFile::alignment() const {
  constexpr std::string_view key = "general.alignment";
  if (!has(key)) return gguf_default_alignment;
  const std::uint64_t bytes = unsigned_integer(key);
  require(std::has_single_bit(bytes) && bytes <= (1u << 30), "{}: {} = {}: must be a power of two up to 2^30",
          name_, key, bytes);
  return bytes;
}

inline void GgufFile::place_tensors(std::uint64_t header_end) {
  const std::uint64_t align = alignment();
  const std::uint64_t begin = (header_end + align - 1) / align * align;
  const std::uint64_t room = bytes_.size() - std::min<std::uint64_t>(begin, bytes_.size());
  for (TensorInfo& info : tensors_) {
    require(info.offset % align == 0, "{}: tensor '{}': offset {}: must be a multiple of {}", name_,
            info.name, info.offset, align);
    require(info.offset <= room && info.bytes <= room - info.offset,
            "{}: tensor '{}': {} bytes at offset {} of {} bytes of tensor data (a truncated file?)", name_,
            info.name, info.bytes, info.offset, room);
    info.offset += begin;
  }
  check_overlap();
}

inline void GgufFile::check_overlap() const {
  std::vector<const TensorInfo*> order;
  for (const TensorInfo& info : tensors_) order.push_back(&info);
  std::ranges::sort(order, {}, &TensorInfo::offset);
  for (std::size_t i = 1; i < order.size(); ++i)
    require(order[i - 1]->offset + order[i - 1]->bytes <= order[i]->offset,
            "{}: tensor '{}' overlaps tensor '{}'", name_, order[i - 1]->name, order[i]->name);
}

inline const GgufFile::Value& GgufFile::value(std::string_view key, bool array,
                                              std::string_view wanted) const {
  const auto found = values_.find(key);
  require(found != values_.end(), "{}: key '{}' is missing: must be {}", name_, key, wanted);
  if (found->second.array != array) wrong_type(key, wanted);
  return found->second;
}

template <std::integral T>
T GgufFile::read_integer(GgufCursor& cursor, GgufValue type, std::string_view key,
                         std::string_view wanted) const {
  T result{};
  const bool integer = detail::visit_integer(cursor, type, [&](auto number) {
    require(std::in_range<T>(number), "{}: key '{}' = {}: must be {}", name_, key, number, wanted);
    result = static_cast<T>(number);
  });
  if (!integer) wrong_type(key, wanted);
  return result;
}

inline std::vector<std::string> GgufFile::keys() const {
  std::vector<std::string> result;
  for (const auto& [key, value] : values_) result.push_back(key);
  return result;
}

inline std::string GgufFile::string(std::string_view key) const {
  const Value& found = value(key, false, "a string");
  if (found.type != GgufValue::String) wrong_type(key, "a string");
  GgufCursor cursor = at(found);
  return std::string(cursor.text(key));
}

inline std::uint64_t GgufFile::unsigned_integer(std::string_view key) const {
  constexpr std::string_view wanted = "an integer >= 0";
  const Value& found = value(key, false, wanted);
  GgufCursor cursor = at(found);
  return read_integer<std::uint64_t>(cursor, found.type, key, wanted);
}

inline double GgufFile::number(std::string_view key) const {
  const Value& found = value(key, false, "a number");
  GgufCursor cursor = at(found);
  if (found.type == GgufValue::F32) return static_cast<double>(cursor.read<float>(key));
  if (found.type == GgufValue::F64) return cursor.read<double>(key);
  double result = 0;
  const bool integer =
      detail::visit_integer(cursor, found.type, [&](auto number) { result = static_cast<double>(number); });
  if (!integer) wrong_type(key, "a number");
  return result;
}

inline bool GgufFile::boolean(std::string_view key) const {
  const Value& found = value(key, false, "a bool");
  if (found.type != GgufValue::Bool) wrong_type(key, "a bool");
  GgufCursor cursor = at(found);
  const auto byte = cursor.read<std::uint8_t>(key);
  require(byte <= 1, "{}: key '{}' = {}: must be 0 or 1", name_, key, byte);
  return byte == 1;
}

inline std::vector<std::string> GgufFile::strings(std::string_view key) const {
  const Value& found = value(key, true, "an array of strings");
  if (found.type != GgufValue::String) wrong_type(key, "an array of strings");
  GgufCursor cursor = at(found);
  std::vector<std::string> result;
  result.reserve(static_cast<std::size_t>(found.count));
  for (std::uint64_t i = 0; i < found.count; ++i) result.emplace_back(cursor.text(key));
  return result;
}

inline std::vector<float> GgufFile::floats(std::string_view key) const {
  const Value& found = value(key, true, "an array of floats");
  const bool wide = found.type == GgufValue::F64;
  if (!wide && found.type != GgufValue::F32) wrong_type(key, "an array of floats");
  GgufCursor cursor = at(found);
  std::vector<float> result(static_cast<std::size_t>(found.count));
  for (float& item : result)
    item = wide ? static_cast<float>(cursor.read<double>(key)) : cursor.read<float>(key);
  return result;
}

inline std::vector<std::int64_t> GgufFile::integers(std::string_view key) const {
  constexpr std::string_view wanted = "an array of integers below 2^63";
  const Value& found = value(key, true, wanted);
  if (!detail::is_integer(found.type)) wrong_type(key, wanted);  // also where there are none
  GgufCursor cursor = at(found);
  std::vector<std::int64_t> result(static_cast<std::size_t>(found.count));
  for (std::int64_t& item : result) item = read_integer<std::int64_t>(cursor, found.type, key, wanted);
  return result;
}

inline GgufRaw GgufFile::raw(std::string_view key) const {
  const auto found = values_.find(key);
  require(found != values_.end(), "{}: key '{}' is missing", name_, key);
  const Value& it = found->second;
  GgufCursor cursor = at(it);
  if (it.type == GgufValue::String)
    for (std::uint64_t i = 0; i < it.count; ++i) cursor.text(key);
  else
    cursor.skip(it.count, detail::value_size(it.type), key);
  return {it.type, it.array, it.count, bytes_.subspan(it.position, cursor.position() - it.position)};
}

inline std::vector<std::string> GgufFile::tensor_names() const {
  std::vector<std::string> result;
  for (const TensorInfo& info : tensors_) result.push_back(info.name);
  return result;
}

inline const TensorInfo& GgufFile::tensor(std::string_view name) const {
  const auto found = index_.find(std::string(name));
  require(found != index_.end(), "{}: tensor '{}' is missing", name_, name);
  return tensors_[found->second];
}

inline void GgufFile::read(std::string_view name, std::span<float> out) const {
  const TensorInfo& info = tensor(name);
  require(out.size() == info.elements, "{}: tensor '{}' has {} elements, {} are wanted", name_, name,
          info.elements, out.size());
  dequantize(info.type, bytes_.subspan(info.offset, info.bytes), out);
}

}  // namespace zofo::checkpoint

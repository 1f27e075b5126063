#include "zofo/checkpoint/safetensors.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "safetensors_header.hpp"
#include "zofo/checkpoint/widen.hpp"
#include "zofo/core/error.hpp"

namespace zofo::checkpoint {

namespace {

// An element's type (safetensors 0.5, enum Dtype): its size, and its conversion to float where it has one.
struct Dtype {
  std::string_view name;
  std::uint64_t bytes;
  void (*widen)(std::span<const std::byte> bytes, std::span<float> out) = nullptr;
};
constexpr std::array<Dtype, 15> dtypes{{{"F64", 8, widen_double},
                                        {"F32", 4, widen_float},
                                        {"F16", 2, widen_half},
                                        {"BF16", 2, widen_bfloat16},
                                        {"F8_E4M3", 1, widen_e4m3},
                                        {"F8_E5M2", 1, widen_e5m2},
                                        {"I64", 8},
                                        {"U64", 8},
                                        {"I32", 4},
                                        {"U32", 4},
                                        {"I16", 2},
                                        {"U16", 2},
                                        {"I8", 1},
                                        {"U8", 1},
                                        {"BOOL", 1}}};

// Null for a type that this library doesn't know.
const Dtype* find_dtype(std::string_view name) {
  const auto* const found = std::ranges::find(dtypes, name, &Dtype::name);
  return found == dtypes.end() ? nullptr : found;
}

}  // namespace

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path) : name_(path.string()), file_(path) {
  parse(file_.bytes());
}

SafetensorsFile::SafetensorsFile(std::span<const std::byte> bytes, std::string name)
    : name_(std::move(name)) {
  parse(bytes);
}

bool SafetensorsFile::has(std::string_view tensor) const { return index_.contains(std::string(tensor)); }

const SafetensorsEntry& SafetensorsFile::tensor(std::string_view name) const {
  const auto found = index_.find(std::string(name));
  require(found != index_.end(), "{}: tensor '{}' is missing", name_, name);
  return tensors_[found->second];
}

void SafetensorsFile::read(std::string_view name, std::span<float> out) const {
  const SafetensorsEntry& entry = tensor(name);
  require(out.size() == entry.elements, "{}: tensor '{}' has {} elements, {} are requested", name_, name,
          entry.elements, out.size());
  const auto bytes = data_.subspan(entry.begin, entry.end - entry.begin);
  const Dtype* const dtype = find_dtype(entry.dtype);
  require(dtype != nullptr && dtype->widen != nullptr,
          "{}: tensor '{}': dtype '{}': must be F64, F32, F16, BF16, F8_E4M3 or F8_E5M2", name_, name,
          entry.dtype);
  dtype->widen(bytes, out);
}

void SafetensorsFile::parse(std::span<const std::byte> bytes) {
  std::uint64_t length = 0;
  require(bytes.size() >= sizeof length, "{}: {} bytes: a safetensors file has at least 8", name_,
          bytes.size());
  std::memcpy(&length, bytes.data(), sizeof length);
  require(length <= max_header && length <= bytes.size() - sizeof length,
          "{}: header length {}: must be at most {}, and the file has {} bytes after it (a truncated file, "
          "or not safetensors)",
          name_, length, max_header, bytes.size() - sizeof length);
  const auto header = bytes.subspan(sizeof length, length);
  const std::string_view text(reinterpret_cast<const char*>(header.data()), header.size());
  require(text.starts_with('{'), "{}: header: must begin with '{{'", name_);
  data_ = bytes.subspan(sizeof length + length);
  tensors_ = SafetensorsHeader(text, name_).take();
  for (SafetensorsEntry& entry : tensors_) measure(entry);
  check_cover();
  for (std::size_t i = 0; i < tensors_.size(); ++i) index_.emplace(tensors_[i].name, i);
}

void SafetensorsFile::measure(SafetensorsEntry& entry) const {
  require(entry.begin <= entry.end && entry.end <= data_.size(),
          "{}: tensor '{}': data_offsets [{}, {}]: must be in order and within {} bytes of data (a truncated "
          "file?)",
          name_, entry.name, entry.begin, entry.end, data_.size());
  entry.elements = 1;
  for (const std::uint64_t extent : entry.shape)
    require(!__builtin_mul_overflow(entry.elements, extent, &entry.elements),
            "{}: tensor '{}': shape: its product exceeds 2^64", name_, entry.name);
  const Dtype* const dtype = find_dtype(entry.dtype);
  if (dtype == nullptr) return;  // read() refuses the dtype; check_cover() still checks the offsets
  std::uint64_t wanted = 0;
  require(!__builtin_mul_overflow(entry.elements, dtype->bytes, &wanted) && wanted == entry.end - entry.begin,
          "{}: tensor '{}': {} bytes do not hold its {} elements of {}", name_, entry.name,
          entry.end - entry.begin, entry.elements, entry.dtype);
}

// The format allows neither holes nor overlaps: each tensor begins at the end of the one before it.
void SafetensorsFile::check_cover() {
  std::ranges::sort(tensors_, [](const SafetensorsEntry& a, const SafetensorsEntry& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  std::uint64_t end = 0;
  for (const SafetensorsEntry& entry : tensors_) {
    require(entry.begin == end, "{}: tensor '{}': begins at byte {}: the tensor before it ends at {}", name_,
            entry.name, entry.begin, end);
    end = entry.end;
  }
  require(end == data_.size(), "{}: tensors end at byte {} of {} bytes of data: must fill them", name_, end,
          data_.size());
}

}  // namespace zofo::checkpoint

#include "zofo/checkpoint/gguf.hpp"

#include <bit>
#include <system_error>
#include <unordered_set>
#include <utility>

#include "gguf_cursor.hpp"
#include "gguf_metadata.hpp"
#include "gguf_split.hpp"
#include "gguf_tensors.hpp"
#include "zofo/checkpoint/check_finite.hpp"
#include "zofo/checkpoint/dequantize.hpp"
#include "zofo/checkpoint/mapped_file.hpp"
#include "zofo/core/error.hpp"

namespace zofo::checkpoint {

// What a file holds, and for the first file of a split model the other parts. The metadata refers to the
// bytes, so this object stays where it was created.
struct GgufFile::Contents {
  explicit Contents(const std::filesystem::path& from)
      : path(from), name(from.string()), file(from), bytes(file.bytes()) {
    parse();
  }
  Contents(std::span<const std::byte> from, std::string called)
      : path(called), name(std::move(called)), bytes(from) {
    parse();
    const GgufSplit split = GgufSplit::read(metadata, name);
    require(split.count == 1, "{}: is part {} of {} of a split model: parts are read from files only", name,
            split.number + 1, split.count);
  }

  void parse() {
    GgufCursor cursor(bytes, name);
    metadata = GgufMetadata(bytes, name);
    tensors = GgufTensors(bytes.size(), name);
    const auto magic = cursor.read<std::uint32_t>("magic");
    require(magic == gguf_magic, "{}: magic {:#010x}: must be \"GGUF\" ({:#010x})", name, magic, gguf_magic);
    const auto version = cursor.read<std::uint32_t>("version");
    require(version == 2 || version == 3, "{}: version {}: must be 2 or 3, little endian", name, version);
    const auto tensor_count = cursor.read<std::uint64_t>("tensor count");
    const auto key_count = cursor.read<std::uint64_t>("key count");
    cursor.check_count(key_count, 14, "key count");  // key length, one byte, type, one byte
    for (std::uint64_t i = 0; i < key_count; ++i) metadata.read_value(cursor);
    // name length, one byte, rank, one dimension, type, offset
    cursor.check_count(tensor_count, 33, "tensor count");
    tensors.reserve(tensor_count);
    for (std::uint64_t i = 0; i < tensor_count; ++i) tensors.read_info(cursor);
    tensors.locate(cursor.position(), alignment());
  }

  // Opens the other parts if this is the first file of a split model; refuses another part.
  void open_parts() {
    const GgufSplit split = GgufSplit::read(metadata, name);
    if (split.count == 1) return;
    require(split.number == 0, "{}: is part {} of {} of a split model: the first part is read, {}", name,
            split.number + 1, split.count, split_path(path, split.number, 0, split.count).string());
    for (std::uint64_t i = 1; i < split.count; ++i) open_part(split, i);
    std::unordered_set<std::string> names;
    for_each_part([&](const Contents& part) {
      for (std::string& tensor : part.tensors.names())
        require(names.insert(tensor).second, "{}: tensor '{}' is in another part too", part.name, tensor);
    });
    require(names.size() == split.tensors, "{}: split.tensors.count = {}: the {} parts have {} tensors", name,
            split.tensors, split.count, names.size());
  }
  void open_part(const GgufSplit& split, std::uint64_t number) {
    const std::filesystem::path from = split_path(path, 0, number, split.count);
    std::error_code ignored;
    require(std::filesystem::exists(from, ignored),
            "{}: is missing: it is part {} of {} of the split model {}", from.string(), number + 1,
            split.count, name);
    const Contents& part = *parts.emplace_back(std::make_unique<const Contents>(from));
    const GgufSplit other = GgufSplit::read(part.metadata, part.name);
    require(other.number == number && other.count == split.count,
            "{}: split.no and split.count are those of part {} of {}: must be those of part {} of {}, as in "
            "its name",
            part.name, other.number + 1, other.count, number + 1, split.count);
  }
  template <class Use>
  void for_each_part(Use use) const {
    use(*this);
    for (const auto& part : parts) use(*part);
  }
  // The part that has the tensor; this file where none has.
  [[nodiscard]] const Contents& part_of(std::string_view tensor) const {
    for (const auto& part : parts)
      if (part->tensors.has(tensor)) return *part;
    return *this;
  }
  [[nodiscard]] std::uint64_t alignment() const {
    constexpr std::string_view key = "general.alignment";
    if (!metadata.has(key)) return gguf_default_alignment;
    const std::uint64_t align = metadata.unsigned_integer(key);
    require(std::has_single_bit(align) && align <= (1u << 30),
            "{}: {} = {}: must be a power of two up to 2^30", name, key, align);
    return align;
  }

  std::filesystem::path path;
  std::string name;
  MappedFile file;
  std::span<const std::byte> bytes;
  GgufMetadata metadata;
  GgufTensors tensors;
  std::vector<std::unique_ptr<const Contents>> parts;  // the second and later ones
};

GgufFile::GgufFile(const std::filesystem::path& path) {
  auto contents = std::make_unique<Contents>(path);
  contents->open_parts();
  contents_ = std::move(contents);
}
GgufFile::GgufFile(std::span<const std::byte> bytes, std::string name)
    : contents_(std::make_unique<Contents>(bytes, std::move(name))) {}
GgufFile::GgufFile(GgufFile&& other) noexcept = default;
GgufFile& GgufFile::operator=(GgufFile&& other) noexcept = default;
GgufFile::~GgufFile() = default;

const std::filesystem::path& GgufFile::path() const { return contents_->path; }

bool GgufFile::has(std::string_view key) const { return contents_->metadata.has(key); }
std::vector<std::string> GgufFile::keys() const { return contents_->metadata.keys(); }
std::string GgufFile::string(std::string_view key) const { return contents_->metadata.string(key); }
std::uint64_t GgufFile::unsigned_integer(std::string_view key) const {
  return contents_->metadata.unsigned_integer(key);
}
double GgufFile::number(std::string_view key) const { return contents_->metadata.number(key); }
bool GgufFile::boolean(std::string_view key) const { return contents_->metadata.boolean(key); }
std::vector<std::string> GgufFile::strings(std::string_view key) const {
  return contents_->metadata.strings(key);
}
std::vector<float> GgufFile::floats(std::string_view key) const { return contents_->metadata.floats(key); }
std::vector<std::int64_t> GgufFile::integers(std::string_view key) const {
  return contents_->metadata.integers(key);
}
GgufRaw GgufFile::raw(std::string_view key) const { return contents_->metadata.raw(key); }

std::uint64_t GgufFile::bytes() const {
  std::uint64_t sum = 0;
  contents_->for_each_part([&](const Contents& part) { sum += part.bytes.size(); });
  return sum;
}

bool GgufFile::has_tensor(std::string_view name) const { return contents_->part_of(name).tensors.has(name); }
std::vector<std::string> GgufFile::tensor_names() const {
  std::vector<std::string> names;
  contents_->for_each_part([&](const Contents& part) {
    for (std::string& name : part.tensors.names()) names.push_back(std::move(name));
  });
  return names;
}
const TensorInfo& GgufFile::tensor(std::string_view name) const {
  return contents_->part_of(name).tensors.tensor(name);
}

void GgufFile::read(std::string_view name, std::span<float> out) const {
  const Contents& part = contents_->part_of(name);
  const TensorInfo& info = part.tensors.tensor(name);
  require(out.size() == info.elements, "{}: tensor '{}' has {} elements, {} are requested", part.name, name,
          info.elements, out.size());
  if (!dequantize(info.type, part.bytes.subspan(info.offset, info.bytes), out))
    check_finite(out, fmt::format("{}: tensor '{}'", part.name, name));
}

}  // namespace zofo::checkpoint

#include "zofo/checkpoint/gguf.hpp"

#include <bit>
#include <utility>

#include "gguf_cursor.hpp"
#include "gguf_metadata.hpp"
#include "gguf_tensors.hpp"
#include "zofo/checkpoint/mapped_file.hpp"
#include "zofo/core/error.hpp"

namespace zofo::checkpoint {

// What a file holds. The metadata refers to the bytes, so this object stays where it was created.
struct GgufFile::Contents {
  explicit Contents(const std::filesystem::path& from)
      : path(from), name(from.string()), file(from), bytes(file.bytes()) {
    parse();
  }
  Contents(std::span<const std::byte> from, std::string called)
      : path(called), name(std::move(called)), bytes(from) {
    parse();
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
};

GgufFile::GgufFile(const std::filesystem::path& path) : contents_(std::make_unique<Contents>(path)) {}
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

bool GgufFile::has_tensor(std::string_view name) const { return contents_->tensors.has(name); }
std::vector<std::string> GgufFile::tensor_names() const { return contents_->tensors.names(); }
const TensorInfo& GgufFile::tensor(std::string_view name) const { return contents_->tensors.tensor(name); }

void GgufFile::read(std::string_view name, std::span<float> out) const {
  const TensorInfo& info = tensor(name);
  require(out.size() == info.elements, "{}: tensor '{}' has {} elements, {} are requested", contents_->name,
          name, info.elements, out.size());
  dequantize(info.type, contents_->bytes.subspan(info.offset, info.bytes), out);
}

}  // namespace zofo::checkpoint

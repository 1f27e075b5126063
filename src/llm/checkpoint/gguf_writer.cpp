#include "zofo/checkpoint/gguf_writer.hpp"

#include <fstream>

#include "zofo/core/atomic_file.hpp"
#include "zofo/core/error.hpp"

namespace zofo::checkpoint {

namespace {

template <class T>
void append(std::string& to, T value) {
  to.append(reinterpret_cast<const char*>(&value), sizeof(T));
}

void append_text(std::string& to, std::string_view text) {
  append(to, static_cast<std::uint64_t>(text.size()));
  to.append(text);
}

std::uint64_t padded(std::uint64_t size) {
  return (size + gguf_default_alignment - 1) / gguf_default_alignment * gguf_default_alignment;
}

}  // namespace

void GgufWriter::begin(std::string_view key, GgufValue type) {
  append_text(metadata_, key);
  append(metadata_, type);
  ++value_count_;
}

void GgufWriter::begin_array(std::string_view key, GgufValue type, std::size_t count) {
  begin(key, GgufValue::Array);
  append(metadata_, type);
  append(metadata_, static_cast<std::uint64_t>(count));
}

void GgufWriter::string(std::string_view key, std::string_view value) {
  begin(key, GgufValue::String);
  append_text(metadata_, value);
}

void GgufWriter::unsigned_integer(std::string_view key, std::uint32_t value) {
  begin(key, GgufValue::U32);
  append(metadata_, value);
}

void GgufWriter::number(std::string_view key, float value) {
  begin(key, GgufValue::F32);
  append(metadata_, value);
}

void GgufWriter::boolean(std::string_view key, bool value) {
  begin(key, GgufValue::Bool);
  append(metadata_, std::uint8_t{value});
}

void GgufWriter::strings(std::string_view key, std::span<const std::string> values) {
  begin_array(key, GgufValue::String, values.size());
  for (const std::string& value : values) append_text(metadata_, value);
}

void GgufWriter::integers(std::string_view key, std::span<const std::int32_t> values) {
  begin_array(key, GgufValue::I32, values.size());
  for (const std::int32_t value : values) append(metadata_, value);
}

void GgufWriter::floats(std::string_view key, std::span<const float> values) {
  begin_array(key, GgufValue::F32, values.size());
  for (const float value : values) append(metadata_, value);
}

void GgufWriter::raw(std::string_view key, const GgufRaw& value) {
  begin(key, value.array ? GgufValue::Array : value.type);
  if (value.array) {
    append(metadata_, value.type);
    append(metadata_, value.count);
  }
  metadata_.append(reinterpret_cast<const char*>(value.bytes.data()), value.bytes.size());
}

void GgufWriter::tensor(std::string_view name, std::span<const std::uint64_t> shape,
                        std::span<const float> values) {
  tensor(name, shape, GgmlType::F32, std::as_bytes(values));
}

void GgufWriter::tensor(std::string_view name, std::span<const std::uint64_t> shape, GgmlType type,
                        std::span<const std::byte> bytes) {
  declare(name, shape, type);
  require(bytes.size() == sizes_.back(), "tensor '{}': {} bytes: {} of this shape takes {}", name,
          bytes.size(), find_format(type)->name, sizes_.back());
  data_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  data_.resize(padded(data_.size()));
}

void GgufWriter::declare(std::string_view name, std::span<const std::uint64_t> shape, GgmlType type) {
  const GgmlFormat& format = readable_format(type, fmt::format("tensor '{}'", name));
  std::uint64_t elements = 1;
  for (const std::uint64_t extent : shape) elements *= extent;
  require(elements % format.values == 0, "tensor '{}': {} values are not a whole number of blocks of {}",
          name, elements, format.name);
  append_text(infos_, name);
  append(infos_, static_cast<std::uint32_t>(shape.size()));
  for (const std::uint64_t extent : shape) append(infos_, extent);
  append(infos_, type);
  append(infos_, end_);
  sizes_.push_back(elements / format.values * format.bytes);
  end_ += padded(sizes_.back());
}

void GgufWriter::stream(const std::filesystem::path& path,
                        const std::function<std::vector<std::byte>(std::size_t)>& bytes_of) const {
  AtomicFile file(path);
  file.write(header());
  for (std::size_t i = 0; i < sizes_.size(); ++i) {
    const std::vector<std::byte> bytes = bytes_of(i);
    require(bytes.size() == sizes_[i], "{}: tensor {}: {} bytes: must have {}", path.string(), i,
            bytes.size(), sizes_[i]);
    file.write(bytes);
    file.write(std::string(padded(file.size()) - file.size(), '\0'));
  }
  file.commit();
}

std::string GgufWriter::bytes() const { return header() += data_; }

void GgufWriter::write(const std::filesystem::path& path) const {
  const std::string file = bytes();
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out.write(file.data(), static_cast<std::streamsize>(file.size()));
  out.close();
  require(!out.fail(), "{}: cannot write {} bytes", path.string(), file.size());
}

// Everything before the tensors' data.
std::string GgufWriter::header() const {
  std::string file;
  append(file, gguf_magic);
  append(file, std::uint32_t{3});
  append(file, static_cast<std::uint64_t>(sizes_.size()));
  append(file, value_count_);
  file += metadata_;
  file += infos_;
  file.resize(padded(file.size()));
  return file;
}

}  // namespace zofo::checkpoint

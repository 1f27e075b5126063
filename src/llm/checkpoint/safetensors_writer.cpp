#include "zofo/checkpoint/safetensors_writer.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "zofo/checkpoint/widen.hpp"
#include "zofo/core/atomic_file.hpp"
#include "zofo/core/error.hpp"

namespace zofo::checkpoint {

namespace {

std::string header_of(const std::vector<SafetensorsSpec>& specs, SafetensorsType type,
                      const std::map<std::string, std::string>& metadata, const std::string& path) {
  const bool wide = type == SafetensorsType::F32;
  nlohmann::json header;
  header["__metadata__"] = metadata;
  std::uint64_t offset = 0;
  for (const SafetensorsSpec& spec : specs) {
    require(!header.contains(spec.name), "{}: tensor '{}' appears twice", path, spec.name);
    const std::uint64_t end = offset + spec.elements() * (wide ? 4 : 2);
    header[spec.name] = {{"dtype", wide ? "F32" : "BF16"}, {"shape", spec.shape}};
    header[spec.name]["data_offsets"] = {offset, end};
    offset = end;
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');  // aligns the tensors
  return text;
}

}  // namespace

struct SafetensorsWriter::Output {
  AtomicFile file;
};

SafetensorsWriter::SafetensorsWriter(const std::filesystem::path& path, std::vector<SafetensorsSpec> specs,
                                     SafetensorsType type, const std::map<std::string, std::string>& metadata)
    : output_(new Output{AtomicFile(path)}), specs_(std::move(specs)), type_(type) {
  const std::string header = header_of(specs_, type_, metadata, path.string());
  const auto length = static_cast<std::uint64_t>(header.size());
  output_->file.write(std::as_bytes(std::span(&length, 1)));
  output_->file.write(header);
}

SafetensorsWriter::~SafetensorsWriter() = default;

void SafetensorsWriter::tensor(std::string_view name, std::span<const float> values) {
  require(next_ < specs_.size() && specs_[next_].name == name && specs_[next_].elements() == values.size(),
          "{}: tensor '{}' of {} values is not the next one of the list", output_->file.path().string(), name,
          values.size());
  ++next_;
  if (type_ == SafetensorsType::F32) return output_->file.write(std::as_bytes(values));
  constexpr std::size_t most =
      1U << 16U;  // values at a time, so that no second copy of a tensor is in memory
  std::vector<std::byte> narrow(2 * std::min(values.size(), most));
  while (!values.empty()) {
    const auto part = values.first(std::min(values.size(), most));
    const auto bytes = std::span(narrow).first(2 * part.size());
    narrow_bfloat16(part, bytes);
    output_->file.write(bytes);
    values = values.subspan(part.size());
  }
}

void SafetensorsWriter::finish() {
  require(next_ == specs_.size(), "{}: {} of {} tensors were written", output_->file.path().string(), next_,
          specs_.size());
  output_->file.commit();
}

}  // namespace zofo::checkpoint

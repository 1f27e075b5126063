#include "zofo/model_io/export_gguf.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "architectures.hpp"
#include "gguf_config_writer.hpp"
#include "gguf_rope.hpp"
#include "rotary_weights.hpp"
#include "stored_weights.hpp"
#include "zofo/checkpoint/quantize.hpp"
#include "zofo/checkpoint/rotary_order.hpp"
#include "zofo/checkpoint/weight_names.hpp"
#include "zofo/core/error.hpp"

namespace zofo::llm {

std::string gguf_architecture(const model::Config& c) {
  return std::string(detail::names_of(detail::architecture_in_gguf(c)).gguf);
}

namespace {

// The storage type of a tensor of the file: that of its first weight.
checkpoint::GgmlType type_of(GgufFileType type, const model::Parameters& theta,
                             const detail::StoredWeight& weight) {
  return stored_type(type, theta.config(), theta.tensors()[weight.first]);
}

// Throws Error naming the weight that has a value which its type cannot store.
std::vector<std::byte> stored(const detail::StoredWeight& weight, checkpoint::GgmlType type,
                              std::span<const float> values) {
  try {
    return checkpoint::quantize(type, values);
  } catch (const Error& error) {
    fail("weight '{}': {}", weight.name, error.what());
  }
}

}  // namespace

void write_gguf(const std::filesystem::path& path, const model::Parameters& theta, GgufFileType type,
                const std::function<void(checkpoint::GgufWriter&)>& put_tokenizer) {
  using checkpoint::GgmlType;
  std::error_code ignored;
  require(!std::filesystem::exists(path, ignored), "{}: already exists: name a new file", path.string());
  const model::Config& c = theta.config();
  const detail::ArchitectureNames& names = detail::names_of(detail::architecture_in_gguf(c));
  checkpoint::GgufWriter file;
  file.string("general.architecture", std::string(names.gguf));
  file.unsigned_integer("general.file_type", info(type).number);
  if (checkpoint::find_format(info(type).type)->quantised())
    file.unsigned_integer("general.quantization_version", 2);  // of the blocks' layouts (ggml.h)
  detail::write_gguf_config(file, c);
  put_tokenizer(file);
  const std::vector<detail::RopeFactors> factors = detail::rope_factors(c);
  for (const detail::RopeFactors& each : factors)
    file.declare(each.name, std::array<std::uint64_t, 1>{each.values.size()}, GgmlType::F32);
  const auto weights = detail::stored_weights(
      theta.layout(), [&](std::string_view weight) { return checkpoint::gguf_name(weight, names.naming); });
  for (const detail::StoredWeight& weight : weights) {
    std::vector<std::uint64_t> shape{weight.cols};
    if (weight.rows > 1) shape.push_back(weight.rows);
    file.declare(weight.name, shape, type_of(type, theta, weight));
  }
  const bool halves = checkpoint::gguf_holds_halves(names.gguf);
  file.stream(path, [&](std::size_t index) {
    if (index < factors.size()) return checkpoint::quantize(GgmlType::F32, factors[index].values);
    const detail::StoredWeight& weight = weights[index - factors.size()];
    std::vector<float> values(theta.data(weight.first), theta.data(weight.first) + weight.size());
    for (std::size_t i = weight.first; i < weight.first + weight.count; ++i) {
      const model::Tensor& tensor = theta.tensors()[i];
      const std::span part(values.data() + (tensor.offset - weight.offset),
                           static_cast<std::size_t>(tensor.size()));
      if (halves) to_rotary_halves(part, c, tensor);
      add_gain_offset(part, c, tensor, 1.0F);
    }
    return stored(weight, type_of(type, theta, weight), values);
  });
}

void write_gguf(const std::filesystem::path& path, const model::Parameters& theta, GgufFileType type,
                const checkpoint::GgufFile& tokenizer) {
  write_gguf(path, theta, type, [&](checkpoint::GgufWriter& file) {
    for (const std::string& key : tokenizer.keys())
      if (key.starts_with("tokenizer.") || key == "general.name") file.raw(key, tokenizer.raw(key));
  });
}

}  // namespace zofo::llm

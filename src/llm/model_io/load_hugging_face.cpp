#include "zofo/model_io/load_hugging_face.hpp"

#include <cstddef>
#include <set>
#include <span>
#include <string>
#include <string_view>

#include "load_checks.hpp"
#include "naming.hpp"
#include "rotary_weights.hpp"
#include "zofo/checkpoint/check_finite.hpp"
#include "zofo/checkpoint/safetensors_index.hpp"
#include "zofo/checkpoint/weight_names.hpp"
#include "zofo/core/error.hpp"
#include "zofo/model_io/hugging_face_config.hpp"

namespace zofo::llm {

namespace {

// The prefix of the modules' names: models saved by an inner class lack the outer parts of it.
std::string_view prefix_of(const checkpoint::SafetensorsFolder& folder, checkpoint::Naming naming) {
  std::string_view prefix = checkpoint::default_prefix(naming);
  for (; !folder.has(fmt::format("{}embed_tokens.weight", prefix));
       prefix.remove_prefix(prefix.find('.') + 1))
    require(!prefix.empty(), "{}: tensor '{}embed_tokens.weight' is missing", folder.name(),
            checkpoint::default_prefix(naming));
  return prefix;
}

// Additional weights would change what the model computes. Exceptions are a head in addition to a shared
// embedding, and stored rotary frequencies.
void check_leftovers(const checkpoint::SafetensorsFolder& folder, const model::Config& config,
                     const std::set<std::string>& used) {
  for (const std::string& name : folder.tensor_names())
    require(used.contains(name) || (config.tied && name == "lm_head.weight") ||
                name.ends_with(".rotary_emb.inv_freq"),
            "{}: tensor '{}': the model that config.json describes has no such weight", folder.name(), name);
}

}  // namespace

model::Parameters load_hugging_face(const std::filesystem::path& path) {
  const auto file = checkpoint::JsonFields::load(path / "config.json");
  const model::Config config = read_hugging_face_config(file);
  detail::naming(file.location(), [&] { config.check(); });
  const checkpoint::SafetensorsFolder folder(path);
  const checkpoint::Naming naming = naming_of(config);
  const std::string_view prefix = prefix_of(folder, naming);
  std::set<std::string> used;
  const model::Layout layout(config);
  const auto location = [&](const std::string& name) {
    return fmt::format("{}: tensor '{}'", folder.file_of(name).name(), name);
  };
  for (const model::Tensor& tensor : layout.tensors()) {
    const std::string name = checkpoint::hugging_face_name(tensor.name, naming, prefix);
    detail::check_shape(tensor, folder.tensor(name).shape, location(name));
    used.insert(name);
  }
  check_leftovers(folder, config, used);
  model::Parameters theta(config);
  for (std::size_t i = 0; i < theta.tensors().size(); ++i) {
    const model::Tensor& tensor = theta.tensors()[i];
    const std::string name = checkpoint::hugging_face_name(tensor.name, naming, prefix);
    const std::span values(theta.data(i), static_cast<std::size_t>(tensor.size()));
    folder.read(name, values);
    checkpoint::check_finite(values, location(name));
    to_rotary_pairs(values, config, tensor);
  }
  return theta;
}

}  // namespace zofo::llm

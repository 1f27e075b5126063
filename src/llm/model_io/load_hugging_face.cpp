#include "zofo/model_io/load_hugging_face.hpp"

#include <cstddef>
#include <set>
#include <span>
#include <string>
#include <string_view>

#include "architectures.hpp"
#include "load_checks.hpp"
#include "rotary_weights.hpp"
#include "stored_weights.hpp"
#include "zofo/checkpoint/check_finite.hpp"
#include "zofo/checkpoint/json_document.hpp"
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

constexpr const char* head_tensor = "lm_head.weight";

// Whether the folder has a head of its own, although config.json ties it to the embedding. Like
// transformers 5, this library uses a head that differs.
bool has_other_head(const checkpoint::SafetensorsFolder& folder, std::string_view prefix) {
  return folder.has(head_tensor) && !folder.same(head_tensor, fmt::format("{}embed_tokens.weight", prefix));
}

// Additional weights would change what the model computes. Exceptions are a copy of a shared embedding, and
// stored rotary frequencies.
void check_leftovers(const checkpoint::SafetensorsFolder& folder, const model::Config& config,
                     const std::set<std::string>& used) {
  for (const std::string& name : folder.tensor_names())
    require(
        used.contains(name) || (config.tied && name == head_tensor) || name.ends_with(".rotary_emb.inv_freq"),
        "{}: tensor '{}': the model that config.json describes has no such weight", folder.name(), name);
}

}  // namespace

model::Config read_hugging_face_shape(const std::filesystem::path& path) {
  const auto file = checkpoint::JsonFields::load(path / "config.json");
  model::Config config = read_hugging_face_config(file);
  detail::naming(file.location(), [&] { config.check(); });
  if (!config.tied) return config;
  const checkpoint::SafetensorsFolder folder(path);
  if (has_other_head(folder, prefix_of(folder, detail::names_of(config.architecture).naming)))
    config.tied = false;
  return config;
}

model::Parameters load_hugging_face(const std::filesystem::path& path) {
  const model::Config config = read_hugging_face_shape(path);
  const checkpoint::SafetensorsFolder folder(path);
  const checkpoint::Naming naming = detail::names_of(config.architecture).naming;
  const std::string_view prefix = prefix_of(folder, naming);
  std::set<std::string> used;
  const auto stored = detail::stored_weights(model::Layout(config), [&](std::string_view weight) {
    return checkpoint::hugging_face_name(weight, naming, prefix);
  });
  const auto location = [&](const std::string& name) {
    return fmt::format("{}: tensor '{}'", folder.file_of(name).name(), name);
  };
  for (const detail::StoredWeight& weight : stored) {
    detail::check_shape(weight, folder.tensor(weight.name).shape, location(weight.name));
    used.insert(weight.name);
  }
  check_leftovers(folder, config, used);
  model::Parameters theta(config);
  for (const detail::StoredWeight& weight : stored) {
    const std::span values(theta.data(weight.first), static_cast<std::size_t>(weight.size()));
    folder.read(weight.name, values);
    checkpoint::check_finite(values, location(weight.name));
  }
  for (std::size_t i = 0; i < theta.tensors().size(); ++i)
    to_rotary_pairs({theta.data(i), static_cast<std::size_t>(theta.tensors()[i].size())}, config,
                    theta.tensors()[i]);
  return theta;
}

}  // namespace zofo::llm

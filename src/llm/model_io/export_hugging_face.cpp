#include "zofo/model_io/export_hugging_face.hpp"

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "architectures.hpp"
#include "rotary_weights.hpp"
#include "stored_weights.hpp"
#include "zofo/checkpoint/weight_names.hpp"
#include "zofo/core/atomic_file.hpp"
#include "zofo/core/error.hpp"

namespace zofo::llm {

void write_hugging_face(const std::filesystem::path& folder, const model::Parameters& theta,
                        checkpoint::SafetensorsType type, const nlohmann::json& tokens) {
  const model::Config& config = theta.config();
  const nlohmann::json described = hugging_face_config(config, type, tokens);
  const checkpoint::Naming naming = detail::names_of(hugging_face_architecture(config)).naming;
  const auto stored = detail::stored_weights(theta.layout(), [&](std::string_view weight) {
    return checkpoint::hugging_face_name(weight, naming, checkpoint::default_prefix(naming));
  });
  std::vector<checkpoint::SafetensorsSpec> specs;
  for (const detail::StoredWeight& weight : stored) {
    std::vector<std::uint64_t> shape{weight.cols};
    if (!weight.vector) shape.insert(shape.begin(), weight.rows);
    specs.push_back({weight.name, std::move(shape)});
  }
  checkpoint::SafetensorsWriter file(folder / "model.safetensors", std::move(specs), type);
  std::vector<float> rows;
  for (const detail::StoredWeight& weight : stored) {
    rows.assign(theta.data(weight.first), theta.data(weight.first) + weight.size());
    for (std::size_t i = weight.first; i < weight.first + weight.count; ++i) {
      const model::Tensor& tensor = theta.tensors()[i];
      to_rotary_halves(
          {rows.data() + (tensor.offset - weight.offset), static_cast<std::size_t>(tensor.size())}, config,
          tensor);
    }
    file.tensor(weight.name, rows);
  }
  file.finish();
  AtomicFile text(folder / "config.json");
  text.write(described.dump(2) + "\n");
  text.commit();
}

namespace {

// Copies a file if it exists; returns whether it does.
bool copy_if_there(const std::filesystem::path& from, const std::filesystem::path& to,
                   const std::string& name) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(from / name, error)) return false;
  std::filesystem::create_directories((to / name).parent_path(), error);
  std::filesystem::copy_file(from / name, to / name, error);
  require(!error, "{}: cannot be copied: {}", (from / name).string(), error.message());
  return true;
}

}  // namespace

bool has_tokenizer(const std::filesystem::path& folder) {
  std::error_code ignored;
  for (const char* name : {"tokenizer.json", "tokenizer.model", "vocab.json"})
    if (std::filesystem::is_regular_file(folder / name, ignored)) return true;
  return false;
}

std::size_t copy_tokenizer(const std::filesystem::path& from, const std::filesystem::path& to) {
  std::size_t copied = 0;
  for (const char* name :
       {"tokenizer.json", "tokenizer.model", "tokenizer_config.json", "vocab.json", "merges.txt",
        "special_tokens_map.json", "added_tokens.json", "chat_template.jinja", "chat_template.json"})
    copied += copy_if_there(from, to, name) ? 1 : 0;
  const std::filesystem::path named = "additional_chat_templates";
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(from / named, none))
    if (entry.path().extension() == ".jinja")
      copied += copy_if_there(from, to, (named / entry.path().filename()).string()) ? 1 : 0;
  return copied;
}

void copy_generation_config(const std::filesystem::path& from, const std::filesystem::path& to) {
  copy_if_there(from, to, generation_config_file);
}

}  // namespace zofo::llm

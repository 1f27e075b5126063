#include "zofo/model_io/export_hugging_face.hpp"

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "naming.hpp"
#include "rotary_weights.hpp"
#include "zofo/checkpoint/weight_names.hpp"
#include "zofo/core/atomic_file.hpp"
#include "zofo/core/error.hpp"

namespace zofo::llm {

void write_hugging_face(const std::filesystem::path& folder, const model::Parameters& theta,
                        checkpoint::SafetensorsType type, const nlohmann::json& tokens) {
  const model::Config& config = theta.config();
  const nlohmann::json described = hugging_face_config(config, type, tokens);
  const checkpoint::Naming naming = naming_of(config);
  std::vector<checkpoint::SafetensorsSpec> specs;
  for (const model::Tensor& tensor : theta.tensors()) {
    std::vector<std::uint64_t> shape{tensor.cols};
    const bool vector = tensor.rows == 1 && (tensor.name.ends_with("norm") || tensor.name.ends_with(".bias"));
    if (!vector) shape.insert(shape.begin(), tensor.rows);
    specs.push_back({checkpoint::hugging_face_name(tensor.name, naming, checkpoint::default_prefix(naming)),
                     std::move(shape)});
  }
  const std::vector<checkpoint::SafetensorsSpec> names = specs;
  checkpoint::SafetensorsWriter file(folder / "model.safetensors", std::move(specs), type);
  std::vector<float> rows;
  for (std::size_t i = 0; i < theta.tensors().size(); ++i) {
    const auto size = static_cast<std::size_t>(theta.tensors()[i].size());
    rows.assign(theta.data(i), theta.data(i) + size);
    to_rotary_halves(rows, config, theta.tensors()[i]);
    file.tensor(names[i].name, rows);
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

#include "zofo/model_io/load_model.hpp"

#include <system_error>
#include <utility>

#include "zofo/checkpoint/gguf.hpp"
#include "zofo/core/error.hpp"
#include "zofo/model_io/load_chat.hpp"
#include "zofo/tokenize/load_tokenizer.hpp"

namespace zofo::llm {

bool is_folder(const std::filesystem::path& path) {
  std::error_code ignored;
  return std::filesystem::is_directory(path, ignored);
}

model::Parameters load_backbone(const std::filesystem::path& path) {
  return is_folder(path) ? load_hugging_face(path) : load_parameters(checkpoint::GgufFile(path));
}

tokenize::Tokenizer load_tokenizer(const std::filesystem::path& path) {
  return is_folder(path) ? tokenize::load_tokenizer(path) : load_tokenizer(checkpoint::GgufFile(path));
}

Model load_model(const std::filesystem::path& path) {
  const tokenize::Tokenizer tokenizer = load_tokenizer(path);
  auto parameters = load_backbone(path);
  ChatSource chat = load_chat_source(path);
  const std::size_t rows = parameters.config().vocab;
  try {
    return {std::move(parameters), tokenizer.with_rows(rows), std::move(chat)};
  } catch (const Error& error) {
    fail("{}: {}", path.string(), error.what());
  }
}

}  // namespace zofo::llm

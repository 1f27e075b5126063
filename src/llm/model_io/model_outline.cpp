#include "zofo/model_io/model_outline.hpp"

#include <system_error>
#include <utility>

#include "zofo/checkpoint/gguf.hpp"
#include "zofo/model_io/gguf_config.hpp"
#include "zofo/model_io/load_model.hpp"

namespace zofo::llm {
namespace {

std::uint64_t size_of(const std::filesystem::path& file) {
  std::error_code error;
  const std::uintmax_t bytes = std::filesystem::file_size(file, error);
  return error ? 0 : bytes;
}

std::uint64_t weights_size(const std::filesystem::path& folder) {
  std::uint64_t sum = 0;
  for (const auto& file : std::filesystem::directory_iterator(folder))
    if (file.path().extension() == ".safetensors") sum += size_of(file.path());
  return sum;
}

ModelShape shape_of(const std::filesystem::path& path) {
  if (is_folder(path)) return {read_hugging_face_shape(path), weights_size(path)};
  const checkpoint::GgufFile file(path);
  return {read_gguf_config(file), file.bytes()};
}

}  // namespace

Model ModelOutline::encoder() const {
  model::Config small;
  small.vocab = 2;
  small.width = small.head_dim = small.ffn = 64;
  small.layers = small.heads = small.kv_heads = 1;
  small.context = config.context;
  return {model::Parameters(small), tokenizer};
}

ModelShape read_shape(const std::filesystem::path& path) {
  ModelShape shape = shape_of(path);
  shape.config.check();
  return shape;
}

ModelOutline read_outline(const std::filesystem::path& path) {
  const ModelShape shape = read_shape(path);
  return {shape, load_tokenizer(path).with_rows(shape.config.vocab)};
}

}  // namespace zofo::llm

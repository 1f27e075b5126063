#include "zofo/model_io/load_gguf.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "load_checks.hpp"
#include "rotary_weights.hpp"
#include "zofo/checkpoint/check_finite.hpp"
#include "zofo/checkpoint/weight_names.hpp"
#include "zofo/core/error.hpp"
#include "zofo/model_io/gguf_config.hpp"
#include "zofo/tokenize/from_gguf.hpp"

namespace zofo::llm {

namespace {

void check_tensors(const checkpoint::GgufFile& file, const model::Config& config) {
  std::set<std::string> used;
  const model::Layout layout(config);
  for (const model::Tensor& tensor : layout.tensors()) {
    const std::string name = checkpoint::gguf_name(tensor.name);
    std::vector<std::uint64_t> shape = file.tensor(name).shape;
    std::ranges::reverse(shape);  // in ggml the contiguous extent is the first
    detail::check_shape(tensor, shape, fmt::format("{}: tensor '{}'", file.path().string(), name));
    used.insert(name);
  }
  // Additional weights would change what the model computes.
  for (const std::string& name : file.tensor_names())
    require(used.contains(name) || (config.rotary() && name == rope_factors_tensor),
            "{}: tensor '{}': the model that the metadata describes has no such weight", file.path().string(),
            name);
}

}  // namespace

model::Parameters load_parameters(const checkpoint::GgufFile& file) {
  const model::Config config = detail::naming(file.path(), [&] {
    const model::Config read = read_gguf_config(file);
    read.check();
    return read;
  });
  check_tensors(file, config);
  const bool halves = file.string("general.architecture") == "qwen2";
  model::Parameters theta(config);
  for (std::size_t i = 0; i < theta.tensors().size(); ++i) {
    const model::Tensor& tensor = theta.tensors()[i];
    const std::span values(theta.data(i), static_cast<std::size_t>(tensor.size()));
    const std::string name = checkpoint::gguf_name(tensor.name);
    file.read(name, values);
    checkpoint::check_finite(values, fmt::format("{}: tensor '{}'", file.path().string(), name));
    if (halves) to_rotary_pairs(values, config, tensor);
  }
  return theta;
}

tokenize::Tokenizer load_tokenizer(const checkpoint::GgufFile& file) {
  return detail::naming(file.path(), [&] { return tokenize::from_gguf(file); });
}

}  // namespace zofo::llm

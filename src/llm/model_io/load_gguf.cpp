#include "zofo/model_io/load_gguf.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "architectures.hpp"
#include "load_checks.hpp"
#include "rotary_weights.hpp"
#include "stored_weights.hpp"
#include "zofo/checkpoint/rotary_order.hpp"
#include "zofo/checkpoint/weight_names.hpp"
#include "zofo/core/error.hpp"
#include "zofo/model_io/gguf_config.hpp"
#include "zofo/tokenize/from_gguf.hpp"

namespace zofo::llm {

namespace {

std::vector<detail::StoredWeight> check_tensors(const checkpoint::GgufFile& file,
                                                const model::Layout& layout) {
  std::set<std::string> used;
  const checkpoint::Naming naming = detail::names_of(layout.config().architecture).naming;
  const auto stored = detail::stored_weights(
      layout, [&](std::string_view weight) { return checkpoint::gguf_name(weight, naming); });
  for (const detail::StoredWeight& weight : stored) {
    std::vector<std::uint64_t> shape = file.tensor(weight.name).shape;
    std::ranges::reverse(shape);  // in ggml the contiguous extent is the first
    detail::check_shape(weight, shape, fmt::format("{}: tensor '{}'", file.path().string(), weight.name));
    used.insert(weight.name);
  }
  // Additional weights would change what the model computes.
  const auto factors = [&](const std::string& name) {
    return name == rope_factors_tensor || name == long_factors_tensor || name == short_factors_tensor;
  };
  for (const std::string& name : file.tensor_names())
    require(used.contains(name) || (layout.config().rotary && factors(name)),
            "{}: tensor '{}': the model that the metadata describes has no such weight", file.path().string(),
            name);
  return stored;
}

}  // namespace

model::Parameters load_parameters(const checkpoint::GgufFile& file) {
  const model::Config config = detail::naming(file.path(), [&] {
    const model::Config read = read_gguf_config(file);
    read.check();
    return read;
  });
  const auto stored = check_tensors(file, model::Layout(config));
  const bool halves = checkpoint::gguf_holds_halves(file.string("general.architecture"));
  model::Parameters theta(config);
  for (const detail::StoredWeight& weight : stored) {
    const std::span values(theta.data(weight.first), static_cast<std::size_t>(weight.size()));
    file.read(weight.name, values);
  }
  for (std::size_t i = 0; i < theta.tensors().size(); ++i) {
    const model::Tensor& tensor = theta.tensors()[i];
    const std::span values(theta.data(i), static_cast<std::size_t>(tensor.size()));
    if (halves) to_rotary_pairs(values, config, tensor);
    add_gain_offset(values, config, tensor, -1.0F);
  }
  return theta;
}

tokenize::Tokenizer load_tokenizer(const checkpoint::GgufFile& file) {
  return detail::naming(file.path(), [&] { return tokenize::from_gguf(file); });
}

}  // namespace zofo::llm

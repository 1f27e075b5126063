#include "stored_weights.hpp"

#include <utility>

namespace zofo::llm::detail {

std::vector<StoredWeight> stored_weights(const model::Layout& layout,
                                         const std::function<std::string(std::string_view)>& name_of) {
  std::vector<StoredWeight> stored;
  for (std::size_t i = 0; i < layout.tensors().size(); ++i) {
    const model::Tensor& t = layout.tensors()[i];
    std::string name = name_of(t.name);
    if (!stored.empty() && stored.back().name == name) {
      ++stored.back().count;
      stored.back().rows += t.rows;
      continue;
    }
    const bool vector = t.rows == 1 && (t.name.ends_with("norm") || t.name.ends_with(".bias"));
    stored.push_back({std::move(name), i, 1, t.rows, t.cols, vector, t.offset});
  }
  return stored;
}

}  // namespace zofo::llm::detail

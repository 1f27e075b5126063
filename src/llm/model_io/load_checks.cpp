#include "load_checks.hpp"

namespace zofo::llm::detail {

void check_shape(const StoredWeight& wanted, std::span<const std::uint64_t> shape,
                 const std::string& location) {
  const bool vector = wanted.rows == 1 && shape.size() == 1 && shape[0] == wanted.cols;
  const bool matrix = shape.size() == 2 && shape[0] == wanted.rows && shape[1] == wanted.cols;
  require(vector || matrix, "{}: its shape [{}] is not [{}, {}]", location, fmt::join(shape, ", "),
          wanted.rows, wanted.cols);
}

}  // namespace zofo::llm::detail

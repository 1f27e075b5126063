/// @file What every loader checks of a model's weights, whatever their format.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "zofo/core/error.hpp"
#include "zofo/model/layout.hpp"

namespace zofo::llm::detail {

// Shapes are compared before the arena is allocated: a hostile config must not ask for memory that the file
// does not back. `shape` is row-major; a vector may be stored with one extent or two.
inline void check_shape(const model::Tensor& wanted, std::span<const std::uint64_t> shape,
                        const std::string& location) {
  const bool vector = wanted.rows == 1 && shape.size() == 1 && shape[0] == wanted.cols;
  const bool matrix = shape.size() == 2 && shape[0] == wanted.rows && shape[1] == wanted.cols;
  require(vector || matrix, "{}: its shape [{}] is not [{}, {}]", location, fmt::join(shape, ", "),
          wanted.rows, wanted.cols);
}

// What `read` returns; its errors name the file, which the checks of values alone don't know.
template <class Read>
auto naming(const std::filesystem::path& path, Read&& read) {
  try {
    return read();
  } catch (const Error& error) {
    if (std::string_view(error.what()).starts_with(path.string())) throw;
    fail("{}: {}", path.string(), error.what());
  }
}

}  // namespace zofo::llm::detail

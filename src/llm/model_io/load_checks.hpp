/// @file Checks of a model's weights that all loaders share.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "stored_weights.hpp"
#include "zofo/core/error.hpp"

namespace zofo::llm::detail {

/// Throws Error, starting with `location`, unless a row-major shape is that of a weight; a vector may have
/// one extent or two. Loaders compare shapes before they allocate the weights: a hostile config must not
/// allocate memory for weights that the file does not have.
void check_shape(const StoredWeight& wanted, std::span<const std::uint64_t> shape,
                 const std::string& location);

/// Returns the result of `read`. Its errors get the file's name, which checks of values do not know.
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

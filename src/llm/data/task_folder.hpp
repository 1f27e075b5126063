/// @file The name of a task's folder.
#pragma once

#include <filesystem>
#include <string>

namespace zofo::data::detail {

/// The name of the folder of a file, with "." and ".." resolved.
inline std::string folder_name(const std::filesystem::path& file) {
  return std::filesystem::absolute(file).lexically_normal().parent_path().filename().string();
}

}  // namespace zofo::data::detail

#include "zofo/run/run_directory.hpp"

#include <system_error>
#include <utility>

#include "zofo/core/atomic_file.hpp"
#include "zofo/core/error.hpp"

namespace zofo::llm {

namespace {

// "runs/mine" for "runs/mine/", whose parent would be the folder itself.
std::filesystem::path without_slash(std::filesystem::path path) {
  if (!path.has_filename() && path.has_relative_path()) return path.parent_path();
  return path;
}

}  // namespace

void RunFolder::require_new(const std::filesystem::path& path) {
  require(!path.empty(), "out = \"\": must name a folder");
  std::error_code error;
  const bool exists = std::filesystem::exists(std::filesystem::symlink_status(without_slash(path), error));
  require(!exists, "{}: already exists: name a new run folder", path.string());
}

RunFolder::RunFolder(std::filesystem::path path) : path_(without_slash(std::move(path))) {
  require_new(path_);
  std::error_code error;
  if (path_.has_parent_path()) std::filesystem::create_directories(path_.parent_path(), error);
  require(!error, "{}: cannot make this folder: {}", path_.parent_path().string(), error.message());
  const bool made = std::filesystem::create_directory(path_, error);
  require(!error, "{}: cannot make this folder: {}", path_.string(), error.message());
  require(made, "{}: already exists: name a new run folder", path_.string());
}

RunFolder::RunFolder(std::filesystem::path path, Existing /*tag*/) : path_(std::move(path)) {}

RunFolder RunFolder::open(std::filesystem::path path) {
  std::error_code ignored;
  require(std::filesystem::is_directory(path, ignored), "{}: no such run folder", path.string());
  return RunFolder(std::move(path), Existing{});
}

void RunFolder::write(std::string_view name, std::string_view bytes) const {
  zofo::write_atomically(file(name), bytes);
}

void RunFolder::mark_done() const { write("done", "done\n"); }

bool RunFolder::done() const { return std::filesystem::exists(file("done")); }

void RunFolder::unmark_done() const { std::filesystem::remove(file("done")); }

}  // namespace zofo::llm

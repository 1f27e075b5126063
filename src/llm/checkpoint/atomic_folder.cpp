#include "zofo/checkpoint/atomic_folder.hpp"

#include <system_error>
#include <utility>

#include "zofo/core/error.hpp"

namespace zofo::checkpoint {

AtomicFolder::AtomicFolder(std::filesystem::path path) : path_(std::move(path)) {
  if (!path_.has_filename()) path_ = path_.parent_path();  // the path ends in a slash
  require(path_.has_filename(), "folder '{}': must have a name", path_.string());
  std::error_code error;
  require(!std::filesystem::exists(path_, error), "{}: already exists: name a new folder", path_.string());
  part_ = path_;
  part_ += ".part";
  const bool made = std::filesystem::create_directories(part_, error);
  require(!error, "{}: cannot be created: {}", part_.string(), error.message());
  require(made, "{}: already exists, perhaps from an interrupted export: remove it", part_.string());
}

AtomicFolder::~AtomicFolder() {
  std::error_code ignored;
  if (!done_) std::filesystem::remove_all(part_, ignored);
}

void AtomicFolder::commit() {
  std::error_code error;
  std::filesystem::rename(part_, path_, error);
  require(!error, "{}: rename failed: {}", path_.string(), error.message());
  done_ = true;
}

}  // namespace zofo::checkpoint

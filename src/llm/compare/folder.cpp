#include "zofo/compare/folder.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "zofo/checkpoint/json_document.hpp"
#include "zofo/compare/saved_plan.hpp"
#include "zofo/core/atomic_file.hpp"
#include "zofo/core/error.hpp"

namespace zofo::compare {

SharedLock::SharedLock(const std::filesystem::path& path, std::chrono::milliseconds patience,
                       const std::function<void()>& waiting)
    : file_(open(path.c_str(), O_RDWR | O_CREAT, 0644)) {  // without O_CLOEXEC: runs inherit it
  require(file_ >= 0, "{}: cannot be opened for writing: {}", path.string(), std::strerror(errno));
  const auto end = std::chrono::steady_clock::now() + patience;
  for (bool reported = false; flock(file_, LOCK_EX | LOCK_NB) != 0; reported = true) {
    const bool held = errno == EWOULDBLOCK;
    if (held && std::chrono::steady_clock::now() < end) {
      if (!reported) waiting();
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      continue;
    }
    const std::string reason =
        held ? "another zofo compare, or a run of one, is using this folder" : std::strerror(errno);
    close(file_);
    fail("{}: {}", path.parent_path().string(), reason);
  }
}

SharedLock::~SharedLock() { close(file_); }

namespace {

/// Checks the plan's strings and creates the folder unless a comparison has created it before.
std::filesystem::path prepared(std::filesystem::path path, const nlohmann::json& plan) {
  namespace fs = std::filesystem;
  require(!path.empty(), "out = \"\": must name a folder");
  try {
    (void)plan.dump();
  } catch (const nlohmann::json::exception& error) {
    fail("a name or path of the plan is not UTF-8: {}", error.what());
  }
  std::error_code error;
  if (fs::exists(path / "plan.json", error) || fs::exists(path / "lock", error)) return path;
  const bool empty = !fs::exists(path, error) || (fs::is_directory(path, error) && fs::is_empty(path, error));
  require(empty, "{}: already exists, and is not the folder of a comparison: choose a new folder",
          path.string());
  fs::create_directories(path, error);
  require(!error, "{}: cannot be created: {}", path.string(), error.message());
  return path;
}

}  // namespace

Folder::Folder(std::filesystem::path path, const Plan& plan, const std::function<void()>& waiting,
               std::chrono::milliseconds patience)
    : Folder(std::move(path), to_json(plan), waiting, patience) {}

Folder::Folder(std::filesystem::path path, const nlohmann::json& plan, const std::function<void()>& waiting,
               std::chrono::milliseconds patience)
    : path_(prepared(std::move(path), plan)), lock_(file("lock"), patience, waiting) {
  const std::filesystem::path plan_file = file("plan.json");
  if (std::filesystem::exists(plan_file))
    check_same(plan, checkpoint::JsonFields::load(plan_file).object(), path_.string());
  else
    zofo::write_atomically(plan_file, plan.dump(2) + "\n");
}

std::filesystem::path Folder::run(const Plan& plan, const Cell& cell) const {
  return path_ / plan.tasks[cell.task].name / plan.arms[cell.arm].label / fmt::format("{}", cell.seed);
}

std::filesystem::path Folder::untrained(const Plan& plan, std::size_t task) const {
  return path_ / plan.tasks[task].name / (std::string(zero_shot) + ".json");
}

}  // namespace zofo::compare

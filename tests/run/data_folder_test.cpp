// Where the program looks for the files installed with it.
#include "zofo/run/data_folder.hpp"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "catch.hpp"
#include "contains.hpp"
#include "zofo/core/error.hpp"
#include "zofo/core/version.hpp"

namespace fs = std::filesystem;
using zofo::llm::find_data;
using zofo::llm::InstalledData;

namespace {

constexpr InstalledData task_data{"the task definitions", "tasks", "ZOFO_TEST_TASKS", "--tasks"};

// A folder bin, with or without share/zofo/tasks next to it, and no variable set.
class Installation {
 public:
  explicit Installation(bool with_tasks) {
    unsetenv(task_data.variable);
    fs::create_directories(root_ / "pre fix é/bin");
    if (with_tasks) fs::create_directories(root_ / "pre fix é/share/zofo/tasks");
  }
  ~Installation() {
    unsetenv(task_data.variable);
    std::error_code ignored;
    fs::remove_all(root_, ignored);
  }
  Installation(const Installation&) = delete;
  Installation& operator=(const Installation&) = delete;

  [[nodiscard]] fs::path bin() const { return root_ / "pre fix é/bin"; }
  [[nodiscard]] fs::path share() const { return root_ / "pre fix é/share/zofo/tasks"; }
  [[nodiscard]] const fs::path& root() const { return root_; }

 private:
  fs::path root_ = fs::canonical(fs::temp_directory_path()) / ("zofo_data_" + std::to_string(getpid()));
};

std::string message_of(const fs::path& bin) {
  try {
    return "found: " + find_data(task_data, bin).string();
  } catch (const zofo::Error& error) {
    return error.what();
  }
}

}  // namespace

TEST_CASE("data next to the program is found") {
  const Installation installation(true);
  CHECK(find_data(task_data, installation.bin()) == installation.share());
}

TEST_CASE("the environment variable comes first, and an empty one is ignored") {
  const Installation installation(true);
  setenv(task_data.variable, installation.root().c_str(), 1);
  CHECK(find_data(task_data, installation.bin()) == installation.root());
  setenv(task_data.variable, "", 1);
  CHECK(find_data(task_data, installation.bin()) == installation.share());
}

TEST_CASE("a variable that names a missing folder is an error, whatever else exists") {
  const Installation installation(true);
  setenv(task_data.variable, "/nowhere/tasks", 1);
  CHECK(message_of(installation.bin()) ==
        "the task definitions: not found: $ZOFO_TEST_TASKS = '/nowhere/tasks' does not exist");
}

TEST_CASE("a missing folder is one error that names every place searched") {
  const Installation installation(false);
  const std::string message = message_of(installation.bin());
  CHECK(message.starts_with(
      "the task definitions: not found; searched: --tasks (not given), $ZOFO_TEST_TASKS (not set), /"));
  CHECK_THAT(message, contains(installation.share().string() + " (does not exist)"));
}

TEST_CASE("the running program's folder is its own") {
  CHECK(fs::exists(zofo::llm::program_folder() / "zofo_test_run"));
}

TEST_CASE("the version is a number and a text") {
  STATIC_REQUIRE(ZOFO_VERSION == ZOFO_VERSION_MAJOR * 10000 + ZOFO_VERSION_MINOR * 100 + ZOFO_VERSION_PATCH);
  CHECK(std::string(ZOFO_VERSION_STRING) == std::to_string(ZOFO_VERSION_MAJOR) + "." +
                                                std::to_string(ZOFO_VERSION_MINOR) + "." +
                                                std::to_string(ZOFO_VERSION_PATCH));
}

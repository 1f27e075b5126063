// A tiny generated model and task in a temporary folder.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <string>

#include "zofo/data/task.hpp"
#include "zofo/model_io/load_model.hpp"
#include "zofo/train/tiny_model.hpp"

namespace zofo::testing {

struct TinyFixture {
  std::filesystem::path folder;

  explicit TinyFixture(const std::string& name)
      : folder(std::filesystem::temp_directory_path() / ("zofo_" + name + "_" + std::to_string(getpid()))) {
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
    llm::TinyModel shape;
    shape.width = 32;
    shape.ffn = 48;
    llm::write_tiny_model(folder / "tiny.gguf", shape);
    llm::write_tiny_task(folder / "task", 24, 12);
  }
  ~TinyFixture() {
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
  }
  TinyFixture(const TinyFixture&) = delete;
  TinyFixture& operator=(const TinyFixture&) = delete;

  [[nodiscard]] llm::Model model() const { return llm::load_model(folder / "tiny.gguf"); }
  [[nodiscard]] data::TaskData data() const {
    return data::load_task((folder / "task").string(), std::nullopt, folder);
  }
};

}  // namespace zofo::testing

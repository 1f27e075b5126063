// Times answering requests on the CPU against the forward passes that they need: `zofo_bench_score --model
// model.gguf --data DATA`. Lines are read as `zofo score` reads them, in passes of the same requests.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "median.hpp"
#include "zofo/data/task.hpp"
#include "zofo/lm/packed_losses.hpp"
#include "zofo/lm/score_requests.hpp"
#include "zofo/model_io/load_model.hpp"

namespace {

using namespace zofo;
using llm::Request;
using Backend = model::CpuBackend;

double seconds_of(auto&& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}
// A task's training rows as lines of `zofo score`.
std::vector<std::string> request_lines(const std::string& name, const std::string& data, std::size_t rows) {
  const data::TaskData task = data::load_task(name, data, ZOFO_SOURCE_DIR "/tasks");
  require(task.train.size() >= rows, "{}: {} training examples: --rows = {} must not be more", name,
          task.train.size(), rows);
  std::vector<std::string> lines;
  for (std::size_t i = 0; i < rows; ++i)
    lines.push_back(nlohmann::json{{"prompt", task.train[i].prompt}, {"options", task.task.choices}}.dump());
  return lines;
}

class Scoring {
 public:
  explicit Scoring(llm::Model& model)
      : model_(model), transformer_(model.parameters.config(), peft::Lora(model.parameters.config(), {})) {}

  // Calls use(requests) for as many lines as fill a pass.
  void by_passes(std::span<const std::string> lines, auto&& use) {
    std::vector<Request> waiting;
    std::size_t tokens = 0;
    for (std::size_t i = 0; i < lines.size(); ++i) {
      waiting.push_back(
          llm::parse_request(model_, data::parse_json_line(lines[i], "lines", i + 1), selected_));
      tokens += llm::packed_tokens(waiting.back().example);
      if (tokens < Backend::max_batch_tokens && i + 1 < lines.size()) continue;
      use(waiting);
      waiting.clear();
      tokens = 0;
    }
  }
  std::size_t answer(std::span<const Request> requests) {
    std::size_t length = 0;
    for (const std::string& line : llm::answer_requests(transformer_, model_.parameters, selected_, requests))
      length += line.size();
    return length;
  }
  void forward(const model::Batch& batch) {
    sum_ +=
        transformer_.log_probabilities(model_.parameters, batch, std::span<const Backend::Vector* const>{})
            .front();
  }
  [[nodiscard]] double sum() const { return sum_; }

 private:
  llm::Model& model_;
  model::Transformer transformer_;
  llm::SelectedAdapters<Backend::Vector> selected_;
  double sum_ = 0.0;  // so that nothing is computed in vain
};

int run(const std::string& path, const std::string& task, const std::string& data, std::size_t rows,
        std::size_t rounds) {
  llm::Model model = llm::load_model(path);
  const std::vector<std::string> lines = request_lines(task, data, rows);
  Scoring scoring(model);
  std::vector<model::Batch> batches;
  std::size_t tokens = 0;
  scoring.by_passes(lines, [&](std::span<const Request> requests) {
    model::Batch& batch = batches.emplace_back();
    for (const Request& request : requests) llm::pack_example(batch, request.example, -1);
    tokens += batch.tokens.size();
  });
  std::vector<double> scores, forwards, ratios;
  std::size_t written = 0;
  for (std::size_t round = 0; round < rounds; ++round) {  // in turn, since the machine's speed drifts
    forwards.push_back(seconds_of([&] {
      for (const model::Batch& batch : batches) scoring.forward(batch);
    }));
    scores.push_back(seconds_of([&] {
      scoring.by_passes(lines,
                        [&](std::span<const Request> requests) { written += scoring.answer(requests); });
    }));
    ratios.push_back(scores.back() / forwards.back());
  }
  fmt::print(
      "{} requests, {} tokens, {} passes: {:.3f} s to answer, {:.3f} s of forward passes, ratio {:.3f}\n",
      lines.size(), tokens, batches.size(), median(scores), median(forwards), median(ratios));
  return written > 0 && scoring.sum() < 0.0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Answering requests against the forward passes that they need");
  std::string model, data = "../shared/data", task = "sst2";
  std::size_t rows = 1000, rounds = 3;
  app.add_option("--model", model, "GGUF file or Hugging Face folder")->required();
  app.add_option("--data", data, "folder with TASK/train.jsonl")->capture_default_str();
  app.add_option("--task", task, "task whose training examples are scored")->capture_default_str();
  app.add_option("--rows", rows, "requests")->capture_default_str()->check(CLI::PositiveNumber);
  app.add_option("--rounds", rounds, "of which the medians are printed")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  CLI11_PARSE(app, argc, argv);
  try {
    return run(model, task, data, rows, rounds);
  } catch (const std::exception& error) {
    fmt::print(stderr, "zofo_bench_score: {}\n", error.what());
    return 2;
  }
}

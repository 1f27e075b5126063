// A complete fine-tuning run: a small random model learns a task by Bilevel-ZOFO, is evaluated, generates a
// sequence and is exported.
#include "zofo/data/task.hpp"
#include "zofo/train/evaluate_model.hpp"
#include "zofo/train/export_model.hpp"
#include "zofo/train/generate_sequences.hpp"
#include "zofo/train/tiny_model.hpp"
#include "zofo/train/train_run.hpp"

using namespace zofo;

int main(int argc, char** argv) try {
  const std::filesystem::path folder = argc > 1 ? argv[1] : "finetune_example";
  std::filesystem::create_directories(folder);
  const std::string file = folder / "model.gguf", run = folder / "run", out = folder / "tuned.gguf";
  llm::write_tiny_model(file);
  llm::write_tiny_task(folder / "task", 600, 200);

  llm::CpuDevice device;
  llm::Model model = llm::load_model(file);
  const data::TaskData task = data::load_task(folder / "task", std::nullopt, {});
  llm::RunOptions options = llm::preset(llm::Method::bilevel);
  options.max_steps = 60;
  options.lower_learning_rate = options.upper_learning_rate = 0.01;
  options.zo_learning_rate = 1e-4;
  const llm::RunResult result = llm::finetune(device, model, task, options, {.out = run});
  fmt::print("accuracy {:.3f} after {} steps, {} selected\n", result.scores().accuracy, result.steps,
             result.selected);

  llm::RunModel tuned(device, llm::load_model(file), run);
  const std::vector<std::string> prompts{" a superb river :"};
  fmt::print("loss {:.3f}; '{}' is followed by '{}'\n", llm::evaluate(tuned, task).loss, prompts[0],
             llm::generate(tuned, prompts, {.end = {.max_tokens = 1}})[0].text);
  fmt::print("{}: {}\n", out,
             llm::export_model(
                 {.model = file, .run = run, .out = out, .format = llm::ExportFormat::gguf, .merge = true})
                 .what);
} catch (const Error& error) {
  fmt::print(stderr, "{}\n", error.what());
  return 1;
}

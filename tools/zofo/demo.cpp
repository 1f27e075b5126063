// zofo demo: compares zero-shot, LoRA, MeZO and Bilevel-ZOFO on one task, each in its own process.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "cli.hpp"
#include "zofo/config/methods.hpp"
#include "zofo/core/append_file.hpp"
#include "zofo/parse/file.hpp"
#include "zofo/run/data_folder.hpp"
#include "zofo/run/read_curve.hpp"
#include "zofo/run/run_directory.hpp"
#include "zofo/train/tiny_model.hpp"

namespace zofo::cli {
namespace {

struct Arguments {
  std::string model;
  std::string data;
  std::string task = "movies";
  std::string definitions;
  std::string out;
  double seconds = 120.0;
  std::uint64_t seed = 0;
  llm::DeviceKind device = llm::DeviceKind::automatic;
  bool tiny = false;
};

std::string title_of(const std::string& method) {
  if (method == "zero_shot") return "zero-shot";
  return std::string(llm::info(llm::enum_from<llm::Method>("method", method)).title);
}

// Runs this program with other arguments and its standard output in a file. Returns the exit code. In a
// separate process, the peak memory is that of one method.
int run_self(const std::vector<std::string>& arguments, const std::filesystem::path& output) {
  std::vector<char*> argv;
  std::string self = "zofo";
  argv.push_back(self.data());
  std::vector<std::string> copies = arguments;
  for (std::string& each : copies) argv.push_back(each.data());
  argv.push_back(nullptr);
  std::fflush(nullptr);
  const pid_t child = fork();
  require(child >= 0, "cannot start a process");
  if (child == 0) {
    const int file = open(output.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (file < 0 || dup2(file, STDOUT_FILENO) < 0) _exit(2);
    // Spinning OpenMP threads would slow down the threads of the BLAS; a user's setting has priority.
    setenv("OMP_WAIT_POLICY", "passive", 0);
    execv("/proc/self/exe", argv.data());
    _exit(2);
  }
  int status = 0;
  for (pid_t ended = 0; (ended = waitpid(child, &status, WNOHANG)) != child; usleep(20'000)) {
    require(ended == 0, "lost the process of a method: {}", std::strerror(errno));
    // A terminal interrupts the child, too; a signal to this process does not. Sent repeatedly, since the
    // child would miss a signal before it has a handler.
    if (interrupted()) kill(child, SIGINT);
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

class Demo {
 public:
  explicit Demo(Arguments arguments) : arguments_(std::move(arguments)), folder_(arguments_.out) {
    if (arguments_.tiny) make_tiny();
    if (std::filesystem::exists(std::filesystem::path(arguments_.data) / "task.toml")) {
      arguments_.task = arguments_.data;
      arguments_.data.clear();
    }
    find_definitions("--tasks", {arguments_.task}, arguments_.definitions);
    catch_interrupt();
  }

  int run() {
    zero_shot();
    for (const char* method : {"lora", "mezo", "bilevel"})
      if (!interrupted()) train(method);
    write();
    print_table();
    if (interrupted()) return exit_interrupted;
    folder_.mark_done();
    return 0;
  }

 private:
  void make_tiny() {
    arguments_.model = folder_.file("tiny.gguf").string();
    arguments_.data = folder_.file("tiny_task").string();
    llm::write_tiny_model(arguments_.model);
    llm::write_tiny_task(arguments_.data, 1000, 400);
  }

  // The flags of the model, the task and the device.
  [[nodiscard]] std::vector<std::string> common_flags() const {
    std::vector<std::string> out{"--model",  arguments_.model,
                                 "--task",   arguments_.task,
                                 "--device", std::string(llm::to_text(arguments_.device))};
    if (!arguments_.definitions.empty()) out.insert(out.end(), {"--tasks", arguments_.definitions});
    if (!arguments_.data.empty()) out.insert(out.end(), {"--data", arguments_.data});
    return out;
  }

  // Throws Error unless the process succeeded or was interrupted.
  void finish(int code, const char* method) const {
    if (code == exit_interrupted)
      raise(SIGINT);  // sets this process's flag even if only the child was interrupted
    require(code == 0 || interrupted(), "{}: its process ended with exit code {}", title_of(method), code);
  }

  void zero_shot() {
    std::vector<std::string> line{"evaluate", "--json", "--max-eval-samples", "400"};
    const auto common = common_flags();
    line.insert(line.end(), common.begin(), common.end());
    fmt::print(stderr, "zero-shot: scoring held-out examples\n");
    const auto output = folder_.file("zero_shot.json");
    finish(run_self(line, output), "zero_shot");
    if (interrupted()) return;
    nlohmann::json result = nlohmann::json::parse(parse::read_file(output));
    result["method"] = "zero_shot";
    result["seconds"] = 0.0;  // of training
    result["passes"] = 0.0;
    methods_.push_back(std::move(result));
  }

  // The learning rates of docs/results/demo.md: for the baselines the best of a search there.
  [[nodiscard]] std::vector<std::string> rates_of(std::string_view method) const {
    if (arguments_.tiny)
      return {"--lower-learning-rate", "0.01", "--upper-learning-rate", "0.01", "--zo-learning-rate", "1e-4"};
    if (method == "bilevel") return {"--lower-learning-rate", "2e-3", "--upper-learning-rate", "2e-3"};
    if (method == "lora") return {"--lower-learning-rate", "5e-4"};
    if (method == "mezo") return {"--zo-learning-rate", "3e-5"};
    return {};
  }

  void train(const char* method) {
    const std::filesystem::path run = folder_.file(method);
    std::vector<std::string> line{"finetune",
                                  "--json",
                                  "--method",
                                  method,
                                  "--out",
                                  run.string(),
                                  "--max-seconds",
                                  fmt::format("{}", arguments_.seconds),
                                  "--seed",
                                  fmt::format("{}", arguments_.seed),
                                  "--max-train-samples",
                                  "1000",
                                  "--max-eval-samples",
                                  "400"};
    const auto common = common_flags();
    line.insert(line.end(), common.begin(), common.end());
    const std::vector<std::string> rates = rates_of(method);
    line.insert(line.end(), rates.begin(), rates.end());
    finish(run_self(line, folder_.file(fmt::format("{}.out", method))), method);
    std::error_code ignored;
    std::filesystem::remove(folder_.file(fmt::format("{}.out", method)), ignored);
    if (std::filesystem::exists(run / "result.json"))
      methods_.push_back(nlohmann::json::parse(parse::read_file(run / "result.json")).at("methods").at(0));
    if (std::filesystem::exists(run / "options.toml"))
      options_ += fmt::format("[{}]\n{}\n", method, parse::read_file(run / "options.toml"));
    curves_.push_back(llm::read_curve(title_of(method), run));
    append_metrics(method, run);
  }

  void append_metrics(const char* method, const std::filesystem::path& run) {
    if (!std::filesystem::exists(run / "metrics.jsonl")) return;
    zofo::AppendFile all(folder_.file("metrics.jsonl"));
    std::ifstream in(run / "metrics.jsonl");
    for (std::string text; std::getline(in, text);) {
      nlohmann::json row = nlohmann::json::parse(text, nullptr, false);
      if (row.is_discarded()) continue;
      row["method"] = method;
      all.line(row.dump());
    }
  }

  void write() const {
    const nlohmann::json report = {{"model", arguments_.model},
                                   {"task", arguments_.task},
                                   {"seed", arguments_.seed},
                                   {"seconds_per_method", arguments_.seconds},
                                   {"methods", methods_}};
    folder_.write("result.json", report.dump(2) + "\n");
    folder_.write("options.toml", options_);
    folder_.write("curve.svg", llm::curve_svg("The same training time for each method", curves_));
  }

  void print_table() const {
    // A task without classes has no macro-F1.
    const auto has_f1 = [](const nlohmann::json& m) {
      return m.contains("macro_f1") && m["macro_f1"].is_number();
    };
    const bool shows_f1 = std::ranges::any_of(methods_, has_f1);
    write_out("\n{:<14}{:>10}{}{:>9}{:>10}{:>9}{:>11}\n", "method", "accuracy", shows_f1 ? "  macro-F1" : "",
              "loss", "seconds", "passes", "peak MiB");
    for (const nlohmann::json& m : methods_)
      write_out("{:<14}{:>10.3f}{}{:>9.3f}{:>10.1f}{:>9.0f}{:>11.0f}\n",
                title_of(m.at("method").get<std::string>()), m.at("accuracy").get<double>(),
                shows_f1 ? fmt::format("{:>10.3f}", m.at("macro_f1").get<double>()) : "",
                m.at("loss").get<double>(), m.at("seconds").get<double>(), m.at("passes").get<double>(),
                m.at("peak_mib").get<double>());
    write_out("\n{}: result.json, metrics.jsonl, options.toml, curve.svg\n", arguments_.out);
  }

  Arguments arguments_;
  llm::RunFolder folder_;
  nlohmann::json methods_ = nlohmann::json::array();
  std::string options_;
  std::vector<llm::Curve> curves_;
};

std::string how_to_run() {
  std::string text =
      "demo: --model and --data must be given. Without a download: zofo demo --tiny --out FOLDER. ";
  try {
    const std::string script = llm::find_data(llm::fetch_script).string();
    return text + "This downloads a small model and data and prints both paths: python3 " + script +
           " --cache FOLDER";
  } catch (const Error& missing) {  // the program was copied without its data
    return text + missing.what();
  }
}

int run(Arguments arguments) {
  if (arguments.tiny && arguments.seconds == 120.0) arguments.seconds = 10.0;
  require_in("max_seconds", arguments.seconds, 0.1, 1e6);
  if (!arguments.tiny && (arguments.model.empty() || arguments.data.empty())) fail("{}", how_to_run());
  return Demo(std::move(arguments)).run();
}

}  // namespace

void add_demo(CLI::App& app, Action& action) {
  const Subcommand command(app, "demo", "Compare zero-shot, LoRA, MeZO and Bilevel-ZOFO on one task");
  auto arguments = std::make_shared<Arguments>();
  command.add("--model", arguments->model, "GGUF file of the model");
  command.add("--data", arguments->data,
              "folder with train.jsonl and validation.jsonl (and, if it has one, task.toml)");
  command.add("--task", arguments->task, "name of the task definition").show_default();
  command.add_definitions("--tasks", arguments->definitions);
  command.add("--out", arguments->out, "run folder to make; must not exist").required();
  command.add("--max-seconds", arguments->seconds, "training seconds of each method (10 with --tiny)")
      .show_default();
  command.add_old("--seconds", "--max-seconds", arguments->seconds);
  command.add("--seed", arguments->seed, "seed of the runs").show_default();
  command.add_choice("--device", arguments->device, "auto (a GPU if there is one), cpu or cuda", "device");
  command.add("--tiny", arguments->tiny, "a small generated model and generated data, under a minute");
  command.footer("Example: zofo demo --tiny --out runs/tiny");
  command.on_selection(action, [arguments] { return run(*arguments); });
}

}  // namespace zofo::cli

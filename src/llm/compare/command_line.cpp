#include "zofo/compare/command_line.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <initializer_list>
#include <string_view>
#include <vector>

#include "zofo/config/enum_text.hpp"

namespace zofo::compare {

std::string shell_quoted(const std::string& text) {
  const auto plain = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
           std::string_view("_-./,=+:@%").find(c) != std::string_view::npos;
  };
  if (!text.empty() && std::all_of(text.begin(), text.end(), plain)) return text;
  std::string out = "'";
  for (const char c : text) c == '\'' ? out += "'\\''" : out += c;
  return out + "'";
}

std::string command_line(const Plan& plan) {
  std::vector<std::string> tasks, methods, words{"zofo", "compare", "--model", plan.model};
  const auto more = [&words](std::initializer_list<std::string> each) { words.insert(words.end(), each); };
  for (const TaskPlan& task : plan.tasks) tasks.push_back(task.place);
  for (const Arm& arm : plan.arms)
    methods.push_back(arm.label == llm::to_text(arm.method) ? arm.label
                                                            : fmt::format("{}={}", arm.label, arm.method));
  more({"--tasks", fmt::format("{}", fmt::join(tasks, ","))});
  if (!plan.data.empty()) more({"--data", plan.data});
  if (!plan.definitions.empty()) more({"--definitions", plan.definitions});
  more({"--methods", fmt::format("{}", fmt::join(methods, ",")), "--seeds",
        fmt::format("{}", fmt::join(plan.seeds, ","))});
  if (plan.seconds > 0.0) more({"--max-seconds", fmt::format("{}", plan.seconds)});
  if (plan.passes > 0.0) more({"--max-forward-passes", fmt::format("{}", plan.passes)});
  if (plan.epochs > 0.0) more({"--epochs", fmt::format("{}", plan.epochs)});
  more({"--max-eval-samples", fmt::format("{}", plan.rows), "--device",
        std::string(llm::to_text(plan.device)), "--threads", fmt::format("{}", plan.threads)});
  for (const Arm& arm : plan.arms)
    for (const Setting& setting : arm.settings)
      more({"--set", fmt::format("{}.{}={}", arm.label, setting.option, setting.value)});
  more({"--out", "FOLDER"});
  std::string line;
  for (const std::string& word : words) line += (line.empty() ? "" : " ") + shell_quoted(word);
  return line;
}

}  // namespace zofo::compare

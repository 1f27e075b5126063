// zofo methods: lists the values of --method, with their papers and options; --advise compares them for a
// model and a task.
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>

#include "advise.hpp"
#include "cli.hpp"
#include "zofo/config/method_presets.hpp"
#include "zofo/config/methods.hpp"
#include "zofo/config/option_diff.hpp"

namespace zofo::cli {
namespace {

// The changes of a method to the defaults, as "--outer-optimizer adam --zo-learning-rate 1e-05".
std::string changes(const llm::MethodInfo& method) {
  const llm::RunOptions usual_options, options = llm::preset(method.method);
  std::string list;
  llm::for_each_pair(options, usual_options, [&]<class T>(const char* name, const T& value, const T& usual) {
    if (std::string_view(name) == "method" || value == usual) return;
    if constexpr (std::is_same_v<T, bool>)
      list += fmt::format(" {}{}", value ? "--" : "--no-", flag_of(name).substr(2));
    else
      list += fmt::format(" {} {}", flag_of(name), value);
  });
  return list.empty() ? " none" : list;
}

int list() {
  for (const llm::MethodInfo& method : llm::methods)
    write_out("{:<10} {}: {}\n           {}\n           options:{}\n", method.name(), method.title,
              method.summary, method.paper, changes(method));
  return 0;
}

struct Arguments {
  AdviseArguments asked;
  bool advise = false;
};

}  // namespace

void add_methods(CLI::App& app, Action& action) {
  const Subcommand command(app, "methods",
                           "List the training methods, or advise which one fits a model and a task");
  auto arguments = std::make_shared<Arguments>();
  AdviseArguments& asked = arguments->asked;
  command.add(
      "--advise", arguments->advise,
      "print memory, seconds per step, measured accuracies and a recommendation for --model and --task");
  command.add_input_paths(asked.paths, false);
  command.add("--batch-size", asked.batch_size, "examples per mini-batch").show_default();
  command.add("--max-prompt-tokens", asked.max_prompt_tokens,
              "longer prompts keep their last tokens only; 0: as the task defines");
  command.add("--memory", asked.memory_gib, "GiB to plan for; 0: what can be used on this machine")
      .not_negative();
  asked.device.add(command);
  command.add("--json", asked.json, "with --advise: print the answer as one JSON object");
  command.footer(
      "Without --advise: every method with its paper and the options that it sets.\n"
      "Example: zofo methods --advise --model model.gguf --task sst2 --data DATA");
  command.on_selection(action, [command, arguments] {
    if (!arguments->advise) {
      for (const char* flag : {"--model", "--task", "--data", "--tasks", "--batch-size",
                               "--max-prompt-tokens", "--memory", "--device", "--precision", "--json"})
        require(!command.given(flag), "{}: only with --advise", flag);
      return list();
    }
    for (const char* flag : {"--model", "--task"}) command.require_given(flag);
    return advise(arguments->asked);
  });
}

}  // namespace zofo::cli

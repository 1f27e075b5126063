// zofo methods: lists the values of --method, with their papers and options.
#include <string>
#include <string_view>
#include <type_traits>

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

int run() {
  for (const llm::MethodInfo& method : llm::methods)
    write_out("{:<10} {}: {}\n           {}\n           options:{}\n", method.name(), method.title,
              method.summary, method.paper, changes(method));
  return 0;
}

}  // namespace

void add_methods(CLI::App& app, Action& action) {
  const Subcommand command(app, "methods", "List the training methods, with their papers and options");
  command.footer("Example: zofo methods");
  command.on_selection(action, [] { return run(); });
}

}  // namespace zofo::cli

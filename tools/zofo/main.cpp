// The program `zofo`: fine-tunes, evaluates and scores language models on the CPU and on CUDA GPUs.
#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "cli.hpp"
#include "zofo/core/error.hpp"
#include "zofo/core/version.hpp"
#include "zofo/machine/blas.hpp"
#include "zofo/machine/host.hpp"
#include "zofo/parse/nearest_name.hpp"

namespace {

// Opens what the caller closed of standard input, output and error, so that no file of the program gets their
// numbers: a result would be written into it. Reading input and writing output still fail, as on a closed
// descriptor; messages are dropped.
void keep_standard_descriptors() {
  for (const int number : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    if (fcntl(number, F_GETFD) == -1 && errno == EBADF)
      static_cast<void>(open("/dev/null", number == STDOUT_FILENO ? O_RDONLY : O_WRONLY));
}

std::atomic<bool> stop{false};
static_assert(std::atomic<bool>::is_always_lock_free);  // required of an object in a signal handler
extern "C" void on_interrupt(int) { stop = true; }

void catch_signal(int number) {
  struct sigaction action{};
  action.sa_handler = on_interrupt;
  action.sa_flags = SA_RESTART;  // system calls such as write() continue after the signal
  sigemptyset(&action.sa_mask);
  sigaction(number, &action, nullptr);
}

int print_error(const char* message) {
  std::fprintf(stderr, "zofo: error: %s\n", message);
  return 2;
}

using Words = std::vector<std::string>;

// The command line, in which no words and `help [COMMAND]` become requests for help. Throws Error for a word
// that is no command.
Words with_help(Words words, const CLI::App& app) {
  if (words.empty()) return {"--help"};
  if (words.front() == "help") {
    zofo::require(words.size() <= 2, "zofo help {}: takes one command, for example zofo help finetune",
                  fmt::join(words.begin() + 1, words.end(), " "));
    words.erase(words.begin());
    words.emplace_back("--help");
  }
  if (words.front().starts_with('-')) return words;
  Words commands{"help"};
  for (const CLI::App* command : app.get_subcommands(nullptr)) {
    if (command->get_name() == words.front()) return words;
    commands.push_back(command->get_name());
  }
  zofo::fail("{}: no such command{} (zofo help lists the commands)", words.front(),
             zofo::parse::name_hint(words.front(), commands));
}

// What the command line has but the command does not: a message about each option, else about the words;
// empty if there is nothing.
std::string not_understood(const CLI::App& app) {
  const Words rest = app.remaining(true);
  if (rest.empty() || app.get_subcommands().empty()) return fmt::format("{}", fmt::join(rest, " "));
  zofo::cli::hide_old_flags();
  const CLI::App& command = *app.get_subcommands().front();
  Words flags;
  for (const CLI::Option* option : command.get_options())
    if (!option->get_group().empty())
      for (const std::string& name : option->get_lnames()) flags.push_back("--" + name);
  Words messages;
  for (const std::string& word : rest) {
    const std::string flag = word.substr(0, word.find('='));
    if (flag.starts_with("-"))
      messages.push_back(fmt::format("{}: zofo {} has no such option{}", flag, command.get_name(),
                                     zofo::parse::name_hint(flag, flags)));
  }
  if (messages.empty()) {
    const bool words = std::ranges::any_of(command.get_options(), &CLI::Option::get_positional);
    return fmt::format("{}: not expected: zofo {} takes {} (zofo help {} lists them)", fmt::join(rest, " "),
                       command.get_name(), words ? "fewer arguments" : "only options", command.get_name());
  }
  return fmt::format("{}", fmt::join(messages, "; "));
}

}  // namespace

namespace zofo::cli {

void catch_interrupt() { catch_signal(SIGINT); }

void catch_termination() {
  catch_signal(SIGINT);
  catch_signal(SIGTERM);
}

bool interrupted() { return stop; }

// OpenBLAS chooses its kernels when it is loaded, and only OPENBLAS_CORETYPE changes its choice. Where it
// does not know the processor, the program therefore starts itself again with that variable; if that fails,
// it runs with what there is.
void choose_blas_kernels(char** argv) {
  constexpr const char* variable = "OPENBLAS_CORETYPE";
  const machine::Blas blas = machine::blas();
  if (std::getenv(variable) != nullptr || !machine::lacks_avx2(blas)) return;
  const std::string kernels = machine::faster_kernels(blas, machine::processor());
  if (kernels.empty() || setenv(variable, kernels.c_str(), 1) != 0) return;
  execv("/proc/self/exe", argv);
}

}  // namespace zofo::cli

int main(int argc, char** argv) {
  keep_standard_descriptors();
  zofo::cli::choose_blas_kernels(argv);
  CLI::App app{"zofo: fine-tunes language models by Bilevel-ZOFO, on the CPU or a GPU", "zofo"};
  app.set_version_flag("--version", ZOFO_VERSION_STRING);
  app.require_subcommand(1);
  app.footer("Example: zofo demo --tiny --out runs/tiny\nHelp on a command: zofo help finetune");
  zofo::cli::Action action;
  zofo::cli::add_demo(app, action);
  zofo::cli::add_doctor(app, action);
  zofo::cli::add_task(app, action);
  zofo::cli::add_finetune(app, action);
  zofo::cli::add_meta_train(app, action);
  zofo::cli::add_adapt(app, action);
  zofo::cli::add_methods(app, action);
  zofo::cli::add_replay(app, action);
  zofo::cli::add_compare(app, action);
  zofo::cli::add_show(app, action);
  zofo::cli::add_evaluate(app, action);
  zofo::cli::add_predict(app, action);
  zofo::cli::add_score(app, action);
  zofo::cli::add_generate(app, action);
  zofo::cli::add_serve(app, action);
  zofo::cli::add_tokenize(app, action);
  zofo::cli::add_export(app, action);
  try {
    zofo::cli::provenance().command_line.assign(argv, argv + argc);
    Words words = with_help(Words(argv + 1, argv + argc), app);
    std::ranges::reverse(words);  // as CLI11 takes them
    app.parse(std::move(words));
    zofo::cli::check_old_flags();
    const int code = action();
    zofo::cli::flush_output();
    return code;
  } catch (const CLI::Success& done) {
    zofo::cli::hide_old_flags();
    return app.exit(done);
  } catch (const CLI::RequiredError& error) {  // the missing flag may be on the command line, misspelt
    const std::string rest = not_understood(app);
    return print_error(rest.empty() ? error.what() : fmt::format("{}; {}", error.what(), rest).c_str());
  } catch (const CLI::ExtrasError&) {
    return print_error(not_understood(app).c_str());
  } catch (const CLI::ParseError& error) {
    return print_error(error.what());
  } catch (const std::bad_alloc&) {
    return print_error("out of memory");
  } catch (const std::exception& error) {
    const std::string rest = not_understood(app);  // parsing looks for files before it refuses flags
    return print_error(rest.empty() ? error.what() : rest.c_str());
  }
}

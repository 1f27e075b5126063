// The program `zofo`: fine-tunes, evaluates and scores language models on the CPU and on CUDA GPUs.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <exception>
#include <new>
#include <string>
#include <vector>

#include "cli.hpp"
#include "zofo/core/error.hpp"
#include "zofo/core/version.hpp"

namespace {

std::atomic<bool> stop{false};
static_assert(std::atomic<bool>::is_always_lock_free);  // required of an object in a signal handler
extern "C" void on_interrupt(int) { stop = true; }

int print_error(const char* message) {
  std::fprintf(stderr, "zofo: error: %s\n", message);
  return 2;
}

}  // namespace

namespace zofo::cli {

void catch_interrupt() {
  struct sigaction action{};
  action.sa_handler = on_interrupt;
  action.sa_flags = SA_RESTART;  // system calls such as write() continue after the signal
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
}

bool interrupted() { return stop; }

}  // namespace zofo::cli

int main(int argc, char** argv) {
  CLI::App app{"zofo: fine-tunes language models by Bilevel-ZOFO, on the CPU or a GPU", "zofo"};
  app.set_version_flag("--version", ZOFO_VERSION_STRING);
  app.require_subcommand(1);
  app.footer("Example: zofo demo --tiny --out runs/tiny\nHelp on a command: zofo finetune --help");
  zofo::cli::Action action;
  zofo::cli::add_demo(app, action);
  zofo::cli::add_task(app, action);
  zofo::cli::add_finetune(app, action);
  zofo::cli::add_meta_train(app, action);
  zofo::cli::add_adapt(app, action);
  zofo::cli::add_methods(app, action);
  zofo::cli::add_replay(app, action);
  zofo::cli::add_compare(app, action);
  zofo::cli::add_evaluate(app, action);
  zofo::cli::add_score(app, action);
  zofo::cli::add_generate(app, action);
  zofo::cli::add_tokenize(app, action);
  zofo::cli::add_export(app, action);
  try {
    app.parse(argc, argv);
    zofo::cli::check_old_flags();
    const int code = action();
    zofo::cli::flush_output();
    return code;
  } catch (const CLI::Success& done) {
    zofo::cli::hide_old_flags();
    return app.exit(done);
  } catch (const CLI::RequiredError& error) {  // the missing flag may be on the command line, misspelt
    const std::vector<std::string> rest = app.remaining(true);
    if (rest.empty()) return print_error(error.what());
    return print_error(fmt::format("{}; not understood: {}", error.what(), fmt::join(rest, " ")).c_str());
  } catch (const CLI::ParseError& error) {
    return print_error(error.what());
  } catch (const std::bad_alloc&) {
    return print_error("out of memory");
  } catch (const std::exception& error) {
    return print_error(error.what());
  }
}

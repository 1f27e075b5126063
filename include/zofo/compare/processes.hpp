/// @file Runs programs concurrently, a bounded number at a time, and leaves no process behind.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace zofo::compare {

/// A program to run.
struct Command {
  std::filesystem::path program;                                      ///< a path; PATH is not searched
  std::vector<std::string> arguments;                                 ///< after the program's name
  std::vector<std::pair<std::string, std::string>> environment = {};  ///< replaces or extends this process's
  ///@{
  /// A file for the standard output, and one for the standard error. Both are truncated at the start.
  std::filesystem::path out = "/dev/null", err = "/dev/null";
  ///@}
};

/// How a process ended.
struct Ending {
  int code = 0;    ///< exit code, if no signal ended the process
  int signal = 0;  ///< the signal that ended it, or 0
  /// Whether the process exited with code 0.
  [[nodiscard]] bool good() const { return code == 0 && signal == 0; }
  /// "exit code 3" or "killed by signal 9 (Killed)".
  [[nodiscard]] std::string text() const;
};

/// Starts a process and returns its id; the system sends it SIGINT when this process dies. Its standard input
/// is empty. It exits with code 127 when the program or a file cannot be opened. Throws Error when the system
/// refuses to create it.
pid_t start(const Command& command);

/// Runs one command to its end. Throws Error when the system refuses to create the process.
Ending run_one(const Command& command);

/// A batch of commands and its callbacks.
struct Batch {
  std::size_t count = 0;    ///< of commands
  std::size_t at_once = 1;  ///< the number of concurrent processes
  /// Returns a command; `slot` < at_once differs between concurrent commands.
  std::function<Command(std::size_t number, std::size_t slot)> command;
  /// Called once for every command that has ended.
  std::function<void(std::size_t number, const Ending& ending)> ended;
  /// When it returns true, no command is started, and running ones get SIGINT.
  std::function<bool()> stop = [] { return false; };
};

/// Runs a batch to its end.
class Processes {
 public:
  /// `batch` must outlive the object. Throws Error when at_once is 0.
  explicit Processes(const Batch& batch);
  Processes(Processes&&) = delete;
  Processes& operator=(Processes&&) = delete;
  /// Kills the processes that an exception has left running.
  ~Processes();

  /// Returns when every started process has ended. Rethrows exceptions of the callbacks, and throws Error
  /// when the system refuses to create a process.
  void run();

 private:
  using Clock = std::chrono::steady_clock;
  struct Slot {
    pid_t process = 0;  ///< 0: none
    std::size_t number = 0;
    Clock::time_point signalled = {};
  };

  void start_next(std::size_t slot);
  void poll(Slot& slot, bool stopping);
  [[nodiscard]] std::size_t running() const;

  const Batch& batch_;
  std::vector<Slot> slots_;
  std::size_t next_ = 0;
};

}  // namespace zofo::compare

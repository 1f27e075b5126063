/// @file Programs run side by side, a bounded number at once, none left behind.
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "zofo/core/error.hpp"

namespace zofo::compare {

/// A program to run.
struct Command {
  std::filesystem::path program;
  std::vector<std::string> arguments;                                 ///< after the program's name
  std::vector<std::pair<std::string, std::string>> environment = {};  ///< added to, or instead of, this one's
  std::filesystem::path out = "/dev/null", err = "/dev/null";         ///< emptied first
};

/// How a process ended.
struct Ending {
  int code = 0;    ///< exit code, where no signal ended it
  int signal = 0;  ///< 0: none
  [[nodiscard]] bool good() const { return code == 0 && signal == 0; }
  [[nodiscard]] std::string text() const {
    return signal != 0 ? fmt::format("killed by signal {} ({})", signal, strsignal(signal))
                       : fmt::format("exit code {}", code);
  }
};

namespace detail {

/// A command in the shape that execve() reads: a child may not allocate.
class ExecArguments {
 public:
  explicit ExecArguments(const Command& command) : texts_(command.arguments), variables_(merged(command)) {
    texts_.insert(texts_.begin(), command.program.filename().string());
    for (std::string& text : texts_) argv_.push_back(text.data());
    for (std::string& text : variables_) envp_.push_back(text.data());
    argv_.push_back(nullptr);
    envp_.push_back(nullptr);
  }
  [[nodiscard]] char* const* argv() const { return argv_.data(); }
  [[nodiscard]] char* const* envp() const { return envp_.data(); }

 private:
  static std::vector<std::string> merged(const Command& command) {
    std::vector<std::string> out;
    for (const auto& [name, value] : command.environment) out.push_back(name + "=" + value);
    for (char** each = environ; *each != nullptr; ++each) {
      const std::string_view variable(*each);
      bool given = false;
      for (const auto& [name, value] : command.environment) given = given || variable.starts_with(name + "=");
      if (!given) out.emplace_back(variable);
    }
    return out;
  }
  std::vector<std::string> texts_, variables_;
  std::vector<char*> argv_, envp_;
};

inline bool redirect(const char* path, int descriptor) {
  const int mode = descriptor == STDIN_FILENO ? O_RDONLY : O_WRONLY | O_CREAT | O_TRUNC;
  const int file = open(path, mode, 0644);
  return file >= 0 && dup2(file, descriptor) >= 0 && close(file) == 0;
}

}  // namespace detail

/// Starts a process; it is told by SIGINT when this one dies. Throws Error when the system refuses.
inline pid_t start(const Command& command) {
  const detail::ExecArguments arguments(command);
  const pid_t parent = getpid();
  std::fflush(nullptr);
  const pid_t child = fork();
  require(child >= 0, "{}: cannot be started: {}", command.program.string(), std::strerror(errno));
  if (child != 0) return child;
  const bool ready = prctl(PR_SET_PDEATHSIG, SIGINT) == 0 && getppid() == parent &&
                     detail::redirect("/dev/null", STDIN_FILENO) &&
                     detail::redirect(command.out.c_str(), STDOUT_FILENO) &&
                     detail::redirect(command.err.c_str(), STDERR_FILENO);
  if (ready) execve(command.program.c_str(), arguments.argv(), arguments.envp());
  _exit(127);
}

/// How a process that has been waited for ended.
inline Ending ending_of(int status) {
  Ending ending;
  if (WIFSIGNALED(status)) ending.signal = WTERMSIG(status);
  if (WIFEXITED(status)) ending.code = WEXITSTATUS(status);
  return ending;
}

/// Runs one command to its end.
inline Ending run_one(const Command& command) {
  const pid_t process = start(command);
  int status = 0;
  while (waitpid(process, &status, 0) < 0)
    require(errno == EINTR, "lost a process: {}", std::strerror(errno));
  return ending_of(status);
}

/// What a batch of processes asks for and tells.
struct Batch {
  std::size_t count = 0;                                                 ///< of commands
  std::size_t at_once = 1;                                               ///< processes at the same time
  std::function<Command(std::size_t number, std::size_t slot)> command;  ///< slot < at_once, no two at a time
  std::function<void(std::size_t number, const Ending& ending)> ended;
  std::function<bool()> stop = [] { return false; };  ///< true: start none and send SIGINT to those at work
};

/// Runs a batch to its end.
class Processes {
 public:
  explicit Processes(const Batch& batch) : batch_(batch), slots_(batch.at_once) {
    require(batch.at_once >= 1, "jobs = 0: must be at least 1");
  }
  Processes(Processes&&) = delete;
  Processes& operator=(Processes&&) = delete;
  /// After an exception none is left at work.
  ~Processes() {
    for (const Slot& slot : slots_)
      if (slot.process > 0 && kill(slot.process, SIGKILL) == 0) waitpid(slot.process, nullptr, 0);
  }

  /// Returns once every process that was started has ended. Throws what the callbacks throw, and Error when
  /// the system refuses a process.
  void run() {
    while (true) {
      const bool stopping = batch_.stop();
      for (std::size_t slot = 0; slot < slots_.size(); ++slot) {
        if (slots_[slot].process > 0) look_at(slots_[slot], stopping);
        if (slots_[slot].process <= 0 && !stopping && next_ < batch_.count) fill(slot);
      }
      if (at_work() == 0 && (stopping || next_ == batch_.count)) return;
      usleep(10'000);
    }
  }

 private:
  using Clock = std::chrono::steady_clock;
  struct Slot {
    pid_t process = 0;  ///< 0: none
    std::size_t number = 0;
    Clock::time_point told = {};
  };

  void fill(std::size_t slot) {
    const Command command = batch_.command(next_, slot);
    slots_[slot] = {start(command), next_, {}};
    ++next_;
  }
  void look_at(Slot& slot, bool stopping) {
    int status = 0;
    const pid_t ended = waitpid(slot.process, &status, WNOHANG);
    require(ended >= 0 || errno == EINTR, "lost a process: {}", std::strerror(errno));
    if (ended == slot.process) {
      slot.process = 0;
      batch_.ended(slot.number, ending_of(status));
    } else if (stopping && Clock::now() - slot.told > std::chrono::milliseconds(200)) {
      kill(slot.process, SIGINT);  // again and again: one that comes before the program began is lost
      slot.told = Clock::now();
    }
  }
  [[nodiscard]] std::size_t at_work() const {
    std::size_t count = 0;
    for (const Slot& slot : slots_) count += slot.process > 0 ? 1 : 0;
    return count;
  }

  const Batch& batch_;
  std::vector<Slot> slots_;
  std::size_t next_ = 0;
};

}  // namespace zofo::compare

#include "zofo/compare/processes.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string_view>

#include "zofo/core/error.hpp"

namespace zofo::compare {

namespace {

/// A command as the arrays that execve() needs. Made before fork(), since a child must not allocate.
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

bool redirect(const char* path, int descriptor) {
  const int mode = descriptor == STDIN_FILENO ? O_RDONLY : O_WRONLY | O_CREAT | O_TRUNC;
  const int file = open(path, mode, 0644);
  return file >= 0 && dup2(file, descriptor) >= 0 && close(file) == 0;
}

/// The ending of a process by its wait status.
Ending ending_of(int status) {
  Ending ending;
  if (WIFSIGNALED(status)) ending.signal = WTERMSIG(status);
  if (WIFEXITED(status)) ending.code = WEXITSTATUS(status);
  return ending;
}

}  // namespace

std::string Ending::text() const {
  return signal != 0 ? fmt::format("killed by signal {} ({})", signal, strsignal(signal))
                     : fmt::format("exit code {}", code);
}

pid_t start(const Command& command) {
  const ExecArguments arguments(command);
  const pid_t parent = getpid();
  std::fflush(nullptr);
  const pid_t child = fork();
  require(child >= 0, "{}: cannot be started: {}", command.program.string(), std::strerror(errno));
  if (child != 0) return child;
  const bool ready = prctl(PR_SET_PDEATHSIG, SIGINT) == 0 && getppid() == parent &&
                     redirect("/dev/null", STDIN_FILENO) && redirect(command.out.c_str(), STDOUT_FILENO) &&
                     redirect(command.err.c_str(), STDERR_FILENO);
  if (ready) execve(command.program.c_str(), arguments.argv(), arguments.envp());
  _exit(127);
}

Ending run_one(const Command& command) {
  const pid_t process = start(command);
  int status = 0;
  while (waitpid(process, &status, 0) < 0)
    require(errno == EINTR, "lost a process: {}", std::strerror(errno));
  return ending_of(status);
}

Processes::Processes(const Batch& batch) : batch_(batch), slots_(batch.at_once) {
  require(batch.at_once >= 1, "jobs = 0: must be at least 1");
}

Processes::~Processes() {
  for (const Slot& slot : slots_)
    if (slot.process > 0 && kill(slot.process, SIGKILL) == 0) waitpid(slot.process, nullptr, 0);
}

void Processes::run() {
  while (true) {
    const bool stopping = batch_.stop();
    for (std::size_t slot = 0; slot < slots_.size(); ++slot) {
      if (slots_[slot].process > 0) poll(slots_[slot], stopping);
      if (slots_[slot].process <= 0 && !stopping && next_ < batch_.count) start_next(slot);
    }
    if (running() == 0 && (stopping || next_ == batch_.count)) return;
    usleep(10'000);
  }
}

void Processes::start_next(std::size_t slot) {
  const Command command = batch_.command(next_, slot);
  slots_[slot] = {start(command), next_, {}};
  ++next_;
}

void Processes::poll(Slot& slot, bool stopping) {
  int status = 0;
  const pid_t ended = waitpid(slot.process, &status, WNOHANG);
  require(ended >= 0 || errno == EINTR, "lost a process: {}", std::strerror(errno));
  if (ended == slot.process) {
    slot.process = 0;
    batch_.ended(slot.number, ending_of(status));
  } else if (stopping && Clock::now() - slot.signalled > std::chrono::milliseconds(200)) {
    kill(slot.process, SIGINT);  // repeatedly: a signal before the program has started is lost
    slot.signalled = Clock::now();
  }
}

std::size_t Processes::running() const {
  std::size_t count = 0;
  for (const Slot& slot : slots_) count += slot.process > 0 ? 1 : 0;
  return count;
}

}  // namespace zofo::compare

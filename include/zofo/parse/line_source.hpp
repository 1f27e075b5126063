/// @file Lines of a file descriptor, and whether the next one has arrived already.
#pragma once

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "zofo/core/error.hpp"

namespace zofo::parse {

/// Reads lines from a POSIX file descriptor, which it borrows.
class LineSource {
 public:
  /// `name` is the source's in errors.
  LineSource(int descriptor, std::string name) : descriptor_(descriptor), name_(std::move(name)) {}

  [[nodiscard]] const std::string& name() const { return name_; }
  /// Waits for a line; its end is removed, and the last line needs none. False at the end. Throws Error when
  /// reading fails.
  bool next(std::string& line) {
    while (!whole() && !ended_) read_some();
    if (begin_ == text_.size()) return false;
    const std::size_t end = whole() ? text_.find('\n', begin_) : text_.size();
    line = text_.substr(begin_, end - begin_);
    begin_ = end + (end < text_.size() ? 1 : 0);
    searched_ = begin_;
    return true;
  }

  /// True if next() need not wait for more input.
  bool ready() {
    while (!whole() && !ended_ && there()) read_some();
    return whole() || (ended_ && begin_ < text_.size());
  }

 private:
  // True if a line's end has been read; what was searched in vain is not searched again.
  bool whole() {
    const std::size_t end = text_.find('\n', searched_);
    searched_ = std::min(end, text_.size());
    return end != std::string::npos;
  }
  [[nodiscard]] bool there() const {
    pollfd requested{descriptor_, POLLIN, 0};
    return poll(&requested, 1, 0) > 0;
  }
  void read_some() {
    text_.erase(0, begin_);
    searched_ -= begin_;
    begin_ = 0;
    std::array<char, 65536> part{};
    const ssize_t count = read(descriptor_, part.data(), part.size());
    if (count < 0 && errno == EINTR) return;
    require(count >= 0, "{}: reading failed: {}", name_, std::strerror(errno));
    ended_ = count == 0;
    text_.append(part.data(), static_cast<std::size_t>(count));
  }

  int descriptor_;
  std::string name_;
  std::string text_;
  std::size_t begin_ = 0, searched_ = 0;
  bool ended_ = false;
};

/// Answers lines in groups: `take(line, number)` collects one and returns true when the group is full;
/// `answer()` answers the group and empties it. A group also ends where the next line has not arrived, so
/// that who asks line by line gets an answer to each. Blank lines are skipped. What take throws is thrown
/// once the lines before are answered.
template <class Take, class Answer>
void answer_lines(LineSource& lines, Take&& take, Answer&& answer) {
  std::size_t number = 0;
  for (std::string line; lines.next(line);) {
    ++number;
    bool full = false;
    if (line.find_first_not_of(" \t\r") != std::string::npos) {
      try {
        full = take(std::as_const(line), number);
      } catch (...) {
        answer();
        throw;
      }
    }
    if (full || !lines.ready()) answer();
  }
  answer();
}

}  // namespace zofo::parse

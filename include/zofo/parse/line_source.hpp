/// @file Reads lines from a file descriptor and reports whether the next line has already arrived.
#pragma once

#include <cstddef>
#include <string>
#include <utility>

namespace zofo::parse {

/// Reads lines from a POSIX file descriptor. The descriptor stays open and belongs to the caller.
class LineSource {
 public:
  /// `name` names the source in error messages.
  LineSource(int descriptor, std::string name) : descriptor_(descriptor), name_(std::move(name)) {}

  /// The name given to the constructor.
  [[nodiscard]] const std::string& name() const { return name_; }

  /// Waits for a line and stores it without its line feed; the last line may lack one. Returns false at the
  /// end of the input. Throws Error when reading fails.
  bool next(std::string& line);

  /// True if next() would return without waiting for more input. Throws Error when reading fails.
  bool ready();

 private:
  bool has_line();
  [[nodiscard]] bool input_arrived() const;
  void read_some();

  int descriptor_;
  std::string name_;
  std::string text_;          // what has been read
  std::size_t begin_ = 0;     // of the next line
  std::size_t searched_ = 0;  // no line feed is in [begin_, searched_)
  bool ended_ = false;
};

/// Answers lines in groups: `take(line, number)` collects one line and returns true when the group is full;
/// `answer()` answers the group and empties it. A group also ends when the next line has not arrived, so that
/// a client that waits for each answer gets it. Blank lines are skipped. An exception from take is rethrown
/// after the lines before it have been answered.
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

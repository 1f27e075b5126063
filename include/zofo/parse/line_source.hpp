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

}  // namespace zofo::parse

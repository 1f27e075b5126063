#include "zofo/parse/line_source.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "zofo/core/error.hpp"

namespace zofo::parse {

bool LineSource::next(std::string& line) {
  while (!has_line() && !ended_) read_some();
  if (begin_ == text_.size()) return false;
  const std::size_t end = has_line() ? text_.find('\n', begin_) : text_.size();
  line = text_.substr(begin_, end - begin_);
  begin_ = end + (end < text_.size() ? 1 : 0);
  searched_ = begin_;
  return true;
}

bool LineSource::ready() {
  while (!has_line() && !ended_ && input_arrived()) read_some();
  return has_line() || (ended_ && begin_ < text_.size());
}

/// True if a line feed has been read. Continues the search where the last call stopped.
bool LineSource::has_line() {
  const std::size_t end = text_.find('\n', searched_);
  searched_ = std::min(end, text_.size());
  return end != std::string::npos;
}

bool LineSource::input_arrived() const {
  pollfd requested{descriptor_, POLLIN, 0};
  return poll(&requested, 1, 0) > 0;
}

void LineSource::read_some() {
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

}  // namespace zofo::parse

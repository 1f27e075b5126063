#include "zofo/data/template.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include "zofo/core/error.hpp"
#include "zofo/data/jsonl.hpp"

namespace zofo::data {

namespace {

std::string filtered(std::string value, const std::string& filter) {
  if (filter == "lower") {
    const bool is_pronoun = value.starts_with("I ") || value.starts_with("I'");
    if (!value.empty() && !is_pronoun && value[0] >= 'A' && value[0] <= 'Z')
      value[0] = static_cast<char>(value[0] - 'A' + 'a');
  } else if (filter == "open") {
    value.erase(std::min(value.find_last_not_of(" \t\r\n") + 1, value.size()));
    if (value.ends_with('.')) value.pop_back();
  }
  return value;
}

}  // namespace

Template::Template(std::string text) : text_(std::move(text)) {
  for (std::size_t at = 0; at < text_.size();) at = parse(at);
}

std::string Template::render(const JsonLine& line) const {
  std::string result;
  for (const Piece& piece : pieces_)
    result += piece.is_field ? filtered(line.text(piece.text), piece.filter) : piece.text;
  return result;
}

std::vector<std::string> Template::fields() const {
  std::vector<std::string> names;
  for (const Piece& piece : pieces_)
    if (piece.is_field) names.push_back(piece.text);
  return names;
}

// Reads the piece that starts at `at`; returns the start of the next one.
std::size_t Template::parse(std::size_t at) {
  const std::string_view rest = std::string_view(text_).substr(at);
  if (rest.starts_with("{{") || rest.starts_with("}}")) {
    pieces_.push_back({false, std::string(1, rest[0])});
    return at + 2;
  }
  require(rest[0] != '}', "template '{}': '}}' at byte {} closes nothing (write '}}}}' for a brace)", text_,
          at);
  if (rest[0] == '{') return parse_field(at);
  const std::size_t length = std::min(rest.find_first_of("{}"), rest.size());
  pieces_.push_back({false, std::string(rest.substr(0, length))});
  return at + length;
}

std::size_t Template::parse_field(std::size_t at) {
  const std::size_t end = text_.find_first_of("{}", at + 1);
  require(end != std::string::npos && text_[end] == '}',
          "template '{}': '{{' at byte {} is not closed (write '{{{{' for a brace)", text_, at);
  require(end > at + 1, "template '{}': field at byte {} has no name", text_, at);
  const std::string inside = text_.substr(at + 1, end - at - 1);
  const std::size_t bar = std::min(inside.find('|'), inside.size());
  require(bar > 0, "template '{}': field at byte {} has no name", text_, at);
  const std::string filter = bar < inside.size() ? inside.substr(bar + 1) : "";
  require(bar == inside.size() || filter == "lower" || filter == "open",
          "template '{}': filter '{}' at byte {}: must be lower or open", text_, filter, at + 1 + bar + 1);
  pieces_.push_back({true, inside.substr(0, bar), filter});
  return end + 1;
}

}  // namespace zofo::data

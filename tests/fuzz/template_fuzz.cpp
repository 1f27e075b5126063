/// @file Templates: a text with its braces doubled renders to itself, the concatenation of two templates
/// renders to the concatenation of their results, and a row without the fields is refused. A NUL byte splits
/// the input into two templates.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "fuzz.hpp"
#include "zofo/data/jsonl.hpp"
#include "zofo/data/template.hpp"

using namespace zofo::data;
using zofo::fuzz::accepts, zofo::fuzz::demand;

namespace {

std::optional<Template> parsed(const std::string& text) {
  std::optional<Template> result;
  accepts([&] { result.emplace(text); });
  return result;
}

std::string braces_doubled(std::string_view text) {
  std::string result;
  for (const char c : text) result.append(c == '{' || c == '}' ? 2 : 1, c);
  return result;
}

/// A row that has every field; the values hold what the filters look for.
JsonLine row_for(const Template& read) {
  JsonLine row{nlohmann::json::object(), "rows.jsonl", 1};
  for (const std::string& field : read.fields()) row.fields[field] = "{{A value}. ";
  return row;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(zofo::fuzz::as_text(data, size));
  const JsonLine empty{nlohmann::json::object(), "rows.jsonl", 1};
  demand(Template(braces_doubled(text)).render(empty) == text, "doubled braces stand for themselves");

  const std::size_t cut = std::min(text.find('\0'), text.size());
  const auto whole = parsed(text), left = parsed(text.substr(0, cut)), right = parsed(text.substr(cut));
  if (left && right) {
    demand(whole.has_value(), "templates can be joined");
    const JsonLine row = row_for(*whole);
    demand(whole->render(row) == left->render(row) + right->render(row), "joined templates render to both");
  }
  if (whole) {
    demand(whole->text() == text, "a template stores its text");
    demand(accepts([&] { (void)whole->render(empty); }) == whole->fields().empty(),
           "a missing field is an error");
  }
  return 0;
}

#include "zofo/run/checked_lines.hpp"

#include <nlohmann/json.hpp>
#include <utility>

#include "zofo/core/error.hpp"
#include "zofo/parse/file.hpp"

namespace zofo::llm {

CheckedLines::CheckedLines(std::filesystem::path path) : file_(std::move(path)) {}

void CheckedLines::line(std::string_view text) {
  file_.line(text);
  hash_.update(text).update("\n");
  bytes_ += text.size() + 1;
}

nlohmann::json CheckedLines::position() {
  file_.settle();
  return {bytes_, zofo::hash_text(hash_.value())};
}

std::string CheckedLines::text_at(const std::filesystem::path& path, const nlohmann::json& position) {
  const auto bytes = position.at(0).get<std::uint64_t>();
  std::string text = parse::read_file(path);
  require(text.size() >= bytes, "{}: {} bytes: the saved state needs the first {}", path.string(),
          text.size(), bytes);
  text.resize(bytes);
  require(zofo::hash_text(zofo::Hash64().update(text).value()) == position.at(1).get<std::string>(),
          "{}: its first {} bytes differ from those of the saved state", path.string(), bytes);
  return text;
}

void CheckedLines::continue_after(std::string_view text) {
  file_.cut(text.size());
  hash_ = zofo::Hash64();
  hash_.update(text);
  bytes_ = text.size();
}

}  // namespace zofo::llm

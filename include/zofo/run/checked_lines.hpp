/// @file A file of lines that knows its length and checksum, so that a resumed run can continue it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>

#include "zofo/core/append_file.hpp"
#include "zofo/core/error.hpp"
#include "zofo/core/hash.hpp"
#include "zofo/parse/file.hpp"

namespace zofo::llm {

/// A file that lines are appended to.
class CheckedLines {
 public:
  explicit CheckedLines(std::filesystem::path path) : file_(std::move(path)) {}
  void line(std::string_view text) {
    file_.line(text);
    hash_.update(text).update("\n");
    bytes_ += text.size() + 1;
  }
  /// The length and the hash of what was written, once the disk holds it.
  [[nodiscard]] nlohmann::json position() {
    file_.settle();
    return {bytes_, zofo::hash_text(hash_.value())};
  }
  /// The text up to a position that was saved; whatever follows it, a half-written line too, is ignored.
  /// Throws Error naming the file unless the text is as it was.
  static std::string text_at(const std::filesystem::path& path, const nlohmann::json& position) {
    const auto bytes = position.at(0).get<std::uint64_t>();
    std::string text = parse::read_file(path);
    require(text.size() >= bytes, "{}: {} bytes: the saved state needs the first {}", path.string(),
            text.size(), bytes);
    text.resize(bytes);
    require(zofo::hash_text(zofo::Hash64().update(text).value()) == position.at(1).get<std::string>(),
            "{}: its first {} bytes are not those that the saved state was made with", path.string(), bytes);
    return text;
  }
  /// Continues after `text`, which the file begins with: what follows it is cut off.
  void continue_after(std::string_view text) {
    file_.cut(text.size());
    hash_ = zofo::Hash64();
    hash_.update(text);
    bytes_ = text.size();
  }

 private:
  zofo::AppendFile file_;
  zofo::Hash64 hash_;
  std::uint64_t bytes_ = 0;
};

}  // namespace zofo::llm

/// @file Reads the tables of a `task.toml`; every message starts with the file.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "zofo/core/error.hpp"
#include "zofo/data/template.hpp"
#include "zofo/parse/toml.hpp"

namespace zofo::data::detail {

/// Typed access to a table. Every accessor throws Error naming file and key when the key is missing or its
/// value is of another type.
class TaskTable {
 public:
  /// `prefix` stands before the names of keys in messages. Throws Error for a key that is not among `keys`.
  TaskTable(std::string file, const toml::table& table, std::span<const std::string_view> keys,
            std::string prefix = "");

  /// Whether the table has the key.
  [[nodiscard]] bool has(std::string_view key) const { return table_->contains(key); }
  /// The file's name, for messages.
  [[nodiscard]] const std::string& file() const { return file_; }
  /// The value, unconverted.
  [[nodiscard]] const toml::node& at(std::string_view key) const;

  /// A string.
  [[nodiscard]] std::string string(std::string_view key) const;
  /// A string, or `otherwise` if the key is missing.
  [[nodiscard]] std::string string_or(std::string_view key, std::string otherwise) const;
  /// A non-negative integer, or `otherwise` if the key is missing.
  [[nodiscard]] std::size_t count_or(std::string_view key, std::size_t otherwise) const;
  /// A list of strings.
  [[nodiscard]] std::vector<std::string> strings(std::string_view key) const;
  /// A string, as a list of one, or a list of at least one string.
  [[nodiscard]] std::vector<std::string> string_or_strings(std::string_view key) const;
  /// A list of numbers.
  [[nodiscard]] std::vector<double> numbers(std::string_view key) const;

  /// One of several words as its associated value, or `otherwise` if the key is missing.
  template <class T, std::size_t n>
  T word_or(std::string_view key, T otherwise, const std::pair<std::string_view, T> (&words)[n]) const {
    if (!has(key)) return otherwise;
    const std::string given = string(key);
    std::string allowed;
    for (const auto& [word, meaning] : words) {
      if (word == given) return meaning;
      allowed.append(allowed.empty() ? "" : ", ").append(word);
    }
    fail("{}:{}: {} = \"{}\": must be one of {}", file_, at(key).source().begin.line, name(key), given,
         allowed);
  }

  /// A template.
  [[nodiscard]] Template text(std::string_view key) const;
  /// A template; empty if the key is missing.
  [[nodiscard]] std::optional<Template> optional_text(std::string_view key) const;
  /// A list of templates.
  [[nodiscard]] std::vector<Template> texts(std::string_view key) const;
  /// A table inside this one; `what` describes its contents in messages.
  [[nodiscard]] const toml::table& table(std::string_view key, const char* what) const;
  /// A table of indices of choices.
  [[nodiscard]] std::map<std::string, int> indices(std::string_view key) const;
  /// A table of strings.
  [[nodiscard]] std::map<std::string, std::string> words(std::string_view key) const;

 private:
  [[nodiscard]] std::string name(std::string_view key) const;
  [[nodiscard]] Template parse(const std::string& text, const std::string& key) const;
  template <class T>
  T value(const toml::node& node, const std::string& name, const char* kind) const;

  std::string file_;
  const toml::table* table_;
  std::string prefix_;
};

}  // namespace zofo::data::detail

#include "zofo/data/row_source.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "row_lines.hpp"
#include "zofo/core/error.hpp"
#include "zofo/parse/file.hpp"

namespace zofo::data {

namespace {

// A file that is open for reading.
class Descriptor {
 public:
  explicit Descriptor(const std::string& path) : number_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    require(number_ >= 0, "{}: cannot be opened: {}", path, std::strerror(errno));
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { ::close(number_); }
  [[nodiscard]] int number() const { return number_; }

 private:
  int number_;
};

class JsonFile : public RowSource {
 public:
  explicit JsonFile(const std::string& path) : file_(path), lines_(file_.number(), path), rows_(lines_) {}
  bool next() override { return rows_.next(); }
  [[nodiscard]] JsonLine row() override { return rows_.row(); }
  bool ready() override { return rows_.ready(); }

 private:
  Descriptor file_;
  parse::LineSource lines_;
  JsonRows rows_;
};

class JsonInput : public RowSource {
 public:
  JsonInput() : lines_(STDIN_FILENO, "stdin"), rows_(lines_) {}
  bool next() override { return rows_.next(); }
  [[nodiscard]] JsonLine row() override { return rows_.row(); }
  bool ready() override { return rows_.ready(); }

 private:
  parse::LineSource lines_;
  JsonRows rows_;
};

std::string all_of_input() {
  parse::LineSource lines(STDIN_FILENO, "stdin");
  std::string text;
  for (std::string line; lines.next(line);) text += line + "\n";
  return text;
}

}  // namespace

bool JsonRows::next() {
  while (lines_.next(text_)) {
    ++number_;
    if (text_.find_first_not_of(" \t\r") != std::string::npos) return true;
  }
  return false;
}

SeparatedRows::SeparatedRows(std::string text, std::string name, RowFormat format)
    : text_(std::move(text)), name_(std::move(name)), reader_(text_, name_, detail::separator(format)) {
  require(reader_.next(record_), "{}: empty, must have a header and rows", name_);
  columns_ = detail::column_names(record_, name_);
}

bool SeparatedRows::next() {
  error_.clear();
  try {
    return reader_.next(record_);
  } catch (const Error& error) {
    error_ = error.what();
    return true;
  }
}

JsonLine SeparatedRows::row() {
  require(error_.empty(), "{}", error_);
  return detail::row_of(columns_, record_, name_);
}

std::unique_ptr<RowSource> open_rows(const std::string& path, std::optional<RowFormat> format) {
  const bool input = path == "-";
  if (!format) format = input ? RowFormat::json_lines : row_format(path);
  if (input && *format == RowFormat::json_lines) return std::make_unique<JsonInput>();
  if (input) return std::make_unique<SeparatedRows>(all_of_input(), "stdin", *format);
  require(std::filesystem::exists(path), "{}: no such file", path);
  require(!std::filesystem::is_directory(path), "{}: is a folder, must be a file of rows", path);
  if (*format == RowFormat::json_lines) return std::make_unique<JsonFile>(path);
  return std::make_unique<SeparatedRows>(parse::read_file(path, detail::most_bytes), path, *format);
}

}  // namespace zofo::data

#include "zofo/parse/csv.hpp"

#include <algorithm>
#include <utility>

#include "zofo/core/error.hpp"

namespace zofo::parse {

namespace {

class CsvReader {
 public:
  CsvReader(std::string_view text, const std::string& name, char separator)
      : text_(text), name_(name), separator_(separator) {
    if (text_.starts_with("\xEF\xBB\xBF")) text_.remove_prefix(3);  // byte order mark
  }

  std::vector<CsvRecord> all() {
    std::vector<CsvRecord> records;
    while (at_ < text_.size()) {
      if (end_of_line()) continue;
      CsvRecord record{{}, line_};
      do record.fields.push_back(field());
      while (take(separator_));
      require(at_ == text_.size() || end_of_line(), "{}:{}: text behind a closing quote", name_, line_);
      if (!records.empty())
        require(record.fields.size() == records.front().fields.size(),
                "{}:{}: {} fields, the header in line {} has {}", name_, record.line, record.fields.size(),
                records.front().line, records.front().fields.size());
      records.push_back(std::move(record));
    }
    return records;
  }

 private:
  bool take(char c) {
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool end_of_line() {
    const bool carriage = take('\r');
    if (!take('\n') && !carriage) return false;
    ++line_;
    return true;
  }
  std::string field() {
    if (take('"')) return quoted();
    const std::size_t end =
        std::min(text_.find_first_of(std::string{separator_, '\r', '\n'}, at_), text_.size());
    std::string value(text_.substr(at_, end - at_));
    require(value.find('\0') == std::string::npos, "{}:{}: a NUL byte", name_, line_);
    at_ = end;
    return value;
  }
  std::string quoted() {
    const std::size_t start = line_;
    std::string value;
    while (at_ < text_.size()) {
      const char c = text_[at_++];
      if (c == '"' && !take('"')) return value;
      require(c != '\0', "{}:{}: a NUL byte", name_, line_);
      const bool crlf = c == '\r' && at_ < text_.size() && text_[at_] == '\n';
      if (c == '\n' || (c == '\r' && !crlf)) ++line_;
      value += c;
    }
    fail("{}:{}: a quote is not closed", name_, start);
  }

  std::string_view text_;
  const std::string& name_;
  char separator_;
  std::size_t at_ = 0;
  std::size_t line_ = 1;
};

}  // namespace

std::vector<CsvRecord> parse_csv(std::string_view text, const std::string& name, char separator) {
  return CsvReader(text, name, separator).all();
}

}  // namespace zofo::parse

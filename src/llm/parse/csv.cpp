#include "zofo/parse/csv.hpp"

#include <algorithm>
#include <utility>

#include "zofo/core/error.hpp"

namespace zofo::parse {

CsvReader::CsvReader(std::string_view text, std::string name, char separator)
    : text_(text), name_(std::move(name)), separator_(separator) {
  if (text_.starts_with("\xEF\xBB\xBF")) text_.remove_prefix(3);  // byte order mark
}

bool CsvReader::next(CsvRecord& record) {
  while (at_ < text_.size() && end_of_line()) {
  }
  if (at_ == text_.size()) return false;
  record.fields.clear();
  record.line = start_ = line_;
  const std::size_t begin = at_;
  try {
    do record.fields.push_back(field());
    while (take(separator_));
    require(at_ == text_.size() || end_of_line(), "{}:{}: text behind a closing quote", name_, line_);
  } catch (const Error&) {
    // A quote that is not closed ran to the end: the lines after its first may be records.
    if (at_ == text_.size()) at_ = begin, line_ = start_;
    skip_line();
    throw;
  }
  if (header_fields_ == 0) header_fields_ = record.fields.size(), header_line_ = start_;
  require(record.fields.size() == header_fields_, "{}:{}: {} fields, the header in line {} has {}", name_,
          record.line, record.fields.size(), header_line_, header_fields_);
  return true;
}

bool CsvReader::take(char c) {
  if (at_ == text_.size() || text_[at_] != c) return false;
  ++at_;
  return true;
}

bool CsvReader::end_of_line() {
  const bool carriage = take('\r');
  if (!take('\n') && !carriage) return false;
  ++line_;
  return true;
}

void CsvReader::skip_line() {
  at_ = std::min(text_.find_first_of("\r\n", at_), text_.size());
  end_of_line();
}

std::string CsvReader::field() {
  if (take('"')) return quoted();
  const std::size_t end =
      std::min(text_.find_first_of(std::string{separator_, '\r', '\n'}, at_), text_.size());
  std::string value(text_.substr(at_, end - at_));
  require(value.find('\0') == std::string::npos, "{}:{}: a NUL byte", name_, line_);
  at_ = end;
  return value;
}

std::string CsvReader::quoted() {
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

std::vector<CsvRecord> parse_csv(std::string_view text, const std::string& name, char separator) {
  CsvReader reader(text, name, separator);
  std::vector<CsvRecord> records;
  for (CsvRecord record; reader.next(record);) records.push_back(std::move(record));
  return records;
}

}  // namespace zofo::parse

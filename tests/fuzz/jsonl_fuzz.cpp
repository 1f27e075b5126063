/// @file JSON Lines: every field of a row is read as text or refused, rows have their line numbers, and rows
/// that are copied, printed and read again are the same.
#include <string>
#include <vector>

#include "fuzz.hpp"
#include "zofo/data/jsonl.hpp"

using namespace zofo::data;
using zofo::fuzz::accepts, zofo::fuzz::demand;

namespace {

void read_fields(const JsonLine& row) {
  for (const auto& item : row.fields.items()) {
    const bool text = accepts([&] { (void)row.text(item.key()); });
    demand(text == (item.value().is_primitive() && !item.value().is_null()), "only scalars are read as text");
    accepts([&] { (void)row.texts(item.key()); });
    accepts([&] { (void)row.texts(item.key() + ".a.b"); });
  }
  (void)row.field_names();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const zofo::fuzz::ScratchFolder folder;
  const std::filesystem::path file = folder.write("rows.jsonl", zofo::fuzz::as_text(data, size));
  accepts([&] {
    const std::vector<JsonLine> rows = read_jsonl(file);
    std::string printed;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      demand(rows[i].line > (i == 0 ? 0 : rows[i - 1].line), "line numbers increase");
      read_fields(rows[i]);
      const JsonLine copy = rows[i];
      printed += copy.fields.dump() + "\n";
    }
    std::vector<JsonLine> again;
    demand(accepts([&] { again = read_jsonl(folder.write("again.jsonl", printed)); }),
           "printed rows are read");
    demand(again.size() == rows.size(), "every printed row is read");
    for (std::size_t i = 0; i < rows.size(); ++i)
      demand(again[i].fields == rows[i].fields && again[i].line == i + 1, "a printed row reads the same");
  });
  return 0;
}

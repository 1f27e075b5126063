#include "zofo/run/read_metrics.hpp"

#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>

#include "zofo/core/error.hpp"
#include "zofo/parse/json.hpp"

namespace zofo::llm {

namespace {

// The longest line that is parsed. A run writes less than 1 KiB and 50 bytes for each of its tasks.
constexpr std::size_t longest_metrics_line = std::size_t{1} << 22U;

// Reads up to a line feed, and no more than is parsed into `line`. False at the end of the file.
bool next_line(std::istream& in, std::string& line, bool& ended, bool& too_long) {
  line.clear();
  ended = too_long = false;
  std::streambuf& bytes = *in.rdbuf();
  for (int c = bytes.sbumpc(); c != std::char_traits<char>::eof(); c = bytes.sbumpc()) {
    if (c == '\n') {
      ended = true;
      return true;
    }
    if (line.size() < longest_metrics_line)
      line += static_cast<char>(c);
    else
      too_long = true;
  }
  return !line.empty();
}

bool is_metrics_line(const nlohmann::json& line) {
  if (!line.is_object()) return false;
  const auto event = line.find("event"), step = line.find("step");
  return event != line.end() && event->is_string() && step != line.end() && step->is_number_unsigned();
}

}  // namespace

MetricsDamage read_metrics(const std::filesystem::path& file,
                           const std::function<void(const nlohmann::json&)>& visit) {
  MetricsDamage damage;
  std::error_code ignored;
  std::ifstream in;
  if (std::filesystem::is_regular_file(file, ignored)) in.open(file, std::ios::binary);
  damage.absent = !in.is_open();
  if (damage.absent) return damage;
  bool ended = false, too_long = false;
  std::string text;
  for (std::size_t number = 1; next_line(in, text, ended, too_long); ++number) {
    damage.cut_off = !ended;
    nlohmann::json line;
    if (!too_long) try {
        line = parse::parse_json(text);
      } catch (const Error&) {
        line = nullptr;
      }
    if (is_metrics_line(line)) {
      visit(line);
    } else if (ended) {
      if (damage.lines++ == 0) damage.first_line = number;
    }
  }
  return damage;
}

double number_of(const nlohmann::json& line, const char* field) {
  const auto found = line.find(field);
  return found != line.end() && found->is_number() ? found->get<double>()
                                                   : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace zofo::llm

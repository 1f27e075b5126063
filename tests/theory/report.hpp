// Measures a list of statements, writes the results as a table and as JSON, and parses the program's options.
#pragma once

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <exception>
#include <string>
#include <utility>
#include <vector>

#include "theory/verdict.hpp"
#include "zofo/core/error.hpp"

namespace theory {

// A statement that throws has failed; the others are still measured.
inline Verdict measure(const Statement& statement, const Effort& effort) {
  const auto start = std::chrono::steady_clock::now();
  Verdict v;
  const auto thrown = [&](std::string message) {
    v = Verdict{};
    v.message = std::move(message);
  };
  try {
    v = statement.measure(effort);
  } catch (const std::exception& error) {
    thrown(error.what());
  } catch (...) {
    thrown("threw an exception that is not a std::exception");
  }
  v.id = statement.id;
  v.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return v;
}
inline std::vector<Verdict> measure_all(const std::vector<Statement>& statements, const Effort& effort) {
  std::vector<Verdict> verdicts;
  for (const Statement& statement : statements) verdicts.push_back(measure(statement, effort));
  return verdicts;
}

// ---- table
// ---------------------------------------------------------------------------------------------------------

inline const char* word(bool passed) { return passed ? "passed" : "FAILED"; }

// Cuts or pads to `width` characters: UTF-8 counts by code points, which std::string does not.
inline std::string cell(const std::string& text, std::size_t width) {
  std::string out;
  std::size_t shown = 0;
  for (const char c : text) {
    const bool starts = (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
    if (starts && shown == width) return out;
    shown += starts ? 1 : 0;
    out += c;
  }
  return out + std::string(width - shown, ' ');
}
inline std::string row(const std::string& a, const std::string& b, const std::string& c, const std::string& d,
                       const std::string& e) {
  return cell(a, 66) + " | " + cell(b, 14) + " | " + cell(c, 11) + " | " + cell(d, 25) + " | " + e + "\n";
}
inline std::string interval(double low, double high) {
  return low == high ? "exact" : fmt::format("[{:.5g}, {:.5g}]", low, high);
}

// statement | predicted | measured | interval | verdict; one line per comparison under its statement.
inline std::string table(const std::vector<Verdict>& verdicts) {
  std::string out = row("statement", "predicted", "measured", "interval", "verdict");
  for (const Verdict& v : verdicts) {
    out += cell(v.id + "  " + v.statement, 97) + " | " +
           cell(fmt::format("false alarm {:.1e}", v.false_alarm), 25) +
           fmt::format(" | {} ({:.1f} s)\n", word(v.passed), v.seconds);
    if (!v.message.empty()) out += "    " + v.message + "\n";
    for (const Comparison& c : v.comparisons)
      out += row("    " + c.what, c.predicted, fmt::format("{:.5g}", c.measured), interval(c.low, c.high),
                 word(c.passed()));
  }
  const auto failed =
      std::count_if(verdicts.begin(), verdicts.end(), [](const Verdict& v) { return !v.passed; });
  return out + fmt::format("{} statements, {} failed\n", verdicts.size(), failed);
}

// ---- JSON
// ----------------------------------------------------------------------------------------------------------

inline std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\')
      out += {'\\', c};
    else if (c == '\n')
      out += "\\n";
    else if (c == '\t')
      out += "\\t";
    else if (static_cast<unsigned char>(c) < 0x20U)
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    else
      out += c;
  }
  return out + "\"";
}
inline std::string number(double x) { return std::isfinite(x) ? fmt::format("{:.10g}", x) : "null"; }
inline std::string numbers(const std::vector<double>& list) {
  std::vector<std::string> words;
  for (const double x : list) words.push_back(number(x));
  return fmt::format("[{}]", fmt::join(words, ", "));
}
// The fields that Verdict and Comparison share.
template <class T>
std::string measured_fields(const T& t) {
  return fmt::format(
      "\"predicted\": {}, \"measured\": {}, \"low\": {}, \"high\": {}, \"allowed_low\": {}, "
      "\"allowed_high\": {}, "
      "\"false_alarm\": {}",
      quoted(t.predicted), number(t.measured), number(t.low), number(t.high), number(t.allowed_low),
      number(t.allowed_high), number(t.false_alarm));
}
inline std::string to_json(const Comparison& c) {
  return fmt::format("{{\"what\": {}, {}, \"passed\": {}}}", quoted(c.what), measured_fields(c), c.passed());
}
inline std::string to_json(const Series& s) {
  return fmt::format("{{\"label\": {}, \"x\": {}, \"y\": {}, \"error\": {}, \"slope\": {}, \"line\": {}}}",
                     quoted(s.label), numbers(s.x), numbers(s.y), numbers(s.error), number(s.slope), s.line);
}
inline std::string to_json(const Verdict& v) {
  std::vector<std::string> comparisons, series;
  for (const Comparison& c : v.comparisons) comparisons.push_back(to_json(c));
  for (const Series& s : v.series) series.push_back(to_json(s));
  return fmt::format(
      "{{\"id\": {}, \"statement\": {}, \"passed\": {}, {}, \"message\": {}, \"seconds\": {:.2f},\n"
      "   \"figure\": {{\"x_label\": {}, \"y_label\": {}, \"log_x\": {}, \"log_y\": {}}},\n"
      "   \"comparisons\": [{}],\n   \"series\": [{}]}}",
      quoted(v.id), quoted(v.statement), v.passed, measured_fields(v), quoted(v.message), v.seconds,
      quoted(v.figure.x_label), quoted(v.figure.y_label), v.figure.log_x, v.figure.log_y,
      fmt::join(comparisons, ",\n     "), fmt::join(series, ",\n     "));
}
inline std::string to_json(const std::vector<Verdict>& verdicts, const Effort& effort) {
  std::vector<std::string> list;
  for (const Verdict& v : verdicts) list.push_back(to_json(v));
  return fmt::format("{{\"effort\": \"{}\", \"seed\": {}, \"statements\": [\n  {}\n]}}\n",
                     effort.full ? "full" : "fast", effort.seed, fmt::join(list, ",\n  "));
}

// ---- options
// -------------------------------------------------------------------------------------------------------

struct ProgramOptions {
  Effort effort{.full = true};
  std::vector<std::string> only;
  std::string json;
  bool list = false;
};

inline std::vector<std::string> split_ids(const std::string& text, const std::vector<std::string>& known) {
  std::vector<std::string> ids(1);
  for (const char c : text) {
    if (c == ',')
      ids.emplace_back();
    else
      ids.back() += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  for (const std::string& id : ids)
    zofo::require(std::find(known.begin(), known.end(), id) != known.end(),
                  "--only {}: no statement '{}': must be one of {}", text, id, fmt::join(known, ", "));
  return ids;
}

// Throws zofo::Error naming the option that is wrong.
inline ProgramOptions parse_options(const std::vector<std::string>& words,
                                    const std::vector<std::string>& known) {
  ProgramOptions options;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const auto value = [&] {
      zofo::require(i + 1 < words.size(), "{}: needs a value", words[i]);
      return words[++i];
    };
    if (words[i] == "--fast")
      options.effort.full = false;
    else if (words[i] == "--full")
      options.effort.full = true;
    else if (words[i] == "--list")
      options.list = true;
    else if (words[i] == "--json")
      options.json = value();
    else if (words[i] == "--only")
      options.only = split_ids(value(), known);
    else
      zofo::fail("unknown option '{}': must be one of --fast, --full, --only ID,ID, --json FILE, --list",
                 words[i]);
  }
  return options;
}

}  // namespace theory

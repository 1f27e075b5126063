/// @file The trajectory of a run: the updates of θ, a few numbers per step, as lines of JSON.
#pragma once

#include <cerrno>
#include <charconv>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "zofo/core/append_file.hpp"
#include "zofo/core/error.hpp"
#include "zofo/core/report.hpp"
#include "zofo/core/zo_gradient.hpp"

namespace zofo {

/// The update of θ at step k, ĝ_k = Σ cᵢ z(directionᵢ). A direction's own step may be earlier than k, since
/// a variance reduction uses old directions.
struct TrajectoryStep {
  std::uint32_t step = 0;  ///< k, the outer step
  ZoGradient update;       ///< ĝ_k
  /// Compares member by member.
  friend bool operator==(const TrajectoryStep&, const TrajectoryStep&) = default;
};

/// The lines of one update, each with its line end: one per term, in their order,
///   {"at":3,"coefficient":-0.25,"query":0,"seed":7,"step":3}
/// The first one also has "terms", their number, and "queries" if that is another number; an update
/// without terms is {"at":3,"queries":2,"terms":0}. Numbers do not depend
/// on the locale and are read back exactly. Throws Error when one is not finite.
[[nodiscard]] inline std::string trajectory_lines(std::uint32_t at, const ZoGradient& update) {
  require(std::isfinite(update.queries), "step {}: queries = {}: must be finite", at, update.queries);
  const std::size_t terms = update.terms.size();
  std::string first;
  if (update.queries != static_cast<double>(terms)) first += fmt::format(",\"queries\":{}", update.queries);
  first += fmt::format(",\"terms\":{}", terms);
  if (terms == 0) return fmt::format("{{\"at\":{}{}}}\n", at, first);
  std::string lines;
  for (const ZoTerm& term : update.terms) {
    require(std::isfinite(term.coefficient), "step {}: coefficient = {}: must be finite", at,
            term.coefficient);
    lines +=
        fmt::format("{{\"at\":{},\"coefficient\":{},\"query\":{},\"seed\":{},\"step\":{}{}}}\n", at,
                    term.coefficient, term.direction.query, term.direction.seed, term.direction.step, first);
    first.clear();
  }
  return lines;
}

/// Reads the text of a trajectory update by update. Throws Error naming file and line unless every line is
/// whole, every update complete and no step is missing.
class TrajectoryParser {
 public:
  /// Refers to the text, which must outlive the parser; `name` is the file's name, for messages.
  TrajectoryParser(std::string_view text, std::string name) : text_(text), name_(std::move(name)) {}

  /// Reads the next update; returns false at the end of the text.
  bool next(TrajectoryStep& step) {
    if (position_ == text_.size()) return false;
    const Line first = read_line();
    require(first.at == steps_, "{}: at = {}: must be {}, a step is missing before it", place(), first.at,
            steps_);
    step.step = first.at;
    step.update.terms.clear();
    if (!first.terms || *first.terms > 0) step.update.terms.push_back(first.term);
    // Older files do not give the number of terms: the lines of the same step follow one another.
    while (first.terms ? step.update.terms.size() < *first.terms : next_is_of(first.at)) {
      require(position_ < text_.size(), "{}: {} of {} terms: the update is cut short", place(),
              step.update.terms.size(), first.terms.value_or(0));
      const Line line = read_line();
      require(line.at == step.step && !line.terms && !line.queries,
              "{}: belongs to another update than the line before, which lacks terms", place());
      step.update.terms.push_back(line.term);
    }
    step.update.queries = first.queries.value_or(static_cast<double>(step.update.terms.size()));
    ++steps_;
    return true;
  }
  /// Bytes of the updates that were read.
  [[nodiscard]] std::size_t position() const { return position_; }

 private:
  struct Line {
    std::uint32_t at = 0;
    ZoTerm term;
    std::optional<double> queries;
    std::optional<std::uint64_t> terms;
  };
  struct Field {  // bits of the fields that a line has
    static constexpr unsigned at = 1, coefficient = 2, queries = 4, query = 8, seed = 16, step = 32,
                              terms = 64;
  };

  [[nodiscard]] std::string place() const { return fmt::format("{}:{}", name_, number_); }

  // Whether another line of the same step follows; the position does not change.
  [[nodiscard]] bool next_is_of(std::uint32_t at) const {
    if (position_ == text_.size()) return false;
    TrajectoryParser ahead = *this;
    return ahead.read_line().at == at;
  }
  Line read_line() {
    ++number_;
    const std::size_t end = text_.find('\n', position_);
    require(end != std::string_view::npos, "{}: the line is cut short", place());
    std::string_view rest = text_.substr(position_, end - position_);
    position_ = end + 1;
    Line line;
    unsigned seen = 0;
    skip(rest, '{', "is no JSON object");
    do seen |= read_field(rest, line, seen);
    while (take(rest, ','));
    skip(rest, '}', "broken JSON");
    blanks(rest);
    require(rest.empty(), "{}: broken JSON: '{}' follows the object", place(), rest);
    need(seen, Field::at, "at");
    const unsigned of_term = Field::coefficient | Field::query | Field::seed | Field::step;
    const bool empty = line.terms && *line.terms == 0;
    require(!empty || (seen & of_term) == 0, "{}: terms = 0: an update without terms has no direction",
            place());
    if (empty) return line;
    need(seen, Field::coefficient, "coefficient");
    need(seen, Field::query, "query");
    need(seen, Field::seed, "seed");
    need(seen, Field::step, "step");
    return line;
  }
  unsigned read_field(std::string_view& rest, Line& line, unsigned seen) const {
    skip(rest, '"', "broken JSON: a field's name is expected");
    const std::size_t quote = rest.find('"');
    require(quote != std::string_view::npos, "{}: broken JSON: a name without end", place());
    const std::string_view name = rest.substr(0, quote);
    rest.remove_prefix(quote + 1);
    skip(rest, ':', "broken JSON");
    const auto once = [&](unsigned field) {
      require((seen & field) == 0, "{}: field '{}' stands there twice", place(), name);
      return field;
    };
    if (name == "at") return number(rest, name, line.at), once(Field::at);
    if (name == "coefficient") return number(rest, name, line.term.coefficient), once(Field::coefficient);
    if (name == "queries") return number(rest, name, line.queries.emplace()), once(Field::queries);
    if (name == "query") return number(rest, name, line.term.direction.query), once(Field::query);
    if (name == "seed") return number(rest, name, line.term.direction.seed), once(Field::seed);
    if (name == "step") return number(rest, name, line.term.direction.step), once(Field::step);
    if (name == "terms") return number(rest, name, line.terms.emplace()), once(Field::terms);
    fail("{}: field '{}' is not known", place(), name);
  }
  template <class T>
  void number(std::string_view& rest, std::string_view name, T& value) const {
    blanks(rest);
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), value);
    bool good = error == std::errc() && end != rest.data();
    if constexpr (std::floating_point<T>) good = good && std::isfinite(value);
    const std::string_view text = rest.substr(0, rest.find_first_of(",} "));
    good = good && static_cast<std::size_t>(end - rest.data()) == text.size();
    require(good, "{}: {} = {}: must be {}", place(), name, text,
            std::floating_point<T> ? std::string("a finite number")
                                   : fmt::format("an integer of {} bits", 8 * sizeof(T)));
    rest.remove_prefix(text.size());
  }
  void need(unsigned seen, unsigned field, const char* name) const {
    require((seen & field) != 0, "{}: field '{}' is missing", place(), name);
  }
  static void blanks(std::string_view& rest) {
    while (!rest.empty() && (rest.front() == ' ' || rest.front() == '\t' || rest.front() == '\r'))
      rest.remove_prefix(1);
  }
  static bool take(std::string_view& rest, char c) {
    blanks(rest);
    if (rest.empty() || rest.front() != c) return false;
    rest.remove_prefix(1);
    return true;
  }
  void skip(std::string_view& rest, char c, const char* message) const {
    require(take(rest, c), "{}: {}", place(), message);
  }

  std::string_view text_;
  std::string name_;
  std::size_t position_ = 0, number_ = 0;
  std::uint32_t steps_ = 0;
};

/// The updates in the text of a trajectory. Throws Error as TrajectoryParser does.
[[nodiscard]] inline std::vector<TrajectoryStep> parse_trajectory(std::string_view text,
                                                                  const std::string& name) {
  std::vector<TrajectoryStep> steps;
  TrajectoryParser parser(text, name);
  for (TrajectoryStep step; parser.next(step);) steps.push_back(step);
  return steps;
}

namespace detail {

[[nodiscard]] inline std::string trajectory_text(const std::filesystem::path& path) {
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  const std::unique_ptr<std::FILE, Close> file(std::fopen(path.c_str(), "rbe"));
  require(file != nullptr, "{}: cannot be opened: {}", path.string(), std::strerror(errno));
  std::string text;
  char buffer[65536];
  while (const std::size_t n = std::fread(buffer, 1, sizeof buffer, file.get())) text.append(buffer, n);
  require(std::ferror(file.get()) == 0, "{}: read failed: {}", path.string(), std::strerror(errno));
  return text;
}

}  // namespace detail

/// The updates in a file. Throws Error naming file and line as TrajectoryParser does.
[[nodiscard]] inline std::vector<TrajectoryStep> read_trajectory(const std::filesystem::path& path) {
  return parse_trajectory(detail::trajectory_text(path), path.string());
}

/// An observer that appends each step's update to a file, all lines of an update in one write. Updates of a
/// run must come from its step 0 on without a gap.
class TrajectoryLog {
 public:
  /// Creates a file, or continues after the updates of the steps before `first_step`; later updates in the
  /// file, an incomplete one included, are removed. Throws Error when the file has fewer updates, or when
  /// `first_step` is 0 and the file has any: they belong to another run.
  explicit TrajectoryLog(const std::filesystem::path& path, std::uint32_t first_step = 0)
      : file_(path), next_(first_step) {
    const std::string text = detail::trajectory_text(path);
    require(first_step > 0 || text.empty(),
            "{}: holds the updates of another run: remove it, or continue after them", path.string());
    TrajectoryParser parser(text, path.string());
    TrajectoryStep step;
    for (std::uint32_t k = 0; k < first_step; ++k)
      require(parser.next(step), "{}: holds {} updates: cannot continue at step {}", path.string(), k,
              first_step);
    file_.cut(parser.position());
  }
  /// Appends the report's update; returns true. Throws Error when a step is missing before it.
  bool operator()(const StepReport& report) {
    require(report.step == next_, "{}: an update of step {}: must be of step {}", file_.path().string(),
            report.step, next_);
    std::string lines = trajectory_lines(report.step, report.gradient);
    lines.pop_back();  // the line end, which the file adds
    file_.line(lines);
    ++next_;
    return true;
  }
  /// Returns when every update is on disk.
  void settle() { file_.settle(); }

 private:
  AppendFile file_;
  std::uint32_t next_;
};

}  // namespace zofo

/// @file What a run writes line by line: metrics.jsonl and trajectory.jsonl.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "zofo/checkpoint/append_file.hpp"
#include "zofo/checkpoint/hash.hpp"
#include "zofo/checkpoint/run_state.hpp"
#include "zofo/checkpoint/trajectory.hpp"
#include "zofo/core/report.hpp"
#include "zofo/lm/evaluate.hpp"
#include "zofo/lm/scores_json.hpp"
#include "zofo/parse/file.hpp"
#include "zofo/run/counters.hpp"
#include "zofo/run/run_directory.hpp"

namespace zofo::llm {

/// A file of lines that knows its length and checksum.
class CheckedLines {
 public:
  explicit CheckedLines(std::filesystem::path path) : file_(std::move(path)) {}
  void line(std::string_view text) {
    file_.line(text);
    hash_.update(text).update("\n");
    bytes_ += text.size() + 1;
  }
  [[nodiscard]] nlohmann::json position() {
    file_.settle();
    return {bytes_, checkpoint::hash_text(hash_.value())};
  }
  /// The text up to a position that was saved; whatever follows it, a half-written line too, is passed over.
  /// Throws Error naming the file unless the text is as it was.
  static std::string text_at(const std::filesystem::path& path, const nlohmann::json& position) {
    const auto bytes = position.at(0).get<std::uint64_t>();
    std::string text = parse::read_file(path);
    require(text.size() >= bytes, "{}: {} bytes: the saved state needs the first {}", path.string(),
            text.size(), bytes);
    text.resize(bytes);
    require(
        checkpoint::hash_text(checkpoint::Hash64().update(text).value()) == position.at(1).get<std::string>(),
        "{}: its first {} bytes are not those that the saved state was made with", path.string(), bytes);
    return text;
  }
  /// Goes on after `text`, which the file begins with: what follows it is cut off.
  void go_on_after(std::string_view text) {
    file_.cut(text.size());
    hash_ = checkpoint::Hash64();
    hash_.update(text);
    bytes_ = text.size();
  }

 private:
  AppendFile file_;
  checkpoint::Hash64 hash_;
  std::uint64_t bytes_ = 0;
};

/// What metrics.jsonl says of a step.
inline nlohmann::json step_fields(const StepReport& report, double seconds, double passes,
                                  std::uint64_t tokens) {
  return {{"event", "step"},
          {"step", report.step},
          {"seconds", seconds},
          {"passes", passes},
          {"tokens", tokens},
          {"upper", report.upper},
          {"lower_p", report.lower_p},
          {"lower_s", report.lower_s},
          {"rho", report.projected_gradient},
          {"inner_s", report.inner_value_s},
          {"inner_p", report.inner_value_p}};
}

/// Both files of a run.
class RunLog {
 public:
  RunLog(const RunFolder& folder, std::uint32_t batch)
      : metrics_(folder.file("metrics.jsonl")), trajectory_(folder.file("trajectory.jsonl")), batch_(batch) {}

  void step(const StepReport& report, const Tally& tally) {
    for (const ZoTerm& term : report.gradient.terms) trajectory_.line(checkpoint::to_line(report.step, term));
    metrics_.line(step_fields(report, tally.seconds, tally.passes(batch_), tally.tokens).dump());
  }
  /// A point of the learning curve ("curve") or the last score of all ("final").
  void scored(const char* event, const Tally& tally, const Scores& scores) {
    if (std::string_view(event) == "curve") last_point_ = scores;
    nlohmann::json fields = score_fields(scores);
    fields.update({{"event", event},
                   {"step", tally.steps},
                   {"seconds", tally.seconds},
                   {"passes", tally.passes(batch_)}});
    metrics_.line(fields.dump());
  }
  /// A loss on the rows that decide about stopping early.
  void judged(const Tally& tally, const Candidate& candidate) {
    metrics_.line(nlohmann::json{{"event", "decision"},
                                 {"step", tally.steps},
                                 {"seconds", tally.seconds},
                                 {"passes", tally.passes(batch_)},
                                 {"accuracy", candidate.accuracy},
                                 {"loss", candidate.loss},
                                 {"served", candidate.what}}
                      .dump());
  }
  /// The latest point of the curve, if there is one.
  [[nodiscard]] const std::optional<Scores>& last_point() const { return last_point_; }

  /// Saves where the files stand, once the disk holds them.
  void save(checkpoint::RunState& state) {
    state.numbers["log"] = {{"metrics", metrics_.position()}, {"trajectory", trajectory_.position()}};
    if (last_point_) state.numbers["scores"] = score_fields(*last_point_);
  }
  void load(const checkpoint::RunState& state) {
    if (state.numbers.contains("scores")) last_point_ = scores_from(state.fields("scores"));
  }
  /// Goes on after these texts, which the files begin with.
  void go_on_after(std::string_view metrics, std::string_view trajectory) {
    metrics_.go_on_after(metrics);
    trajectory_.go_on_after(trajectory);
  }

 private:
  CheckedLines metrics_, trajectory_;
  std::optional<Scores> last_point_;
  std::uint32_t batch_;
};

}  // namespace zofo::llm

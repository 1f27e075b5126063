#include "zofo/run/runs_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <utility>

#include "zofo/checkpoint/printable_utf8.hpp"

namespace zofo::llm {

namespace {

constexpr std::size_t column_count = 11;
using Cells = std::array<std::string, column_count>;
const Cells heading{"run",  "method", "model",   "task",     "steps", "best held-out",
                    "step", "final",  "seconds", "peak MiB", "status"};
constexpr std::size_t text_columns = 4;  // the first ones are aligned to the left

// Text of files and of the file system as it may be printed on a terminal and be in JSON: UTF-8 without
// control characters, else '?' for each other byte.
std::string printable(std::string text) {
  if (checkpoint::is_printable_utf8(text)) return text;
  for (char& c : text)
    if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7f) c = '?';
  return text;
}

// The last part of a path; a name stays as it is.
std::string base_name(const std::string& path) {
  const std::filesystem::path parts(path);
  return parts.has_filename() ? parts.filename().string() : parts.parent_path().filename().string();
}

std::string with_decimals(double value, int decimals) {
  return std::isfinite(value) ? fmt::format("{:.{}f}", value, decimals) : "-";
}

std::string tasks_of(const RunSummary& run) {
  if (run.tasks.empty()) return "-";
  return run.tasks.size() == 1 ? base_name(run.tasks.front()) : fmt::format("{} tasks", run.tasks.size());
}

// "accuracy" as "acc", for the table.
std::string_view short_name(std::string_view metric) {
  if (metric == "accuracy") return "acc";
  if (metric == "balanced_accuracy") return "bal. acc";
  return metric == "f1" ? "F1" : metric;
}

std::string score(const HeadlineMetric& metric, const HeldOut& scores) {
  return fmt::format("{} {}", short_name(metric.name), with_decimals(scores.*metric.value, 3));
}

Cells cells_of(const RunSummary& run) {
  const HeadlineMetric metric = run.metric();
  const std::optional<HeldOut> best = metric.best(run.scores());
  const auto known = [](const std::string& text) { return text.empty() ? std::string("-") : text; };
  std::string status(to_text(run.status));
  if (run.stopped_early) status += " early";
  return {printable(run.folder.string()),
          known(printable(run.method)),
          run.model.empty() ? "-" : printable(base_name(run.model)),
          printable(tasks_of(run)),
          fmt::format("{}", run.steps),
          best ? score(metric, *best) : "-",
          best ? fmt::format("{}", best->steps) : "-",
          run.result ? score(metric, *run.result) : "-",
          with_decimals(run.seconds, 1),
          with_decimals(run.peak_mib, 0),
          status};
}

nlohmann::json number_or_null(double value) {
  return std::isfinite(value) ? nlohmann::json(value) : nlohmann::json();
}
nlohmann::json text_or_null(const std::string& text) {
  return text.empty() ? nlohmann::json() : nlohmann::json(text);
}

nlohmann::json scores_to_json(const HeldOut& scores) {
  nlohmann::json out = {{"steps", scores.steps}, {"seconds", number_or_null(scores.seconds)}};
  for (const auto& [name, value] :
       {std::pair("loss", scores.loss), std::pair("accuracy", scores.accuracy),
        std::pair("balanced_accuracy", scores.balanced_accuracy), std::pair("f1", scores.f1)})
    if (std::isfinite(value)) out[name] = value;
  return out;
}

std::string row_of_page(const char* cell, const Cells& cells) {
  std::string row = "<tr>";
  for (const std::string& text : cells) row += fmt::format("<{0}>{1}</{0}>", cell, escaped_markup(text));
  return row + "</tr>\n";
}

constexpr const char* page_style =
    "body{margin:0 auto;padding:1.5rem;max-width:70rem;font:15px/1.5 system-ui,sans-serif;background:#fff;"
    "color:#1b1e23}h1{font-size:1.4rem}.scroll{overflow-x:auto}table{border-collapse:collapse;font-variant-"
    "numeric:tabular-nums}th,td{padding:.3rem .6rem;text-align:right;white-space:nowrap}thead "
    "th{border-bottom:"
    "1px solid #1b1e23}tbody "
    "tr:nth-child(even){background:#f5f6f8}th:nth-child(-n+4),td:nth-child(-n+4){text-"
    "align:left}svg{max-width:100%;height:auto}";

}  // namespace

std::vector<Plot> run_plots(std::span<const RunSummary> runs, CurveAxis axis, std::size_t most) {
  const bool seconds = axis == CurveAxis::seconds;
  const std::string x_title = seconds ? "training seconds" : "outer steps";
  std::vector<Plot> plots{{"training loss", x_title, {}},
                          {"loss (held-out examples)", x_title, {}},
                          {"accuracy (held-out examples)", x_title, {}}};
  for (const RunSummary& run : runs) {
    std::string name = printable(run.folder.string());
    if (!run.method.empty()) name += " (" + printable(run.method) + ")";
    PlotLine loss{name, {}}, accuracy{name, {}};
    for (const HeldOut& scores : run.curve) {
      const double x = seconds ? scores.seconds : static_cast<double>(scores.steps);
      loss.points.push_back({x, scores.loss});
      accuracy.points.push_back(
          {x, std::isnan(scores.accuracy) ? scores.balanced_accuracy : scores.accuracy});
    }
    plots[0].lines.push_back({name, thinned(seconds ? run.training_time : run.training, most)});
    plots[1].lines.push_back(std::move(loss));
    plots[2].lines.push_back(std::move(accuracy));
  }
  std::erase_if(plots, [](const Plot& plot) {
    return std::ranges::none_of(plot.lines, [](const PlotLine& line) {
      return std::ranges::any_of(line.points, [](const PlotPoint& point) { return std::isfinite(point.y); });
    });
  });
  return plots;
}

std::string runs_table(std::span<const RunSummary> runs) {
  std::vector<Cells> rows{heading};
  for (const RunSummary& run : runs) rows.push_back(cells_of(run));
  std::array<std::size_t, column_count> widths{};
  for (const Cells& row : rows)
    for (std::size_t i = 0; i < column_count; ++i) widths[i] = std::max(widths[i], row[i].size());
  std::string out;
  for (const Cells& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < column_count; ++i)
      line += i < text_columns ? fmt::format("{:<{}}  ", row[i], widths[i])
                               : fmt::format("{:>{}}  ", row[i], widths[i]);
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  for (const RunSummary& run : runs)
    for (const std::string& words : run.missing)
      out += fmt::format("{}: {}\n", printable(run.folder.string()), printable(words));
  return out;
}

std::string runs_page(std::span<const RunSummary> runs, CurveAxis axis) {
  std::string page = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Runs</title><style>{}</style>"
      "</head><body>\n<h1>Runs</h1>\n<div class=\"scroll\"><table><thead>{}</thead><tbody>\n",
      page_style, row_of_page("th", heading));
  for (const RunSummary& run : runs) page += row_of_page("td", cells_of(run));
  page += "</tbody></table></div>\n";
  std::string missing;
  for (const RunSummary& run : runs)
    for (const std::string& words : run.missing)
      missing += fmt::format("<li>{}: {}</li>\n", escaped_markup(printable(run.folder.string())),
                             escaped_markup(printable(words)));
  if (!missing.empty()) page += "<ul>\n" + missing + "</ul>\n";
  const std::vector<Plot> plots = run_plots(runs, axis);
  if (!plots.empty()) page += plots_svg("", plots);
  return page + "</body></html>\n";
}

nlohmann::json to_json(const RunSummary& run) {
  nlohmann::json out = {{"run", printable(run.folder.string())},
                        {"status", to_text(run.status)},
                        {"stopped_early", run.stopped_early},
                        {"command", run.command},
                        {"method", text_or_null(printable(run.method))},
                        {"adapter", text_or_null(run.adapter)},
                        {"model", text_or_null(printable(run.model))},
                        {"seed", nullptr},
                        {"steps", run.steps},
                        {"seconds", number_or_null(run.seconds)},
                        {"scoring_seconds", number_or_null(run.scoring_seconds)},
                        {"passes", number_or_null(run.passes)},
                        {"peak_mib", number_or_null(run.peak_mib)},
                        {"best", nullptr},
                        {"final", nullptr}};
  if (run.seed) out["seed"] = *run.seed;
  const HeadlineMetric metric = run.metric();
  if (const std::optional<HeldOut> best = metric.best(run.scores()))
    out["best"] = {{"metric", metric.name}, {"value", (*best).*metric.value}, {"steps", best->steps}};
  if (run.result) out["final"] = scores_to_json(*run.result);
  nlohmann::json tasks = nlohmann::json::array(), curve = tasks, missing = tasks;
  for (const std::string& task : run.tasks) tasks.push_back(printable(task));
  for (const HeldOut& scores : run.curve) curve.push_back(scores_to_json(scores));
  for (const std::string& words : run.missing) missing.push_back(printable(words));
  out.update({{"tasks", tasks}, {"curve", curve}, {"missing", missing}});
  return out;
}

}  // namespace zofo::llm

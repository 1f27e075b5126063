// zofo show: runs in a table, their curves in the terminal, as a picture or a page.
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli.hpp"
#include "zofo/core/atomic_file.hpp"
#include "zofo/run/runs_report.hpp"

namespace zofo::cli {
namespace {

struct Show {
  std::vector<std::string> runs;
  std::string svg, html;
  llm::CurveAxis axis = llm::CurveAxis::steps;
  bool json = false, table_only = false;
};

// The characters of a line of the terminal; of a file or a pipe, 80 or $COLUMNS.
std::size_t line_width() {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  const char* const columns = std::getenv("COLUMNS");
  const long given = columns == nullptr ? 0 : std::strtol(columns, nullptr, 10);
  return given > 0 ? static_cast<std::size_t>(std::min(given, 1000L)) : 80;
}

bool in_colour() {
  const char* const off = std::getenv("NO_COLOR");
  return isatty(STDOUT_FILENO) != 0 && (off == nullptr || *off == '\0');
}

int run(const Show& show) {
  require(show.svg.empty() || !same_file(show.svg, show.html),
          "--svg and --html: both name {}: each needs a file of its own", show.svg);
  std::vector<llm::RunSummary> runs;
  for (const std::string& folder : show.runs)
    for (const std::filesystem::path& each : llm::run_folders_in(folder))
      runs.push_back(llm::read_summary(each));
  if (!show.svg.empty()) write_atomically(show.svg, llm::plots_svg("", llm::run_plots(runs, show.axis)));
  if (!show.html.empty()) write_atomically(show.html, llm::runs_page(runs, show.axis));
  if (show.json) {
    nlohmann::json list = nlohmann::json::array();
    for (const llm::RunSummary& each : runs) list.push_back(llm::to_json(each));
    write_text(list.dump() + "\n");
    return 0;
  }
  write_text(llm::runs_table(runs));
  if (show.table_only) return 0;
  const llm::TextPlotOptions form{.width = line_width() - 1, .colour = in_colour()};
  for (const llm::Plot& plot : llm::run_plots(runs, show.axis)) write_text("\n" + llm::plot_text(plot, form));
  return 0;
}

}  // namespace

void add_show(CLI::App& app, Action& action) {
  const Subcommand command(app, "show", "Show runs: a table, and their curves");
  auto show = std::make_shared<Show>();
  command.add("RUN", show->runs, "run folders, or folders with run folders inside").required();
  command.add_choice("--x", show->axis, "what curves are drawn against: steps or seconds (of training)", "x");
  command.add("--svg", show->svg, "also write the curves as a picture to this file");
  command.add("--html", show->html,
              "also write table and curves as a page to this file, which refers to no other");
  command.add("--table", show->table_only, "print the table without curves");
  command.add("--json", show->json, "print a JSON list with an object for each run instead");
  command.footer(
      "Runs that are running, were killed or are damaged are shown with what they have, and what is "
      "missing.\n"
      "Example: zofo show runs/sst2 --html runs/sst2.html");
  command.on_selection(action, [show] { return run(*show); });
}

}  // namespace zofo::cli

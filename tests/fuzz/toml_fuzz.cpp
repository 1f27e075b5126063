/// @file TOML: an input is read as a `task.toml` and as a run's options. Every template of a task that loads
/// makes examples or refuses the row; options written again read the same.
#include <nlohmann/json.hpp>
#include <string>

#include "fuzz.hpp"
#include "zofo/config/options_toml.hpp"
#include "zofo/config/run_options.hpp"
#include "zofo/data/jsonl.hpp"
#include "zofo/data/task.hpp"

using namespace zofo;
using zofo::fuzz::accepts, zofo::fuzz::demand;

namespace {

/// A row with the fields of the seeds.
const data::JsonLine& row() {
  static const data::JsonLine made{
      {{"text", "a b"}, {"t", "a _ b"}, {"label", 1}, {"c", {"x", "y"}}, {"a", {"y"}}}, "rows.jsonl", 1};
  return made;
}

void read_task(const std::filesystem::path& file) {
  data::Task task = data::Task::load(file);
  for (const std::string& name : std::vector(task.template_names)) {
    demand(accepts([&] { task = data::Task::load(file, name); }), "every template loads");
    demand(task.template_name == name, "a template is found by its name");
    accepts([&] {
      const data::Example made = task.example(row());
      const std::size_t choices =
          task.kind == data::Kind::choice ? task.choices.size() : made.continuations.size();
      demand(made.label >= 0 && static_cast<std::size_t>(made.label) < choices,
             "a label is one of the choices");
    });
  }
}

void read_options(const fuzz::ScratchFolder& folder, const std::filesystem::path& file) {
  llm::RunOptions options, again;
  llm::read_toml(options, file);
  accepts([&] { options.check(); });
  const std::string written = llm::to_toml(options);
  demand(accepts([&] { llm::read_toml(again, folder.write("again.toml", written)); }),
         "written options are read");
  demand(llm::to_toml(again) == written, "options written again are the same");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::ScratchFolder folder;
  const std::filesystem::path file = folder.write("task.toml", fuzz::as_text(data, size));
  accepts([&] { read_task(file); });
  accepts([&] { read_options(folder, file); });
  return 0;
}

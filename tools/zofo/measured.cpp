#include "measured.hpp"

#include <nlohmann/json.hpp>

#include "zofo/core/error.hpp"
#include "zofo/model/known_shapes.hpp"
#include "zofo/parse/file.hpp"
#include "zofo/parse/json.hpp"
#include "zofo/run/data_folder.hpp"

namespace zofo::cli {
namespace {

using nlohmann::json;

constexpr llm::InstalledData measured_file{"the measurements", "measured/methods.json", "ZOFO_MEASURED",
                                           nullptr};

// An object of the file, and its place for messages.
class Row {
 public:
  Row(std::string place, const json& object) : place_(std::move(place)), object_(object) {
    require(object.is_object(), "{}: must be an object", place_);
  }
  [[nodiscard]] std::string text(const char* field) const {
    const json& value = at(field);
    require(value.is_string(), "{}: {} = {}: must be a text", place_, field, parse::shown(value));
    return value;
  }
  [[nodiscard]] double number(const char* field) const {
    const json& value = at(field);
    require(value.is_number(), "{}: {} = {}: must be a number", place_, field, parse::shown(value));
    return value;
  }
  [[nodiscard]] std::size_t count(const char* field) const {
    const double value = number(field);
    require(value >= 1.0 && value <= 1e9, "{}: {} = {}: must be in [1, 1e9]", place_, field, value);
    return static_cast<std::size_t>(value);
  }
  [[nodiscard]] std::optional<double> maybe(const char* field) const {
    return object_.contains(field) ? std::optional(number(field)) : std::nullopt;
  }
  [[nodiscard]] std::string maybe_text(const char* field) const {
    return object_.contains(field) ? text(field) : std::string();
  }
  [[nodiscard]] const Source* source(const Measured& all) const {
    const std::string name = text("source");
    const auto found = all.sources.find(name);
    require(found != all.sources.end(), "{}: source = '{}': no such source", place_, name);
    return &found->second;
  }

 private:
  [[nodiscard]] const json& at(const char* field) const {
    require(object_.contains(field), "{}: {} is missing", place_, field);
    return object_[field];
  }
  std::string place_;
  const json& object_;
};

template <class Use>
void for_rows(const json& file, const char* name, Use&& use) {
  std::size_t i = 0;
  require(file.contains(name) && file[name].is_array(), "{}: must be a list", name);
  for (const json& row : file[name]) use(Row(fmt::format("{}[{}]", name, i++), row));
}

Measured read(const json& file) {
  require(file.is_object() && file.contains("sources") && file["sources"].is_object(),
          "sources: must be an object");
  Measured all;
  for (const auto& [name, object] : file["sources"].items()) {
    const Row row("sources." + name, object);
    Source& s = all.sources[name];
    s = {name,
         row.text("page"),
         row.text("machine"),
         row.text("device"),
         row.text("precision"),
         row.text("date"),
         row.text("commit"),
         row.text("repeat"),
         row.maybe_text("model"),
         row.maybe("seconds").value_or(0.0),
         row.maybe("batch_size").value_or(0.0),
         row.maybe("products_gflops")};
  }
  for_rows(file, "steps", [&](const Row& row) {
    all.steps.push_back({row.source(all), row.text("shape"), row.text("step"), row.count("sequences"),
                         row.count("tokens"), row.count("targets"), row.number("ms")});
    model::known_shape(all.steps.back().shape);  // throws for an unknown name
    require(all.steps.back().ms > 0.0, "steps: ms = {}: must be positive", all.steps.back().ms);
  });
  for_rows(file, "runs", [&](const Row& row) {
    all.runs.push_back({row.source(all), row.text("task"), row.text("method"), row.count("choices"),
                        row.number("accuracy"), row.maybe("error"), row.maybe("loss"), row.maybe("steps"),
                        row.maybe("peak_mib")});
  });
  for_rows(file, "new_tasks", [&](const Row& row) {
    all.new_tasks.push_back({row.source(all), row.text("method"), row.text("start"), row.number("gain_at_5"),
                             row.number("gain_at_16_a_class")});
  });
  return all;
}

}  // namespace

Measured read_measured() {
  const std::filesystem::path path = llm::find_data(measured_file);
  return parse::with_path(path.string(), [&] {
    constexpr std::uintmax_t most = 1U << 24U;
    return read(parse::parse_json(parse::read_file(path, most)));
  });
}

}  // namespace zofo::cli

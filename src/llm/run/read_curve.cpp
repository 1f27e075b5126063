#include "zofo/run/read_curve.hpp"

#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

namespace zofo::llm {

Curve read_curve(std::string name, const std::filesystem::path& run) {
  Curve curve{std::move(name), {}};
  std::ifstream in(run / "metrics.jsonl");
  for (std::string line; std::getline(in, line);) {
    const nlohmann::json line_fields = nlohmann::json::parse(line, nullptr, false);
    if (line_fields.is_discarded() || line_fields.value("event", "") != "curve") continue;
    const auto number = [&line_fields](const char* key) {  // a metric that a task does not have is null
      const auto found = line_fields.find(key);
      return found != line_fields.end() && found->is_number() ? found->get<double>()
                                                              : std::numeric_limits<double>::quiet_NaN();
    };
    const char* const accuracy = line_fields.contains("accuracy") ? "accuracy" : "balanced_accuracy";
    curve.points.push_back({number("seconds"), number(accuracy), number("loss")});
  }
  return curve;
}

}  // namespace zofo::llm

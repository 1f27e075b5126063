#include "zofo/run/read_curve.hpp"

#include <nlohmann/json.hpp>
#include <utility>

#include "zofo/run/read_metrics.hpp"

namespace zofo::llm {

Curve read_curve(std::string name, const std::filesystem::path& run) {
  Curve curve{std::move(name), {}};
  read_metrics(run / "metrics.jsonl", [&curve](const nlohmann::json& line) {
    if (line.at("event") != "curve") return;
    const char* const accuracy = line.contains("accuracy") ? "accuracy" : "balanced_accuracy";
    curve.points.push_back({number_of(line, "seconds"), number_of(line, accuracy), number_of(line, "loss")});
  });
  return curve;
}

}  // namespace zofo::llm

#include "zofo/run/task_scores.hpp"

#include <cstddef>
#include <limits>
#include <nlohmann/json.hpp>

#include "zofo/core/error.hpp"

namespace zofo::llm {

namespace {

double mean_of(std::span<const Scores> tasks, double Scores::* figure) {
  double sum = 0.0;
  for (const Scores& each : tasks) sum += each.*figure;
  return sum / static_cast<double>(tasks.size());
}

}  // namespace

double mean_loss(std::span<const Scores> tasks) { return mean_of(tasks, &Scores::loss); }
double mean_balanced_accuracy(std::span<const Scores> tasks) {
  return mean_of(tasks, &Scores::balanced_accuracy);
}

nlohmann::json to_json(std::span<const Scores> tasks) {
  nlohmann::json list = nlohmann::json::array();
  for (const Scores& each : tasks) {
    list.push_back({each.accuracy, each.macro_f1, each.loss, each.examples, each.balanced_accuracy});
    if (each.answer_tokens > 0) list.back().push_back(each.answer_tokens);
    if (each.answers) list.back().insert(list.back().end(), {each.answers->exact_match, each.answers->f1});
  }
  return list;
}
nlohmann::json to_json(const std::vector<Scores>& tasks) { return to_json(std::span(tasks)); }
std::vector<Scores> task_scores_from(const checkpoint::RunState& saved, const char* field) {
  std::vector<Scores> tasks;
  const auto list = saved.number<nlohmann::json>(field);
  // JSON writes NaN as null.
  const auto number = [](const nlohmann::json& value) {
    return value.is_null() ? std::numeric_limits<double>::quiet_NaN() : value.get<double>();
  };
  try {
    for (const nlohmann::json& each : list) {
      Scores one;
      one.accuracy = number(each.at(0));
      one.macro_f1 = number(each.at(1));
      one.loss = number(each.at(2));
      one.examples = each.at(3).get<std::size_t>();
      one.balanced_accuracy = number(each.at(4));
      if (each.size() == 6) one.answer_tokens = each.at(5).get<std::size_t>();
      if (each.size() > 6) one.answers = {number(each.at(5)), number(each.at(6))};
      tasks.push_back(one);
    }
  } catch (const nlohmann::json::exception& error) {
    fail("saved state: {}: {}", field, error.what());
  }
  return tasks;
}

}  // namespace zofo::llm

#include "zofo/train/timer.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace zofo::llm {

double next_step_seconds(double expected, double taken, std::uint32_t steps) {
  if (steps <= 1) return 0.0;
  return expected == 0.0 ? taken : std::min(taken, 0.9 * expected + 0.1 * taken);
}

void Timer::save(checkpoint::RunState& state) const {
  state.json()["steps"] = counters_.steps;
  state.json()["seconds"] = counters_.seconds;
  state.json()["scoring_seconds"] = counters_.scoring_seconds;
  state.json()["rows"] = counters_.examples;
  state.json()["tokens"] = counters_.tokens;
  state.json()["next_step"] = {{"seconds", next_.seconds}, {"rows", next_.examples}};
}

void Timer::load(const checkpoint::RunState& state) {
  counters_ = {state.number<std::uint32_t>("steps"), state.number<double>("seconds"),
               state.number<std::uint64_t>("rows"), state.number<std::uint64_t>("tokens")};
  if (state.json().contains("scoring_seconds"))  // not in states of earlier releases
    counters_.scoring_seconds = state.number<double>("scoring_seconds");
  const auto next = state.fields("next_step");
  next_ = {next.number("seconds"), next.integer("rows")};
}

void Timer::step(std::uint32_t steps, const Work& work) {
  counters_.steps = steps;
  counters_.seconds = seconds();
  const auto examples = static_cast<std::uint32_t>(work.examples - counted_.examples);
  counters_.examples += examples;
  counters_.tokens += work.tokens - counted_.tokens;
  counted_ = work;
  step_seconds_ = counters_.seconds - before_;
  next_ = {next_step_seconds(next_.seconds, step_seconds_, steps), examples};
}

}  // namespace zofo::llm

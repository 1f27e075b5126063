#include "zofo/train/best_candidate.hpp"

#include <fmt/format.h>

#include <Eigen/Core>
#include <nlohmann/json.hpp>
#include <utility>

#include "zofo/config/option_enums.hpp"
#include "zofo/core/error.hpp"

namespace zofo::llm {

void BestCandidate::consider(Candidate candidate) {
  latest_ = candidate.steps;
  counts_.see(candidate.steps, candidate.loss);
  if (counts_.has_best() && counts_.evaluations_since_best() == 0) best_ = std::move(candidate);
}

void BestCandidate::save(checkpoint::RunState& state) const {
  if (!on()) return;
  state.json()["stopping"] = {{"worse", counts_.evaluations_since_best()}, {"latest", latest_}};
  if (!best_) return;
  state.json()["best"] = {{"loss", best_->loss},
                          {"accuracy", best_->accuracy},
                          {"steps", best_->steps},
                          {"selected", to_text(best_->selected)},
                          {"upper", best_->upper_loss},
                          {"lower", best_->lower_loss},
                          {"adapters", best_->adapters.size()}};
  for (std::size_t i = 0; i < best_->adapters.size(); ++i) state.vectors[name(i)] = best_->adapters[i];
}

void BestCandidate::load(const checkpoint::RunState& state) {
  if (!on()) return;
  const auto counts = state.fields("stopping");
  const std::uint32_t since_best = counts.integer("worse");
  latest_ = counts.integer("latest");
  if (state.json().contains("best")) load_best(state);
  const auto restore = [&](double& best, std::uint32_t& best_step, std::uint32_t& worse) {
    if (best_) best = best_->loss, best_step = best_->steps;
    worse = since_best;
  };
  counts_.fields(restore);
}

void BestCandidate::load_best(const checkpoint::RunState& state) {
  const auto b = state.fields("best");
  best_ = Candidate{b.number("loss"),
                    checkpoint::number_or_nan(b, "accuracy"),
                    b.integer("steps"),
                    enum_from<Selected>("best: selected", b.string("selected")),
                    checkpoint::number_or_nan(b, "upper"),
                    checkpoint::number_or_nan(b, "lower")};
  for (std::uint32_t i = 0; i < b.integer("adapters"); ++i) {
    const Eigen::VectorXf* const adapter = state.vector(name(i));
    require(adapter != nullptr, "saved state: vector '{}': is missing", name(i));
    best_->adapters.push_back(*adapter);
  }
}

std::string BestCandidate::name(std::size_t i) { return fmt::format("best {}", i); }

}  // namespace zofo::llm

#include "zofo/runtime/any_estimator.hpp"

#include <utility>

namespace zofo::llm {

AnyEstimator::AnyEstimator(Choice estimator) : estimator_(std::move(estimator)) {}

void AnyEstimator::check() const {
  std::visit([](const auto& e) { check_policy(e); }, estimator_);
}

void AnyEstimator::adopt_seed(std::uint64_t seed) {
  std::visit([seed](auto& e) { zofo::adopt_seed(e, seed); }, estimator_);
}

void AnyEstimator::probes(std::uint32_t step, std::vector<Probe>& out) const {
  std::visit([&](const auto& e) { e.probes(step, out); }, estimator_);
}

void AnyEstimator::combine(std::uint32_t step, std::span<const double> losses, ZoGradient& out) const {
  std::visit([&](const auto& e) { e.combine(step, losses, out); }, estimator_);
}

AnyReduction::AnyReduction(Choice reduction) : reduction_(std::move(reduction)) {}

void AnyReduction::check() const {
  std::visit([](const auto& r) { check_policy(r); }, reduction_);
}

void AnyReduction::adopt_seed(std::uint64_t seed) {
  std::visit([seed](auto& r) { zofo::adopt_seed(r, seed); }, reduction_);
}

}  // namespace zofo::llm

#include "zofo/runtime/any_perturbation.hpp"

namespace zofo::llm {

AnyPerturbation::AnyPerturbation(Choice perturbation) : chosen_(std::move(perturbation)) {}

void AnyPerturbation::check() const {
  std::visit([](const auto& perturbation) { check_policy(perturbation); }, chosen_);
}

double AnyPerturbation::mean_square_length(std::size_t d) const {
  return std::visit([d](const auto& perturbation) { return zofo::mean_square_length(perturbation, d); },
                    chosen_);
}

}  // namespace zofo::llm

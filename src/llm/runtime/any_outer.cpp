#include "zofo/runtime/any_outer.hpp"

#include <utility>

#include "zofo/core/error.hpp"

namespace zofo::llm {

AnyOuter::AnyOuter(Choice optimizer) : optimizer_(std::move(optimizer)) {}

void AnyOuter::check() const {
  std::visit([](const auto& o) { check_policy(o); }, optimizer_);
}

bool AnyOuter::reads_coordinates() const {
  return std::visit([]<class Outer>(const Outer&) { return coordinatewise<Outer>; }, optimizer_);
}

void AnyOuter::refuse_coordinates() {
  fail("outer_optimizer: not supported on a GPU; use sgd or rms-scalar, or --device cpu");
}

}  // namespace zofo::llm

// I1 and I3 at the fast effort, and that each fails on a solver broken on purpose.
#include "catch.hpp"
#include "theory/check.hpp"
#include "theory/statements/i1.hpp"
#include "theory/statements/i3.hpp"

using theory::Effort;
using zofo::inner::GradientDescent;

TEST_CASE("I1: gradient descent contracts by 1 − 1/κ a step", "[theory]") {
  theory::check_passed(theory::i1(Effort{}));
}
TEST_CASE("I1 fails on a step that is too short, too long, uphill or not taken", "[theory]") {
  for (const double rate : {0.9, 1.1, 0.0})
    CHECK_FALSE(theory::i1_with(GradientDescent{.rate = rate}, Effort{}).passed);
  struct Uphill : GradientDescent {
    void update(Eigen::VectorXd& gradient, Eigen::VectorXd& x, State<Eigen::VectorXd>&) const {
      x += 0.01 * gradient;  // short enough to stay finite
    }
  };
  CHECK_FALSE(theory::i1_with(Uphill{}, Effort{}).passed);
}

TEST_CASE("I3: SGD settles in a ball whose squared radius is proportional to its rate", "[theory]") {
  theory::check_passed(theory::i3(Effort{}));
}
TEST_CASE("I3 fails on a rate that is squared, doubled, or combined with momentum", "[theory]") {
  using zofo::inner::Sgd;
  CHECK_FALSE(theory::i3_with([](double rate) { return Sgd{.rate = 4.0 * rate * rate}; }, Effort{}).passed);
  CHECK_FALSE(theory::i3_with([](double rate) { return Sgd{.rate = 2.0 * rate}; }, Effort{}).passed);
  CHECK_FALSE(
      theory::i3_with([](double rate) { return Sgd{.rate = rate, .momentum = 0.5}; }, Effort{}).passed);
}

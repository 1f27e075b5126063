// I2 and I4 at the fast effort, and that each fails on a solver broken on purpose. No randomness but the
// problems': no false alarms.
#include "catch.hpp"
#include "theory/check.hpp"
#include "theory/statements/i2.hpp"
#include "theory/statements/i4.hpp"

using theory::Effort;
using zofo::inner::GradientDescent;
using zofo::inner::Nesterov;

namespace {
const auto kNesterov = [](double condition) {
  return Nesterov{.rate = 1.0, .strong_convexity = 1.0 / condition};
};
const auto kPlain = [](double) { return GradientDescent{.rate = 1.0}; };

// Every round restarts from the initial point.
struct Forgetful : theory::WarmRounds {
  using WarmRounds::WarmRounds;
  void operator()(Eigen::VectorXd& theta, Eigen::VectorXd& p, Eigen::VectorXd& s) {
    p.setZero();
    s.setZero();
    WarmRounds::operator()(theta, p, s);
  }
};
// p and s are swapped.
struct SwappedRounds : theory::WarmRounds {
  using WarmRounds::WarmRounds;
  void operator()(Eigen::VectorXd& theta, Eigen::VectorXd& p, Eigen::VectorXd& s) {
    WarmRounds::operator()(theta, s, p);
  }
};
}  // namespace

TEST_CASE("I2: Nesterov needs √κ steps where gradient descent needs κ", "[theory]") {
  theory::check_passed(theory::i2(Effort{}));
}
TEST_CASE("I2 fails without momentum, with a wrong one, and when both are accelerated", "[theory]") {
  CHECK_FALSE(theory::i2_with(kPlain, kPlain, Effort{}).passed);
  CHECK_FALSE(theory::i2_with(kNesterov, kNesterov, Effort{}).passed);
  CHECK_FALSE(theory::i2_with(
                  [](double condition) { return Nesterov{.rate = 1.0, .strong_convexity = 5.0 / condition}; },
                  kPlain, Effort{})
                  .passed);
}

TEST_CASE("I4: with a warm start the error stays bounded over 1,000 rounds", "[theory]") {
  theory::check_passed(theory::i4(Effort{}));
}
TEST_CASE("I4 fails without a warm start, with half the steps, and with p and s swapped", "[theory]") {
  CHECK_FALSE(theory::i4_with<Forgetful>(1.0, Effort{}).passed);
  CHECK_FALSE(theory::i4_with<theory::WarmRounds>(0.5, Effort{}).passed);
  CHECK_FALSE(theory::i4_with<SwappedRounds>(1.0, Effort{}).passed);
}

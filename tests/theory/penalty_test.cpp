// P1–P3 at the fast effort, and that each fails on a wrong penalty. No randomness: no false alarms.
#include "catch.hpp"
#include "theory/check.hpp"
#include "theory/statements/p1.hpp"
#include "theory/statements/p2.hpp"
#include "theory/statements/p3.hpp"

using theory::Effort;
using theory::Quadratic;

namespace {

// The value of G(θ, p) has the wrong sign, its gradient has not: as if p and s were swapped.
struct Swapped : Quadratic {
  double lower(const Eigen::VectorXd& theta, const Eigen::VectorXd& p, zofo::BatchKey sample) const {
    return -Quadratic::lower(theta, p, sample);
  }
};
// The gradient of p has F with half its weight: λ at the wrong term.
struct Reweighted : Quadratic {
  double upper_gradient(const Eigen::VectorXd& theta, const Eigen::VectorXd& p, zofo::BatchKey sample,
                        Eigen::VectorXd& g) const {
    const double value = Quadratic::upper_gradient(theta, p, sample, g);
    g *= 0.5;
    return value;
  }
};
// The lower minimum is off by a constant.
struct Shifted : Quadratic {
  double lower_gradient(const Eigen::VectorXd& theta, const Eigen::VectorXd& p, zofo::BatchKey sample,
                        Eigen::VectorXd& g) const {
    const double value = Quadratic::lower_gradient(theta, p, sample, g);
    g.array() += 0.1;
    return value;
  }
};

}  // namespace

TEST_CASE("P1: the penalty's gradient is O(1/λ) from the hypergradient", "[theory]") {
  theory::check_passed(theory::p1(Effort{}));
}
TEST_CASE("P1 fails on a swapped penalty and a shifted minimum", "[theory]") {
  CHECK_FALSE(theory::p1_with<Swapped>(Effort{}).passed);
  CHECK_FALSE(theory::p1_with<Shifted>(Effort{}).passed);
}

TEST_CASE("P2: the penalty loses a non-negative value of O(1/λ)", "[theory]") {
  theory::check_passed(theory::p2(Effort{}));
}
TEST_CASE("P2 fails on a swapped penalty and a reweighted term", "[theory]") {
  CHECK_FALSE(theory::p2_with<Swapped>(Effort{}).passed);
  CHECK_FALSE(theory::p2_with<Reweighted>(Effort{}).passed);
}

TEST_CASE("P3: the penalty's gradient by Danskin", "[theory]") { theory::check_passed(theory::p3(Effort{})); }
TEST_CASE("P3 fails on a swapped penalty, a reweighted term and a shifted minimum", "[theory]") {
  CHECK_FALSE(theory::p3_with<Swapped>(Effort{}).passed);
  CHECK_FALSE(theory::p3_with<Reweighted>(Effort{}).passed);
  CHECK_FALSE(theory::p3_with<Shifted>(Effort{}).passed);
}

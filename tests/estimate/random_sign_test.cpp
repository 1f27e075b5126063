#include "zofo/estimate/random_sign.hpp"

#include <cmath>
#include <vector>

#include "catch.hpp"
#include "zofo/estimate/central.hpp"

using zofo::Central;
using zofo::RandomSign;

TEST_CASE("an estimate with a random sign has the other's length and directions", "[estimate]") {
  const Central central{1e-3, 2, 7};
  const RandomSign<Central> drift{central, 11};
  static_assert(zofo::OuterZOEstimator<RandomSign<Central>>);
  const std::vector<double> losses{1.0, 0.5, 0.25, 0.75};
  int plus = 0;
  for (std::uint32_t step = 0; step < 10000; ++step) {
    const auto a = zofo::estimate_of(central, step, losses), b = zofo::estimate_of(drift, step, losses);
    REQUIRE(a.terms.size() == b.terms.size());
    const double sign = b.terms[0].coefficient / a.terms[0].coefficient;
    REQUIRE(std::abs(sign) == 1.0);
    for (std::size_t i = 0; i < a.terms.size(); ++i) {
      REQUIRE(b.terms[i].direction == a.terms[i].direction);
      REQUIRE(b.terms[i].coefficient == sign * a.terms[i].coefficient);
    }
    plus += sign > 0.0 ? 1 : 0;
  }
  // Binomial(10000, 1/2): 5000 ± 50; five standard errors are a false alarm in 6e-7. The seed is fixed.
  CHECK(std::abs(plus - 5000) < 250);
}

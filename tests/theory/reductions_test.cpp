// E7–E9, and the distributions of E3 and E4 that need a bound direction, at the fast effort; each fails on a
// policy broken on purpose. The false-alarm rate of a statement is in its verdict; the seeds are fixed.
#include <cstdint>
#include <span>

#include "catch.hpp"
#include "theory/broken.hpp"
#include "theory/check.hpp"
#include "theory/statements/e10.hpp"
#include "theory/statements/e4.hpp"
#include "theory/statements/e7.hpp"
#include "theory/statements/e8.hpp"
#include "theory/statements/e9.hpp"
#include "zofo/estimate/forward.hpp"

using theory::Effort;
using theory::Verdict;
using zofo::Central;
using zofo::Coordinate;
using zofo::LowRank;
using zofo::Orthogonal;
using zofo::Sphere;
namespace broken = theory::broken;

TEST_CASE("E3 distinguishes the sphere's d from d + 2, and dense directions from rank 1", "[theory]") {
  const Central central{0.1, 1, 5};
  const auto fails = [&](const auto& distribution, const auto& g, double expected) {
    Verdict v = theory::e3_blank();
    theory::e3_compare(v, "", central, distribution, g, expected, Effort{});
    return !v.comparisons.at(0).passed();
  };
  CHECK(fails(Sphere{}, theory::e3_gradient(), 18.0));
  CHECK(fails(broken::Scaled<Coordinate>{{}, 1.1}, theory::e3_gradient(), 16.0));
  CHECK(fails(broken::ReusedSeed<Coordinate>{{}, 1}, theory::e3_gradient(), 16.0));
  CHECK(fails(LowRank{.rank = 2}, theory::e3_matrix(), 30.0));
}

TEST_CASE("E4 fails when orthogonal directions are independent, equal, or too long", "[theory]") {
  const auto make = [](std::uint32_t q) { return Central{0.1, q, 5}; };
  const auto fails = [&](const auto& distribution) {
    Verdict v;
    theory::e4_orthogonal(v, make, distribution, Effort{});
    return !v.passed;
  };
  CHECK(fails([](std::uint32_t) { return Sphere{}; }));
  CHECK(fails([](std::uint32_t q) { return broken::OneQuery<Orthogonal>{{q}}; }));
  CHECK(fails([](std::uint32_t q) { return broken::Scaled<Orthogonal>{{q}, 1.01}; }));
}

namespace {
using Svrg = zofo::variance::Svrg<Central>;
// The control variate has another batch at the anchor than at θ.
struct OtherBatch : Svrg {
  template <class V>
  struct Evaluator {
    V& real;
    std::span<const double> here(std::span<const zofo::Probe> probes, zofo::variance::ProbeBatch batch) {
      return real.here(probes, batch);
    }
    std::span<const double> at_anchor(std::span<const zofo::Probe> probes, zofo::variance::ProbeBatch batch) {
      batch.number += 12345;
      return real.at_anchor(probes, batch);
    }
    void move_anchor() { real.move_anchor(); }
  };
  template <class V>
  void estimate(std::uint32_t step, V& evaluator, State& state, zofo::ZoGradient& g) const {
    Evaluator<V> other{evaluator};
    Svrg::estimate(step, other, state, g);
  }
};
// The estimate without ĝ_full.
struct NoFullPart : Svrg {
  template <class V>
  void estimate(std::uint32_t step, V& evaluator, State& state, zofo::ZoGradient& g) const {
    Svrg::estimate(step, evaluator, state, g);
    if (g.terms.size() > state.base.terms.size()) g.terms.resize(g.terms.size() - state.base.terms.size());
  }
};
template <class Reduction>
bool e7_fails() {
  const auto make = [](std::uint32_t period, std::uint64_t seed) {
    return Reduction{{Central{1e-4, 1, seed}, period, theory::FiniteSum::kRows}};
  };
  return !theory::e7_with(make, Effort{}).passed;
}
}  // namespace

TEST_CASE("E7: SVRG is unbiased and its variance vanishes at the anchor", "[theory]") {
  theory::check_passed(theory::e7(Effort{}));
}
TEST_CASE("E7 fails with another batch at the anchor, without the full part, without a reduction",
          "[theory]") {
  CHECK(e7_fails<OtherBatch>());
  CHECK(e7_fails<NoFullPart>());
  CHECK_FALSE(
      theory::e7_with([](std::uint32_t, std::uint64_t seed) { return Central{1e-4, 1, seed}; }, Effort{})
          .passed);
}

TEST_CASE("E8: low-rank directions are unbiased, their second moment tends to the dense one", "[theory]") {
  theory::check_passed(theory::e8(Effort{}));
}
TEST_CASE("E8 fails when the rank is not the rank and when UVᵀ is divided by r", "[theory]") {
  CHECK_FALSE(theory::e8_with([](std::uint32_t r) { return LowRank{.rank = 2 * r}; }, Effort{}).passed);
  struct DividedByRank : LowRank {
    void add(Eigen::MatrixXd& x, zofo::Direction d, double a) const {
      LowRank::add(x, d, a / std::sqrt(rank));
    }
  };
  CHECK_FALSE(theory::e8_with([](std::uint32_t r) { return DividedByRank{{.rank = r}}; }, Effort{}).passed);
}

TEST_CASE("E9: a std-normalised estimate does not depend on the scale of f", "[theory]") {
  theory::check_passed(theory::e9(Effort{}));
}
TEST_CASE("E9 fails on an estimate that is not scaled and on one that is too long", "[theory]") {
  const auto forward = [](std::uint32_t q, std::uint64_t seed) { return zofo::Forward{0.1, q, seed}; };
  CHECK_FALSE(theory::e9_with(forward, Effort{}).passed);
  const auto longer = [](std::uint32_t q, std::uint64_t seed) {
    return broken::Multiplied<zofo::StdNormalized>{{0.1, q, seed}, 1.05};
  };
  CHECK_FALSE(theory::e9_with(longer, Effort{}).passed);
}

TEST_CASE("E10: ρ² has the mean ‖∇f‖² under every reduction", "[theory]") {
  theory::check_passed(theory::e10(Effort{}));
}

TEST_CASE("E10 fails when terms are counted as queries, or none are", "[theory]") {
  const auto terms = [](const zofo::ZoGradient& g) {
    return zofo::squared_projected_gradient({g.terms, static_cast<double>(g.terms.size())});
  };
  CHECK_FALSE(theory::e10_with(terms, Effort{}).passed);
  const auto one = [](const zofo::ZoGradient& g) { return zofo::squared_projected_gradient({g.terms, 1.0}); };
  CHECK_FALSE(theory::e10_with(one, Effort{}).passed);
}

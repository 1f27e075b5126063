// θ and adapters that are views of the caller's memory: results are written there, and the solver keeps no
// view.
#include <Eigen/Core>
#include <algorithm>
#include <span>
#include <vector>

#include "catch.hpp"
#include "zofo/zofo.hpp"

using namespace zofo;

namespace {

// F = ½‖p − 1‖² + ½‖θ‖², G = ½‖p − θ‖²: on p* = θ the minimum is θ = ½.
template <class Theta, class P>
auto tracking() {
  const auto f = [](const Theta& t, const P& p) {
    double sum = 0.0;
    for (int i = 0; i < 3; ++i) {
      const auto k = static_cast<std::size_t>(i);
      sum += 0.5 * (p[k] - 1) * (p[k] - 1) + 0.5 * double(t[i]) * double(t[i]);
    }
    return sum;
  };
  const auto g = [](const Theta& t, const P& p) {
    double sum = 0.0;
    for (int i = 0; i < 3; ++i) {
      const double gap = p[static_cast<std::size_t>(i)] - double(t[i]);
      sum += 0.5 * gap * gap;
    }
    return sum;
  };
  const auto df = [f](const Theta& t, const P& p, P& out) {
    for (std::size_t i = 0; i < 3; ++i) out[i] = p[i] - 1;
    return f(t, p);
  };
  const auto dg = [g](const Theta& t, const P& p, P& out) {
    for (int i = 0; i < 3; ++i)
      out[static_cast<std::size_t>(i)] = p[static_cast<std::size_t>(i)] - double(t[i]);
    return g(t, p);
  };
  return simple_problem<Theta, P>(f, df, g, dg);
}

template <class Estimator, class Outer>
void solved_in_place(const Estimator& estimator, const Outer& outer) {
  using Map = Eigen::Map<Eigen::VectorXd>;
  // Guards before and after the views must not change.
  std::vector<double> theta(5, 7.0), p(5, 7.0), s(5, 7.0);
  Map view(theta.data() + 1, 3);
  view.setZero();
  std::fill_n(p.begin() + 1, 3, 0.0);
  std::fill_n(s.begin() + 1, 3, 0.0);
  AdapterPair pair{std::span(p).subspan(1, 3), std::span(s).subspan(1, 3)};
  auto problem = tracking<Map, std::span<double>>();
  const Policies policies{
      .estimator = estimator, .outer = outer, .lower = inner::GradientDescent{.rate = 0.5}};
  const BilevelOptions options{.outer_steps = 600, .penalty = 200};
  Solver solver{problem, policies, options};
  solver.solve(view, pair);
  CHECK(view.data() == theta.data() + 1);
  CHECK(pair.upper.data() == p.data() + 1);
  for (const std::vector<double>* buffer : {&theta, &p, &s}) {
    CHECK(buffer->front() == 7.0);
    CHECK(buffer->back() == 7.0);
    for (std::size_t i = 1; i < 4; ++i) CHECK((*buffer)[i] == Approx(0.5).margin(0.02));
  }
  // The same run on owned memory has the same bits.
  Eigen::VectorXd own = Eigen::VectorXd::Zero(3);
  AdapterPair vectors{std::vector<double>(3), std::vector<double>(3)};
  auto same = tracking<Eigen::VectorXd, std::vector<double>>();
  Solver other{same, policies, options};
  other.solve(own, vectors);
  CHECK(own == view);
  CHECK(std::equal(vectors.upper.begin(), vectors.upper.end(), pair.upper.begin()));
  // The solver keeps copies: its state does not change when the caller overwrites the memory.
  if constexpr (variance::VarianceReduction<Estimator>) {
    const double kept = (*solver.state().anchor.theta)[0];
    std::fill(theta.begin(), theta.end(), -1.0);
    CHECK((*solver.state().anchor.theta)[0] == kept);
    CHECK((*solver.state().anchor.adapters.at(0).upper)[0] == Approx(0.5).margin(0.02));
  }
}

}  // namespace

TEST_CASE("theta and adapters in the caller's memory are updated in place", "[bilevel]") {
  const Central central{.queries = 4};
  solved_in_place(central, outer::Sgd{.rate = 0.05});
  solved_in_place(central, outer::Projected{outer::Momentum{.rate = 0.005}, outer::Box{-1, 1}});
  solved_in_place(variance::Svrg{.estimator = central, .period = 5, .batches = 1}, outer::Sgd{.rate = 0.05});
}

#include <Eigen/Core>
#include <cmath>
#include <cstdint>
#include <vector>

#include "catch.hpp"
#include "contains.hpp"
#include "zofo/outer/adam.hpp"
#include "zofo/outer/sgd.hpp"
#include "zofo/perturb/gaussian.hpp"
#include "zofo/perturb/rademacher.hpp"

using zofo::Direction;
using zofo::Gaussian;
using zofo::ZoGradient;
namespace outer = zofo::outer;

static_assert(zofo::outer::OuterOptimizer<outer::Sgd, Eigen::VectorXd, Gaussian>);
static_assert(zofo::outer::OuterOptimizer<outer::Adam, Eigen::MatrixXf, zofo::Rademacher>);

namespace {
struct TwoTensors {
  std::vector<float> first, second;
};
template <class F>
void for_each_tensor(TwoTensors& theta, F&& f) {
  f(std::uint32_t{0}, theta.first.data(), theta.first.size());
  f(std::uint32_t{1}, theta.second.data(), theta.second.size());
}
// Σ cᵢ zᵢ from the generator itself.
std::vector<double> dense(const ZoGradient& gradient, std::uint32_t tensor, std::size_t n) {
  std::vector<double> sum(n, 0.0), z(n);
  for (const auto& term : gradient.terms) {
    zofo::normals(term.direction, tensor, 0, z.data(), n);
    for (std::size_t i = 0; i < n; ++i) sum[i] += term.coefficient * z[i];
  }
  return sum;
}
ZoGradient estimate(std::uint32_t step) { return {{{{5, step, 0}, 0.5 + step}, {{5, step, 1}, -2.0}}}; }
}  // namespace

TEST_CASE("SGD adds −η Σ c z to θ", "[outer]") {
  Eigen::VectorXd theta = Eigen::VectorXd::Constant(100, 1.0);
  outer::Sgd::State<Eigen::VectorXd> state;
  outer::Sgd{0.1}.apply(theta, Gaussian{}, estimate(3), state);
  const auto g = dense(estimate(3), 0, 100);
  for (Eigen::Index i = 0; i < 100; ++i)
    CHECK(theta[i] == Approx(1.0 - 0.1 * g[static_cast<std::size_t>(i)]));
}

TEST_CASE("Adam updates θ by the moments written as sums over all estimates, tensor by tensor", "[outer]") {
  const double rate = 0.01, b1 = 0.9, b2 = 0.999;
  const std::size_t n = 1500;  // two blocks
  TwoTensors theta{std::vector<float>(n, 0.0F), std::vector<float>(n, 0.0F)};
  outer::Adam::State<TwoTensors> state;
  const outer::Adam adam{.rate = rate, .beta1 = b1, .beta2 = b2};
  for (std::uint32_t k = 0; k < 4; ++k) adam.apply(theta, Gaussian{}, estimate(k), state);
  std::vector<double> expected(n, 0.0);
  for (int t = 1; t <= 4; ++t) {
    std::vector<double> m(n, 0.0), v(n, 0.0);
    for (int i = 1; i <= t; ++i) {
      const auto g = dense(estimate(static_cast<std::uint32_t>(i - 1)), 1, n);
      for (std::size_t c = 0; c < n; ++c) {
        m[c] += (1 - b1) * std::pow(b1, t - i) * g[c] / (1 - std::pow(b1, t));
        v[c] += (1 - b2) * std::pow(b2, t - i) * g[c] * g[c] / (1 - std::pow(b2, t));
      }
    }
    for (std::size_t c = 0; c < n; ++c) expected[c] -= rate * m[c] / (std::sqrt(v[c]) + 1e-8);
  }
  double worst = 0.0;
  for (std::size_t c = 0; c < n; ++c)
    worst = std::max(worst, std::abs(static_cast<double>(theta.second[c]) - expected[c]));
  CHECK(worst < 1e-6);
  CHECK(theta.first != theta.second);
}

TEST_CASE("outer options are checked by name", "[outer]") {
  CHECK_THROWS_WITH((outer::Sgd{std::nan("")}.check()), contains("rate = nan"));
  CHECK_THROWS_WITH((outer::Adam{.beta1 = 2.0}.check()), contains("beta1 = 2"));
}

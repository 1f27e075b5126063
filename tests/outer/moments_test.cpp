// Moments have the precision of the tensor that they belong to; no type has to name one.
#include <Eigen/Core>
#include <cmath>
#include <cstdint>
#include <vector>

#include "catch.hpp"
#include "contains.hpp"
#include "outer/estimates.hpp"
#include "outer/list_fields.hpp"
#include "perturb/shapes.hpp"
#include "zofo/outer/adam.hpp"
#include "zofo/outer/momentum.hpp"
#include "zofo/perturb/gaussian.hpp"

using zofo::Gaussian;
using zofo::outer::Adam;
using zofo::outer::Momentum;

TEST_CASE("a θ of float and of double tensors gets moments of both", "[outer]") {
  // shapes::Mixed names no Scalar: tensor 3 is of float, tensor 4 of double.
  shapes::Mixed theta{std::vector<float>(40, 0.0F), std::vector<double>(30, 0.0)};
  Momentum::State<shapes::Mixed> state;
  const Momentum solver{.rate = 0.1, .momentum = 0.7};
  std::vector<double> velocity(30, 0.0), expected(30, 0.0);
  for (std::uint32_t k = 0; k < 6; ++k) {
    solver.apply(theta, Gaussian{}, estimates::at(k), state);
    const auto g = estimates::dense(estimates::at(k), 4, 30);
    for (std::size_t i = 0; i < 30; ++i) {
      velocity[i] = 0.7 * velocity[i] + g[i];
      expected[i] -= 0.1 * velocity[i];
    }
  }
  REQUIRE(state.velocity.tensors() == 2);
  CHECK((state.velocity.row<float>(0).size() == 40 && state.velocity.row<double>(0).empty()));
  CHECK((state.velocity.row<float>(1).empty() && state.velocity.row<double>(1).size() == 30));
  // In double: float velocities would be off by 1e-7 of their size, about 10.
  for (std::size_t i = 0; i < 30; ++i) CHECK(std::abs(theta.second[i] - expected[i]) < 1e-12);
}

TEST_CASE("moments of another precision are refused", "[outer]") {
  std::vector<double> wide(5, 1.0);
  std::vector<float> single(5, 1.0F);
  zofo::outer::Moments moments;
  zofo::outer::moments_like(wide, moments);
  CHECK_THROWS_WITH(zofo::outer::moments_like(single, moments),
                    contains("tensor 0 of theta and the optimiser's state differ in precision"));
  CHECK(moments.row<double>(0) == std::vector<double>(5, 0.0));
}

TEST_CASE("a state lists what must be saved: steps and moments", "[outer]") {
  Eigen::VectorXd theta = Eigen::VectorXd::Zero(4);
  Adam::State<Eigen::VectorXd> state;
  CHECK(fields::listed(state) == std::vector<std::uint64_t>{0, 0, 0});
  Adam{}.apply(theta, Gaussian{}, estimates::at(0), state);
  const auto words = fields::listed(state);
  CHECK(words.size() == 1 + 2 * (1 + 1 + 1 + 4));  // steps; of each: rows, floats, doubles and four of them
  CHECK(words[0] == 1);
}

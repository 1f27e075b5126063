#include "zofo/core/vector_space.hpp"

#include <Eigen/Core>
#include <cstdint>
#include <list>
#include <vector>

#include "catch.hpp"

namespace user {

// A θ of two tensors, known to zofo only by the functions next to it.
struct Pair {
  std::vector<float> first, second;
};
template <class F>
void for_each_tensor(Pair& pair, F&& f) {
  f(std::uint32_t{0}, pair.first.data(), pair.first.size());
  f(std::uint32_t{7}, pair.second.data(), pair.second.size());
}

struct Number {
  double value = 0.0;
};
inline void axpy(double a, const Number& x, Number& y) { y.value += a * x.value; }
inline double dot(const Number& x, const Number& y) { return x.value * y.value; }
inline double norm(const Number& x) { return x.value < 0 ? -x.value : x.value; }
inline void scale(double a, Number& x) { x.value *= a; }
inline void assign(const Number& x, Number& y) { y = x; }
inline Number zeros_like(const Number&) { return {}; }

}  // namespace user

static_assert(zofo::VectorSpace<Eigen::VectorXd> && zofo::VectorSpace<Eigen::VectorXf>);
static_assert(zofo::VectorSpace<Eigen::MatrixXd> && zofo::VectorSpace<Eigen::MatrixXf>);
static_assert(zofo::VectorSpace<Eigen::Matrix<float, 3, 2, Eigen::RowMajor>>);
static_assert(zofo::VectorSpace<user::Number>);
static_assert(!zofo::VectorSpace<Eigen::VectorXi> && !zofo::VectorSpace<std::list<double>>);
static_assert(!zofo::VectorSpace<double> && !zofo::VectorSpace<user::Pair>);
static_assert(zofo::HasTensors<user::Pair> && zofo::HasTensors<Eigen::MatrixXf>);
static_assert(!zofo::HasTensors<std::list<float>> && !zofo::HasTensors<user::Number>);
static_assert(zofo::HasCoordinates<Eigen::VectorXf> && !zofo::HasCoordinates<user::Number>);

TEMPLATE_TEST_CASE("Eigen vectors do what a vector space does", "[core]", Eigen::VectorXd, Eigen::VectorXf) {
  TestType x(3), y(3);
  x << 1, 2, -2;
  y << 4, 0, 1;
  CHECK(zofo::dot(x, y) == Approx(2.0));
  CHECK(zofo::norm(x) == Approx(3.0));
  zofo::axpy(0.5, x, y);
  CHECK(y == (TestType(3) << 4.5, 1, 0).finished());
  zofo::scale(-2.0, y);
  CHECK(y == (TestType(3) << -9, -2, 0).finished());
  zofo::assign(x, y);
  CHECK(y == x);
  CHECK(zofo::zeros_like(x) == TestType::Zero(3));
}

TEST_CASE("dot of floats is summed in double", "[core]") {
  // 2^24 + 1 ones: a float accumulator stops at 2^24.
  const Eigen::VectorXf ones = Eigen::VectorXf::Ones((1 << 24) + 1);
  CHECK(zofo::dot(ones, ones) == 16777217.0);
}

TEST_CASE("an Eigen matrix is one tensor, stream 0", "[core]") {
  Eigen::MatrixXd x = Eigen::MatrixXd::Constant(2, 3, 1.0);
  int calls = 0;
  zofo::for_each_tensor(x, [&](std::uint32_t stream, double* data, std::size_t n) {
    ++calls;
    CHECK(stream == 0);
    CHECK(data == x.data());
    CHECK(n == 6);
  });
  CHECK(calls == 1);
  CHECK(zofo::coordinates(x).size() == 6);
}

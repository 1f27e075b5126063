// Inconsistent states and copies that throw: rejected with a message, and nothing is lost.
#include <Eigen/Core>
#include <cstdint>
#include <stdexcept>
#include <vector>

#include "catch.hpp"
#include "contains.hpp"
#include "zofo/bilevel/solver_file.hpp"
#include "zofo/core/archive.hpp"
#include "zofo/zofo.hpp"

using Eigen::MatrixXd;
using Eigen::VectorXd;
using namespace zofo;

namespace {

// A θ whose copies throw on request.
struct Theta {
  std::vector<double> x = std::vector<double>(6, 0.3);
  static inline bool throws = false;
  Theta() = default;
  Theta(const Theta& other) : x((refuse(), other.x)) {}
  Theta& operator=(const Theta& other) {
    x.assign(1, 0.0);  // the old values are lost before it throws
    refuse();
    x = other.x;
    return *this;
  }
  ~Theta() = default;
  static void refuse() {
    if (throws) throw std::runtime_error("copy");
  }
};
template <class F>
void for_each_tensor(Theta& theta, F&& f) {
  f(std::uint32_t{0}, theta.x.data(), theta.x.size());
}
template <class F>
void for_each_tensor(const Theta& theta, F&& f) {
  f(std::uint32_t{0}, static_cast<const double*>(theta.x.data()), theta.x.size());
}

// ½‖p − c v(θ)‖² with c = 1 above and −1 below.
template <class T>
struct Distance {
  using Theta = T;
  using Adapter = VectorXd;
  static VectorXd target(const T& theta, double c) {
    using zofo::for_each_tensor;
    VectorXd v(3);
    for_each_tensor(theta,
                    [&](std::uint32_t, const double* x, std::size_t) { v << c * x[0], c * x[1], c * x[2]; });
    return v;
  }
  static double gradient(const T& theta, const VectorXd& p, double c, VectorXd& g) {
    g = p - target(theta, c);
    return 0.5 * g.squaredNorm();
  }
  static double value(const T& theta, const VectorXd& p, double c) {
    return 0.5 * (p - target(theta, c)).squaredNorm();
  }
  double upper(const T& t, const VectorXd& p, BatchKey) { return value(t, p, 1); }
  double lower(const T& t, const VectorXd& p, BatchKey) { return value(t, p, -1); }
  double upper_gradient(const T& t, const VectorXd& p, BatchKey, VectorXd& g) { return gradient(t, p, 1, g); }
  double lower_gradient(const T& t, const VectorXd& p, BatchKey, VectorXd& g) {
    return gradient(t, p, -1, g);
  }
};

struct Start {
  VectorXd theta = VectorXd::Constant(6, 0.3);
  AdapterPair<VectorXd> adapters{VectorXd::Constant(3, 0.2), VectorXd::Constant(3, 0.1)};
};

// Adapters are matrices whose shape depends on the task.
struct Shaped {
  using Theta = VectorXd;
  using Adapter = MatrixXd;
  int rows, cols;
  bool fits = true;
  double gradient(const MatrixXd& p, MatrixXd& g) {
    fits = fits && g.rows() == rows && g.cols() == cols;
    g = p.array() - 1.0;
    return 0.5 * g.squaredNorm();
  }
  double upper(const VectorXd&, const MatrixXd& p, BatchKey) { return p.squaredNorm(); }
  double lower(const VectorXd&, const MatrixXd& p, BatchKey) { return p.squaredNorm(); }
  double upper_gradient(const VectorXd&, const MatrixXd& p, BatchKey, MatrixXd& g) { return gradient(p, g); }
  double lower_gradient(const VectorXd&, const MatrixXd& p, BatchKey, MatrixXd& g) { return gradient(p, g); }
};

}  // namespace

TEST_CASE("an anchor survives a copy of theta that throws", "[bilevel]") {
  Distance<Theta> problem;
  Theta theta;
  Start start;
  Solver solver(problem, Policies<Rademacher, variance::Storm<Central>>{.estimator = {Central{}}},
                BilevelOptions{});
  for (int k = 0; k < 3; ++k) solver.step(theta, start.adapters);
  const std::vector<double> anchor = solver.state().anchor.theta->x;
  Theta::throws = true;
  CHECK_THROWS_AS(solver.step(theta, start.adapters), std::runtime_error);
  Theta::throws = false;
  REQUIRE(solver.state().anchor.theta);
  CHECK(solver.state().anchor.theta->x == anchor);
  CHECK_NOTHROW(solver.step(theta, start.adapters));
}

TEST_CASE("a reduction's state without its anchor is refused", "[bilevel]") {
  Distance<VectorXd> problem;
  Start at;
  using Svrg = variance::Svrg<Central>;
  Solver solver(problem,
                Policies<Rademacher, Svrg>{.estimator = {.estimator = {}, .period = 9, .batches = 2}},
                BilevelOptions{});
  solver.step(at.theta, at.adapters);
  solver.state().anchor.adapters.clear();
  CHECK_THROWS_WITH(solver.step(at.theta, at.adapters), contains("outer step 1") && contains("anchor"));
  solver.state().anchor = {};
  CHECK_THROWS_WITH(solver.step(at.theta, at.adapters), contains("anchor"));
}

TEST_CASE("inconsistent states of Storm and Lbfgs are refused", "[bilevel]") {
  Distance<VectorXd> problem;
  Start at;
  Solver storm(problem, Policies<Rademacher, variance::Storm<Central>>{.estimator = {Central{}, 0.99}},
               BilevelOptions{});
  storm.step(at.theta, at.adapters);
  storm.state().estimator.sizes.assign(60, 1'000'000);
  CHECK_THROWS_WITH(storm.step(at.theta, at.adapters), contains("variance::Storm"));

  using Quasi = Policies<Rademacher, Central, outer::Sgd, inner::Lbfgs>;
  Solver quasi(problem, Quasi{}, BilevelOptions{});
  quasi.step(at.theta, at.adapters);
  auto good = quasi.state().tasks[0].upper;
  quasi.state().tasks[0].upper.next = 1'000'000;
  CHECK_THROWS_WITH(quasi.step(at.theta, at.adapters), contains("inner::Lbfgs"));
  REQUIRE_FALSE(good.pairs.empty());
  good.pairs[0].step.reset();
  quasi.state().tasks[0].upper = good;
  CHECK_THROWS_WITH(quasi.step(at.theta, at.adapters), contains("inner::Lbfgs"));
}

TEST_CASE("step numbers do not exceed 32 bits", "[bilevel]") {
  Distance<VectorXd> problem;
  Start at;
  Solver solver(problem, Policies<>{}, BilevelOptions{});
  solver.state().step = 0xffffffffU;
  CHECK_THROWS_WITH(solver.step(at.theta, at.adapters), contains("2^32"));
}

TEST_CASE("gradients have the shape of their own task's adapter", "[bilevel]") {
  std::vector<Shaped> tasks{{2, 3}, {3, 2}};
  VectorXd theta = VectorXd::Zero(2);
  std::vector<AdapterPair<MatrixXd>> adapters{{MatrixXd::Zero(2, 3), MatrixXd::Zero(2, 3)},
                                              {MatrixXd::Zero(3, 2), MatrixXd::Zero(3, 2)}};
  Solver solver(tasks, Policies<>{}, BilevelOptions{.move_backbone = false, .tasks_per_step = 1});
  for (int k = 0; k < 20; ++k) solver.step(theta, adapters);
  CHECK(tasks[0].fits);
  CHECK(tasks[1].fits);
}

TEST_CASE("an archived matrix larger than its type can hold is refused", "[bilevel]") {
  ArchiveWriter writer;
  writer(MatrixXd(MatrixXd::Ones(40, 50)));
  Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, 0, 2, 2> small;
  ArchiveReader reader(writer.bytes(), "file");
  CHECK_THROWS_WITH(reader(small), contains("does not fit the type"));
}

TEST_CASE("a rate of 0 times an infinite gradient does not change θ", "[bilevel]") {
  VectorXd theta = VectorXd::Ones(4);
  const outer::StepClipping clipped{outer::Sgd{.rate = 0.0}, 0.1};
  outer::StepClipping<outer::Sgd>::State<VectorXd> state;
  const ZoGradient huge{{{{1, 0, 0}, 1.7e308}, {{1, 0, 1}, 1.7e308}}, 2.0};
  CHECK_NOTHROW(clipped.apply(theta, Rademacher{}, huge, state));
  CHECK(theta == VectorXd::Ones(4));
}

// Evaluations and their checks, and updates by gradients that come from elsewhere.
#include "zofo/inner/evaluate.hpp"

#include <Eigen/Core>
#include <limits>
#include <span>
#include <tuple>
#include <type_traits>
#include <vector>

#include "catch.hpp"
#include "contains.hpp"
#include "inner/objectives.hpp"
#include "zofo/inner/adam.hpp"
#include "zofo/inner/exact.hpp"
#include "zofo/inner/gradient_descent.hpp"
#include "zofo/inner/lbfgs.hpp"
#include "zofo/inner/nesterov.hpp"
#include "zofo/inner/sgd.hpp"

using Eigen::VectorXd;
namespace inner = zofo::inner;

namespace {

const double kInfinity = std::numeric_limits<double>::infinity(),
             kNaN = std::numeric_limits<double>::quiet_NaN();

// A user's optimizer that looks ahead: Polyak's momentum, the gradient taken after the momentum step only.
struct Ahead {
  template <class P>
  struct State {
    zofo::Memory<P> velocity, ahead;
  };
  template <class P>
  const P& point(const P& x, State<P>& state) const {
    zofo::assign(x, inner::scratch_like(x, state.ahead));
    zofo::axpy(0.5, inner::memory_like(x, state.velocity), *state.ahead);
    return *state.ahead;
  }
  template <class P>
  void update(P& gradient, P& x, State<P>& state) const {
    zofo::scale(0.5, *state.velocity);
    zofo::axpy(-0.05, gradient, *state.velocity);
    zofo::axpy(1.0, *state.velocity, x);
  }
};

template <class Use>
void with_optimizers(const Use& use) {
  use(inner::Exact{});
  use(inner::GradientDescent{.rate = 0.1});
  use(inner::Nesterov{.rate = 0.1});
  use(inner::Sgd{.rate = 0.05, .momentum = 0.5, .weight_decay = 0.01, .clip = 2.0});
  use(inner::Adam{.rate = 0.05, .weight_decay = 0.01, .clip = 2.0});
  use(inner::Lbfgs{.memory = 3, .first_rate = 0.1});
  use(Ahead{});
}

// Counts what a state names to be saved, and of which types.
struct Archive {
  int scalars = 0, vectors = 0, memories = 0;
  template <class... Fields>
  void operator()(Fields&... fields) {
    (add(fields), ...);
  }
  template <class T>
  void add(T& field) {
    if constexpr (std::is_arithmetic_v<T>)
      ++scalars;
    else if constexpr (requires { field.begin(); })
      ++vectors;
    else
      ++memories;
  }
};
template <class State>
std::tuple<int, int, int> fields_of(State state) {
  Archive archive;
  state.fields(archive);
  return {archive.scalars, archive.vectors, archive.memories};
}

}  // namespace

static_assert(inner::LooksAhead<Ahead, VectorXd>);
static_assert(inner::InnerObjective<objectives::Diagonal<VectorXd>, VectorXd>);
static_assert(!inner::InnerObjective<int, VectorXd>);

TEST_CASE("gradients of many adapters from one call give the same updates as single steps", "[inner]") {
  with_optimizers([](const auto& optimizer) {
    using State = typename std::remove_cvref_t<decltype(optimizer)>::template State<VectorXd>;
    constexpr std::size_t n = 3;
    std::vector<objectives::Diagonal<VectorXd>> tasks;
    for (std::size_t i = 0; i < n; ++i)
      tasks.push_back(
          {VectorXd::LinSpaced(5, 1.0, 2.0 + static_cast<double>(i)), VectorXd::Constant(5, 1.0)});
    std::vector<VectorXd> apart(n, VectorXd::Zero(5)), together = apart;
    std::vector<State> states(n), joint_states(n);
    std::vector<VectorXd> gradients(n, VectorXd::Zero(5));
    for (int k = 0; k < 12; ++k) {
      for (std::size_t i = 0; i < n; ++i) objectives::step(optimizer, tasks[i], apart[i], states[i]);
      std::vector<double> values(n);
      std::vector<const VectorXd*> points(n);
      for (std::size_t i = 0; i < n; ++i)
        points[i] = &inner::evaluation_point(optimizer, together[i], joint_states[i]);
      for (std::size_t i = 0; i < n; ++i)  // the batched call
        values[i] = tasks[i].value_and_gradient(*points[i], gradients[i]);
      for (std::size_t i = 0; i < n; ++i) {
        const auto seen =
            inner::checked_evaluation(values[i], together[i], gradients[i], inner::StepContext{});
        CHECK(seen.value == values[i]);
        CHECK(seen.gradient_norm == gradients[i].norm());
        inner::apply_update(optimizer, gradients[i], together[i], joint_states[i],
                            [&](VectorXd& out) { tasks[i].minimiser(out); });
      }
      for (std::size_t i = 0; i < n; ++i) REQUIRE(together[i] == apart[i]);
    }
    CHECK((apart[0] - tasks[0].solution).norm() < (VectorXd::Zero(5) - tasks[0].solution).norm());
  });
}

TEST_CASE("a check that fails names the number, the caller's context and the remedy", "[inner]") {
  int described = 0;
  const auto context = [&] {
    ++described;
    return inner::EvaluationContext{"outer step 3, inner step 1 on s, task 2", "a lower lower_rate may help"};
  };
  const VectorXd x = VectorXd::Ones(2);
  inner::check_evaluation(1.0, 2.0, context);
  CHECK(inner::checked_evaluation(1.0, x, VectorXd(VectorXd::Constant(2, 2.0)), context).gradient_norm ==
        Approx(std::sqrt(8.0)));
  CHECK(described == 0);
  CHECK_THROWS_WITH(
      inner::check_evaluation(kNaN, 2.0, context),
      contains("outer step 3, inner step 1 on s, task 2: the loss is nan: must be finite (a lower "
               "lower_rate may help)"));
  CHECK_THROWS_WITH(inner::check_evaluation(kInfinity, kNaN, context), contains("the loss is inf"));
  CHECK_THROWS_WITH(inner::check_evaluation(1.0, kInfinity, context), contains("the gradient's norm is inf"));
  CHECK_THROWS_WITH(inner::checked_evaluation(1.0, x, VectorXd(VectorXd::Ones(3)), context),
                    contains("task 2: the objective gave a gradient of another size than x"));
  CHECK_THROWS_WITH(inner::checked_evaluation(kNaN, x, VectorXd(VectorXd::Ones(3)), context),
                    contains("the loss is nan"));
  CHECK_THROWS_WITH(inner::checked_evaluation(1.0, x, VectorXd(VectorXd::Constant(2, kNaN)), context),
                    contains("the gradient's norm is nan"));
}

TEST_CASE("evaluate_at takes the gradient where the optimizer wants it and changes nothing", "[inner]") {
  objectives::Diagonal<VectorXd> g{VectorXd::Ones(1), VectorXd::Zero(1)};
  const inner::Nesterov optimizer{.rate = 0.5};
  inner::Nesterov::State<VectorXd> state;
  VectorXd x = VectorXd::Ones(1);
  zofo::Memory<VectorXd> gradient;
  inner::inner_step(optimizer, g, x, state, gradient);
  for (int again = 0; again < 2; ++again) {
    const auto seen = inner::evaluate_at(g, optimizer, x, state, gradient);
    CHECK(seen.gradient_norm == 0.375);  // ½ + ¼(½ − 1)
    CHECK(x[0] == 0.5);
    CHECK(state.steps == 1);
  }
  CHECK(inner::evaluate(g, x, gradient).gradient_norm == 0.5);
}

TEST_CASE("clipping computes a norm only where there is a limit", "[inner]") {
  VectorXd gradient = VectorXd::Constant(2, kNaN);
  inner::clip_norm(0.0, gradient);
  gradient = Eigen::Vector2d{3.0, 4.0};
  inner::clip_norm(5.0, gradient);
  CHECK(gradient == VectorXd(Eigen::Vector2d{3.0, 4.0}));
  inner::clip_norm(1.0, gradient);
  CHECK(gradient.norm() == Approx(1.0));
}

TEST_CASE("views of numbers of another object are updated as vectors are", "[inner]") {
  using View = Eigen::Map<VectorXd>;
  with_optimizers([](const auto& optimizer) {
    using Optimizer = std::remove_cvref_t<decltype(optimizer)>;
    static_assert(inner::InnerOptimizer<Optimizer, View>);
    objectives::Numbered<VectorXd> g;
    objectives::Numbered<View> view_g;
    VectorXd x = VectorXd::Zero(6), numbers = x;
    View view(numbers.data(), numbers.size());
    typename Optimizer::template State<VectorXd> state;
    typename Optimizer::template State<View> view_state;
    for (int k = 0; k < 15; ++k) {
      objectives::step(optimizer, g, x, state);
      // A copied state has numbers of its own: steps with the copy do not change the original.
      auto copied = view_state;
      VectorXd elsewhere = numbers;
      View other(elsewhere.data(), elsewhere.size());
      objectives::step(optimizer, view_g, other, copied);
      objectives::step(optimizer, view_g, view, view_state);
      REQUIRE(numbers == x);
      REQUIRE(elsewhere == x);
    }
  });
}

TEST_CASE("states name what must be saved, scratch memory left out", "[inner]") {
  using Fields = std::tuple<int, int, int>;  // scalars, lists, memories
  CHECK(fields_of(inner::Exact::State<VectorXd>{}) == Fields{1, 0, 0});
  CHECK(fields_of(inner::GradientDescent::State<VectorXd>{}) == Fields{1, 0, 0});
  CHECK(fields_of(inner::Sgd::State<VectorXd>{}) == Fields{1, 0, 1});
  CHECK(fields_of(inner::Adam::State<VectorXd>{}) == Fields{1, 0, 2});
  CHECK(fields_of(inner::Nesterov::State<VectorXd>{}) == Fields{1, 0, 1});
  CHECK(fields_of(inner::Lbfgs::State<VectorXd>{}) == Fields{2, 1, 2});
  CHECK(fields_of(inner::Lbfgs::Pair<VectorXd>{}) == Fields{2, 0, 2});
}

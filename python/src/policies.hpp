/// @file The policies of a solver, chosen by name: those of the program, and the library's others.
#pragma once

#include <nanobind/nanobind.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <tuple>
#include <utility>
#include <variant>

#include "arrays.hpp"
#include "zofo/bilevel/options.hpp"
#include "zofo/estimate/one_point_residual.hpp"
#include "zofo/inner/adam.hpp"
#include "zofo/inner/exact.hpp"
#include "zofo/inner/gradient_descent.hpp"
#include "zofo/inner/lbfgs.hpp"
#include "zofo/inner/nesterov.hpp"
#include "zofo/inner/sgd.hpp"
#include "zofo/outer/ball.hpp"
#include "zofo/outer/box.hpp"
#include "zofo/outer/lion.hpp"
#include "zofo/outer/projected.hpp"
#include "zofo/outer/sign.hpp"
#include "zofo/perturb/orthogonal.hpp"
#include "zofo/runtime/any_estimator.hpp"
#include "zofo/runtime/any_outer.hpp"
#include "zofo/runtime/any_perturbation.hpp"
#include "zofo/variance/none.hpp"

namespace zofo::python {

/// A distribution of the program, or Orthogonal.
class PerturbationChoice {
 public:
  /// The distributions to choose from.
  using Choice = std::variant<llm::AnyPerturbation, Orthogonal>;
  /// One direction of any of them, on θ's shape.
  class Bound {
   public:
    /// The bound forms.
    using Form = std::variant<llm::BoundPerturbation, GaussianCombination>;
    /// Holds one.
    explicit Bound(Form form) : form_(std::move(form)) {}
    /// z_i for i in [offset, offset + n) of one tensor.
    template <class T>
    void fill(Direction direction, std::uint32_t tensor, std::uint64_t offset, T* z, std::size_t n) const {
      std::visit([&](const auto& form) { form.fill(direction, tensor, offset, z, n); }, form_);
    }

   private:
    Form form_;
  };

  /// Holds the chosen distribution.
  explicit PerturbationChoice(Choice choice) : choice_(std::move(choice)) {}
  /// Throws Error naming the field out of range.
  void check() const {
    std::visit([](const auto& each) { each.check(); }, choice_);
  }
  /// Throws Error if add() would.
  void check_direction(const Theta& theta, Direction direction) const {
    std::visit([&](const auto& each) { each.check_direction(theta, direction); }, choice_);
  }
  /// z(direction) on θ's shape.
  [[nodiscard]] Bound bind(const Theta& theta, Direction direction) const {
    return std::visit([&](const auto& each) { return Bound(each.bind(theta, direction)); }, choice_);
  }
  /// θ ← θ + a z(direction).
  void add(Theta& theta, Direction direction, double a) const {
    std::visit([&](const auto& each) { each.add(theta, direction, a); }, choice_);
  }
  /// E‖z‖² on d coordinates.
  [[nodiscard]] double mean_square_length(std::size_t d) const {
    return std::visit([d](const auto& each) { return zofo::mean_square_length(each, d); }, choice_);
  }

 private:
  Choice choice_;
};

/// An estimator of the program with its variance reduction, or OnePointResidual.
class EstimatorChoice {
 public:
  /// OnePointResidual as a variance reduction.
  using OnePoint = variance::None<OnePointResidual>;
  /// The estimators to choose from.
  using Choice = std::variant<llm::AnyReduction, OnePoint>;
  /// The states of both; only that of the chosen one is used.
  using State = std::tuple<llm::AnyReduction::State, OnePoint::State>;

  /// Holds the chosen estimator.
  explicit EstimatorChoice(Choice choice) : choice_(std::move(choice)) {}
  /// Throws Error naming the field out of range.
  void check() const {
    std::visit([](const auto& each) { each.check(); }, choice_);
  }
  /// Sets the seed unless one was given.
  void adopt_seed(std::uint64_t seed) {
    std::visit([seed](auto& each) { each.adopt_seed(seed); }, choice_);
  }
  /// Writes the step's estimate and updates the state.
  template <variance::ProbeEvaluator V>
  void estimate(std::uint32_t step, V& evaluator, State& state, ZoGradient& estimate) const {
    std::visit(
        [&]<class E>(const E& each) {
          each.estimate(step, evaluator, std::get<typename E::State>(state), estimate);
        },
        choice_);
  }

 private:
  Choice choice_;
};

/// An outer optimiser of the program, Lion or Sign.
class PlainOuter {
 public:
  /// The optimisers to choose from.
  using Choice = std::variant<llm::AnyOuter, outer::Lion, outer::Sign>;
  /// The states of all; only that of the chosen one is used.
  template <class T>
  using State = std::tuple<llm::AnyOuter::State<T>, outer::Lion::State<T>, outer::Sign::State<T>>;

  /// Holds the chosen optimiser.
  explicit PlainOuter(Choice choice) : choice_(std::move(choice)) {}
  /// Throws Error naming the field out of range.
  void check() const {
    std::visit([](const auto& each) { each.check(); }, choice_);
  }
  /// Updates θ and the state. Throws Error as the optimiser does; both are unchanged then.
  template <class D>
  void apply(Theta& theta, const D& perturbation, const ZoGradient& gradient, State<Theta>& state) const {
    std::visit(
        [&]<class O>(const O& each) {
          each.apply(theta, perturbation, gradient, std::get<typename O::template State<Theta>>(state));
        },
        choice_);
  }

 private:
  Choice choice_;
};

/// A box or a ball.
struct ConstraintSet {
  std::variant<outer::Box, outer::Ball> set;  ///< the set
  /// Throws Error naming the field out of range.
  void check() const {
    std::visit([](const auto& each) { each.check(); }, set);
  }
  /// Throws Error where θ has another shape than the set.
  void require_fits(const Theta& theta) const {
    std::visit([&](const auto& each) { each.require_fits(theta); }, set);
  }
  /// θ ← the nearest point of the set.
  void project(Theta& theta) const {
    std::visit([&](const auto& each) { each.project(theta); }, set);
  }
};

/// An outer optimiser, with or without a set that θ stays in.
class OuterChoice {
 public:
  /// An optimiser that projects.
  using Constrained = outer::Projected<PlainOuter, ConstraintSet>;
  /// The state of the optimiser.
  template <class T>
  using State = PlainOuter::State<T>;

  /// Holds the chosen optimiser.
  explicit OuterChoice(std::variant<PlainOuter, Constrained> choice) : choice_(std::move(choice)) {}
  /// Throws Error naming the field out of range.
  void check() const {
    std::visit([](const auto& each) { each.check(); }, choice_);
  }
  /// Updates θ and the state. Throws Error as the optimiser does; both are unchanged then.
  template <class D>
  void apply(Theta& theta, const D& perturbation, const ZoGradient& gradient, State<Theta>& state) const {
    std::visit([&](const auto& each) { each.apply(theta, perturbation, gradient, state); }, choice_);
  }

 private:
  std::variant<PlainOuter, Constrained> choice_;
};

/// Any of the library's inner optimisers.
class InnerChoice {
 public:
  /// The optimisers to choose from.
  using Choice = std::variant<inner::Adam, inner::Sgd, inner::GradientDescent, inner::Nesterov, inner::Lbfgs,
                              inner::Exact>;
  /// The states of all; only that of the chosen one is used.
  template <class P>
  using State = std::tuple<inner::Adam::State<P>, inner::Sgd::State<P>, inner::GradientDescent::State<P>,
                           inner::Nesterov::State<P>, inner::Lbfgs::State<P>, inner::Exact::State<P>>;

  /// Holds the chosen optimiser.
  explicit InnerChoice(Choice choice) : choice_(std::move(choice)) {}
  /// Throws Error naming the field out of range.
  void check() const {
    std::visit([](const auto& each) { check_policy(each); }, choice_);
  }
  /// The point at which the gradient of the next update is taken.
  template <class P>
  const P& point(const P& x, State<P>& state) const {
    const auto* nesterov = std::get_if<inner::Nesterov>(&choice_);
    return nesterov == nullptr ? x : nesterov->point(x, std::get<inner::Nesterov::State<P>>(state));
  }
  /// Updates x by its gradient, or by the minimiser where the optimiser needs it.
  template <class P, class Minimiser>
  void update(P& gradient, P& x, State<P>& state, const Minimiser& minimiser) const {
    std::visit(
        [&]<class I>(const I& each) {
          auto& own = std::get<typename I::template State<P>>(state);
          if constexpr (std::same_as<I, inner::Exact>)
            each.update(gradient, x, own, minimiser);
          else
            each.update(gradient, x, own);
        },
        choice_);
  }

 private:
  Choice choice_;
};

/// Makes policies from dicts with `name` and the fields that are set. All throw Error naming an unknown name
/// or field, or a value of another type.
///@{
PerturbationChoice make_perturbation(nb::dict fields, const Theta& theta, std::uint64_t seed);
EstimatorChoice make_estimator(nb::dict fields);
OuterChoice make_outer(nb::dict fields);
InnerChoice make_inner(nb::dict fields);
BilevelOptions make_options(nb::dict fields);
///@}

}  // namespace zofo::python

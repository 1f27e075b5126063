/// @file The optimiser of the parameters that zeroth-order steps update, chosen at run time.
#pragma once

#include <tuple>
#include <type_traits>
#include <variant>

#include "zofo/outer/adam.hpp"
#include "zofo/outer/momentum.hpp"
#include "zofo/outer/outer_optimizer.hpp"
#include "zofo/outer/rms_scalar.hpp"
#include "zofo/outer/sgd.hpp"
#include "zofo/outer/step_clipping.hpp"

namespace zofo::llm {

/// Any of the outer optimisers. Adam stores two vectors of θ's size and Momentum one; both need the CPU.
class AnyOuter {
 public:
  /// SGD with a limit on the length of a step.
  using ClippedSgd = outer::StepClipping<outer::Sgd>;
  /// Momentum with a limit on the length of a step's new part.
  using ClippedMomentum = outer::StepClipping<outer::Momentum>;
  /// The optimisers to choose from.
  using Choice =
      std::variant<outer::Sgd, outer::Momentum, outer::Adam, outer::RmsScalar, ClippedSgd, ClippedMomentum>;
  /// The states of all optimisers; only that of the chosen one is used.
  template <class Theta>
  struct State {
    /// One state for each optimiser.
    std::tuple<outer::Sgd::State<Theta>, outer::Momentum::State<Theta>, outer::Adam::State<Theta>,
               outer::RmsScalar::State<Theta>, ClippedSgd::State<Theta>, ClippedMomentum::State<Theta>>
        own;
    /// The members that a saved state contains.
    template <class Archive>
    void fields(Archive& archive) {
      std::apply([&](auto&... states) { archive(states...); }, own);
    }
  };

  /// Holds the chosen optimiser.
  AnyOuter(Choice optimizer);

  /// Throws Error naming the field out of range.
  void check() const;
  /// True if the optimiser works on single coordinates of θ, so that a step is not a sum of multiples of
  /// directions.
  [[nodiscard]] bool reads_coordinates() const;
  /// Throws Error if a coefficient is not finite, the estimate does not match the state, or the optimiser
  /// needs the coordinates of a θ that is on a GPU.
  template <class Theta, Perturbation<Theta> D>
  void check_update(const Theta& theta, const D& perturbation, const ZoGradient& gradient,
                    const State<Theta>& state) const {
    std::visit(
        [&]<class Outer>(const Outer& outer) {
          if constexpr (HasTensors<Theta> || !coordinatewise<Outer>)
            outer.check_update(theta, perturbation, gradient,
                               std::get<typename Outer::template State<Theta>>(state.own));
          else
            refuse_coordinates();
        },
        optimizer_);
  }
  /// Updates θ and the state. Throws Error as check_update() does; θ and the state are unchanged then.
  template <class Theta, Perturbation<Theta> D>
  void apply(Theta& theta, const D& perturbation, const ZoGradient& gradient, State<Theta>& state) const {
    std::visit(
        [&]<class Outer>(const Outer& outer) {
          if constexpr (HasTensors<Theta> || !coordinatewise<Outer>)
            outer.apply(theta, perturbation, gradient,
                        std::get<typename Outer::template State<Theta>>(state.own));
          else
            refuse_coordinates();
        },
        optimizer_);
  }

 private:
  [[noreturn]] static void refuse_coordinates();
  template <class Outer>
  static constexpr bool coordinatewise =
      std::is_same_v<Outer, outer::Adam> || std::is_same_v<Outer, outer::Momentum> ||
      std::is_same_v<Outer, ClippedMomentum>;

  Choice optimizer_;
};

}  // namespace zofo::llm

/// @file Concepts of inner optimizers: how an adapter is updated, given a gradient.
#pragma once

#include <concepts>
#include <type_traits>

#include "zofo/core/vector_space.hpp"

namespace zofo::inner {

namespace detail {

// Stands for any minimiser where a concept asks whether `update` takes one.
template <class P>
struct AnyMinimiser {
  void operator()(P& out) const;
};

// `State<P>` is a type with a default value.
template <class O, class P>
concept HasState = requires {
  typename O::template State<P>;
  requires std::default_initializable<typename O::template State<P>>;
};

template <class O, class P>
concept UpdatesByGradient =
    HasState<O, P> && requires(const O& optimizer, P& gradient, P& x, typename O::template State<P>& state) {
      optimizer.update(gradient, x, state);
    };

template <class O, class P>
concept UpdatesByMinimiser =
    HasState<O, P> &&
    requires(const O& optimizer, P& gradient, P& x, typename O::template State<P>& state,
             const AnyMinimiser<P>& minimiser) { optimizer.update(gradient, x, state, minimiser); };

}  // namespace detail

/// Refinement: the optimizer updates x by the objective's minimiser, `update(gradient, x, state, minimiser)`,
/// where `minimiser(P& out)` writes argmin into `out` (of x's shape on entry). One such update is a whole
/// solve. inner::Exact is one.
template <class O, class P>
concept NeedsMinimiser = detail::UpdatesByMinimiser<O, P> && !detail::UpdatesByGradient<O, P>;

/// A policy whose memory is a separate `State<P>`, with `update(P& gradient, P& x, State<P>& state)`.
///
/// The caller evaluates the objective, checks the result and passes the gradient, which `update` may
/// overwrite (clip it, use it as scratch memory). An optimizer never evaluates anything, so gradients of many
/// adapters can come from one batched call. If `update` throws, x and state are unchanged. State has what
/// must survive between steps; its copies are independent.
template <class O, class P>
concept InnerOptimizer = VectorSpace<P> && (detail::UpdatesByGradient<O, P> || NeedsMinimiser<O, P>);

/// Refinement: the gradient is taken at `point(x, state)` and not at x. `point` returns a reference to x or
/// to memory in the state that stays valid until `update`; it changes nothing but such memory.
/// inner::Nesterov is one.
template <class O, class P>
concept LooksAhead =
    InnerOptimizer<O, P> && requires(const O& optimizer, const P& x, typename O::template State<P>& state) {
      { optimizer.point(x, state) } -> std::convertible_to<const P&>;
    };

/// The point at which `optimizer` requires the gradient of its next update: `optimizer.point(x, state)`, or
/// x.
template <class O, VectorSpace P>
[[nodiscard]] const P& evaluation_point(const O& optimizer, const P& x,
                                        typename O::template State<P>& state) {
  if constexpr (LooksAhead<O, P>) {
    static_assert(std::is_lvalue_reference_v<decltype(optimizer.point(x, state))>,
                  "zofo: point(x, state) of an inner optimizer must return a reference to x or to memory of "
                  "the state (concept LooksAhead)");
    return optimizer.point(x, state);
  } else {
    return x;
  }
}

/// For objectives whose minimiser is not known.
struct NoMinimiser {};

/// Updates x by the gradient at evaluation_point(optimizer, x, state). `minimiser(P& out)` is called only for
/// optimizers that need it (concept NeedsMinimiser). Throws what the optimizer's update throws; x and state
/// are unchanged then.
template <class O, VectorSpace P, class Minimiser = NoMinimiser>
void apply_update(const O& optimizer, P& gradient, P& x, typename O::template State<P>& state,
                  const Minimiser& minimiser = {}) {
  if constexpr (NeedsMinimiser<O, P>) {
    static_assert(
        std::invocable<const Minimiser&, P&>,
        "zofo: inner::Exact needs an objective with minimiser(x), which writes argmin into x; so does "
        "every inner optimizer of concept NeedsMinimiser (concept HasMinimiser)");
    if constexpr (std::invocable<const Minimiser&, P&>) optimizer.update(gradient, x, state, minimiser);
  } else {
    optimizer.update(gradient, x, state);
  }
}

}  // namespace zofo::inner

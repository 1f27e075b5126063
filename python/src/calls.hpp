/// @file What calls of the library from Python share: the GIL, Ctrl-C and results as tuples.
#pragma once

#include <nanobind/nanobind.h>

#include "zofo/lm/scores.hpp"

namespace zofo::python {

/// Returns f(), called without the GIL.
template <class F>
auto released(F&& f) {
  const nanobind::gil_scoped_release release;
  return f();
}

/// Ends the call after Ctrl-C: throws what Python raises then. Needs no GIL.
inline void check_signals() {
  const nanobind::gil_scoped_acquire gil;
  if (PyErr_CheckSignals() != 0) throw nanobind::python_error();
}

/// The fields of zofo.Scores, in their order.
inline nanobind::tuple as_tuple(const llm::Scores& s) {
  return nanobind::make_tuple(s.loss, s.accuracy, s.macro_f1, s.balanced_accuracy,
                              s.answers ? nanobind::cast(s.answers->exact_match) : nanobind::none(),
                              s.answers ? nanobind::cast(s.answers->f1) : nanobind::none(), s.examples,
                              s.seconds);
}

}  // namespace zofo::python

/// @file The parts of the extension module.
#pragma once

#include <nanobind/nanobind.h>

namespace zofo::python {

/// Adds the solver, schedules and mini-batches.
void bind_solver(nanobind::module_& m);
/// Adds language models.
void bind_models(nanobind::module_& m);
/// Adds training runs.
void bind_runs(nanobind::module_& m);
/// Adds the adaptation to a few examples, and the replay of a run.
void bind_adapt(nanobind::module_& m);

}  // namespace zofo::python

// The extension module zofo._core.
#include <nanobind/nanobind.h>

#include "bind.hpp"
#include "zofo/core/error.hpp"
#include "zofo/core/version.hpp"

NB_MODULE(_core, m) {
  m.doc() = "The compiled part of zofo.";
  m.attr("__version__") = ZOFO_VERSION_STRING;
  nanobind::exception<zofo::Error>(m, "Error", PyExc_ValueError).attr("__doc__") =
      "Bad input: the message names the field, file or line, its value and what is allowed.";
  zofo::python::bind_solver(m);
  zofo::python::bind_models(m);
  zofo::python::bind_runs(m);
  zofo::python::bind_adapt(m);
}

/// @file A task whose losses and gradients are Python callables.
#pragma once

#include <nanobind/nanobind.h>

#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include "arrays.hpp"
#include "zofo/core/batch_key.hpp"

namespace zofo::python {

/// The callables of a task, and how they are called.
struct Callables {
  Reference upper;             ///< F(theta, p), or f(theta) where `single`
  Reference upper_gradient;    ///< F and its gradient in p
  Reference lower;             ///< G(theta, p)
  Reference lower_gradient;    ///< G and its gradient in p
  Reference lower_solution;    ///< s*(theta), for the inner optimiser exact
  Reference penalty_solution;  ///< p of the least F + λG, for the inner optimiser exact
  bool batches = false;        ///< callables take a BatchKey after p
  bool in_place = false;  ///< gradients are written to the last argument; else (value, gradient) is returned
  bool single = false;    ///< there is no p, and only `upper`

  /// Calls visit(reference) for each callable.
  template <class Visit>
  void for_each(const Visit& visit) {
    for (Reference* each :
         {&upper, &upper_gradient, &lower, &lower_gradient, &lower_solution, &penalty_solution})
      visit(*each);
  }
};

/// A task by callables, for the solver (concept FourFunctions). Each call takes the GIL.
template <class T>
class Task {
 public:
  using Theta = python::Theta;
  using Adapter = Vector<T>;

  /// The callables are shared with the owner of the task.
  explicit Task(std::shared_ptr<const Callables> callables) : call_(std::move(callables)) {}

  /// F(θ, p).
  double upper(const Theta& theta, const Adapter& p, BatchKey batch) const {
    return value(call_->upper, "upper", theta, p, batch);
  }
  /// F, and its gradient in p.
  double upper_gradient(const Theta& theta, const Adapter& p, BatchKey batch, Adapter& gradient) const {
    return derivative(call_->upper_gradient, "upper_gradient", theta, p, batch, gradient);
  }
  /// G(θ, p).
  double lower(const Theta& theta, const Adapter& p, BatchKey batch) const {
    return value(call_->lower, "lower", theta, p, batch);
  }
  /// G, and its gradient in p.
  double lower_gradient(const Theta& theta, const Adapter& p, BatchKey batch, Adapter& gradient) const {
    return derivative(call_->lower_gradient, "lower_gradient", theta, p, batch, gradient);
  }
  /// s*(θ).
  [[nodiscard]] Adapter lower_solution(const Theta& theta) const {
    const nb::gil_scoped_acquire gil;
    return solution(callable(call_->lower_solution, "lower_solution")(theta.shown()), "lower_solution");
  }
  /// p_λ(θ).
  [[nodiscard]] Adapter penalty_solution(const Theta& theta, double penalty) const {
    const nb::gil_scoped_acquire gil;
    return solution(callable(call_->penalty_solution, "penalty_solution")(theta.shown(), penalty),
                    "penalty_solution");
  }

 private:
  static nb::handle callable(const Reference& function, const char* name) {
    require(!function.empty(), "{}: the problem has no such function, which this run calls", name);
    return function.get();
  }
  static double number(nb::handle result, const char* name) {
    const double value = PyFloat_AsDouble(result.ptr());
    if (value == -1.0 && PyErr_Occurred() != nullptr) {
      if (PyErr_ExceptionMatches(PyExc_TypeError) == 0) throw nb::python_error();
      PyErr_Clear();
      fail("{}: returned an object of type {}: must be a number", name,
           nb::cast<std::string>(nb::type_name(result.type())));
    }
    return value;
  }
  static Adapter solution(nb::object result, const char* name) {
    const nb::module_ numpy = nb::module_::import_("numpy");
    return Adapter(
        numpy.attr("array")(result, nb::arg("order") = "C",
                            nb::arg("dtype") = numpy.attr(std::is_same_v<T, double> ? "float64" : "float32")),
        name);
  }
  static void store(nb::handle result, Adapter& gradient, const char* name) {
    const nb::module_ numpy = nb::module_::import_("numpy");
    const nb::object given = numpy.attr("asarray")(result);
    require(given.attr("shape").equal(gradient.writable().attr("shape")),
            "{}: the gradient has shape {}: must be {}, as p", name, text_of(given.attr("shape")),
            text_of(gradient.writable().attr("shape")));
    numpy.attr("copyto")(gradient.writable(), given, nb::arg("casting") = "same_kind");
  }
  double value(const Reference& function, const char* name, const Theta& theta, const Adapter& p,
               const BatchKey& batch) const {
    const nb::gil_scoped_acquire gil;
    const nb::handle f = callable(function, name);
    nb::object result;
    if (call_->single)
      result = call_->batches ? f(theta.shown(), batch) : f(theta.shown());
    else
      result = call_->batches ? f(theta.shown(), p.read_only(), batch) : f(theta.shown(), p.read_only());
    return number(result, name);
  }
  double derivative(const Reference& function, const char* name, const Theta& theta, const Adapter& p,
                    const BatchKey& batch, Adapter& gradient) const {
    const nb::gil_scoped_acquire gil;
    const nb::handle f = callable(function, name);
    nb::object result;
    if (call_->in_place) {
      const nb::handle out = gradient.writable();
      result =
          call_->batches ? f(theta.shown(), p.read_only(), batch, out) : f(theta.shown(), p.read_only(), out);
      return number(result, name);
    }
    result = call_->batches ? f(theta.shown(), p.read_only(), batch) : f(theta.shown(), p.read_only());
    require(
        nb::isinstance<nb::tuple>(result) && nb::len(result) == 2,
        "{}: returned an object of type {}: must be a tuple (value, gradient), or the value with in_place",
        name, nb::cast<std::string>(nb::type_name(result.type())));
    store(result[1], gradient, name);
    return number(result[0], name);
  }

  std::shared_ptr<const Callables> call_;
};

}  // namespace zofo::python

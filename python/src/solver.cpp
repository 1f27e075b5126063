// The solver over problems of Python callables.
#include "zofo/bilevel/solver.hpp"

#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <memory>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "arrays.hpp"
#include "bind.hpp"
#include "fields.hpp"
#include "policies.hpp"
#include "problem.hpp"
#include "zofo/core/batcher.hpp"

namespace zofo::python {

namespace {

// What a solver is made of, as Python gives it.
struct Recipe {
  std::vector<std::shared_ptr<Callables>> tasks;
  nb::dict perturbation, estimator, outer, lower, upper, options;
};

nb::object update_of(const ZoGradient& gradient) {
  nb::list terms;
  for (const ZoTerm& term : gradient.terms)
    terms.append(
        nb::make_tuple(term.direction.seed, term.direction.step, term.direction.query, term.coefficient));
  return nb::tuple(terms);
}

nb::object as_tuple(const StepReport& r) {
  return nb::make_tuple(r.step, r.upper, r.lower_p, r.lower_s, r.projected_gradient, r.inner_value_s,
                        r.inner_value_p, r.inner_gradient_s, r.inner_gradient_p, r.inner_converged,
                        update_of(r.gradient));
}

// Passes reports to a Python callable, and lets Ctrl-C end the solve after a step.
class Watch {
 public:
  explicit Watch(nb::handle observer) : observer_(observer) {}
  bool operator()(const StepReport& report) const {
    const nb::gil_scoped_acquire gil;
    if (PyErr_CheckSignals() != 0) throw nb::python_error();
    if (observer_.is_none()) return true;
    const nb::object answer = observer_(as_tuple(report));
    if (answer.is_none()) return true;
    const int proceed = PyObject_IsTrue(answer.ptr());
    if (proceed < 0) throw nb::python_error();
    return proceed == 1;
  }

 private:
  nb::handle observer_;
};

const char* text_of(Termination reason) {
  switch (reason) {
    case Termination::tolerance:
      return "tolerance";
    case Termination::observer:
      return "observer";
    case Termination::budget:
      break;
  }
  return "budget";
}

template <class T>
class Core {
 public:
  Core(const Recipe& recipe, const Theta& theta)
      : tasks_(make_tasks(recipe)), solver_(tasks_, policies(recipe, theta), make_options(recipe.options)) {}

  nb::object solve(Theta& theta, const nb::list& p, const nb::list& s, nb::handle observer,
                   std::optional<std::uint32_t> steps) {
    std::vector<AdapterPair<Vector<T>>> pairs = adapters(p, s);
    const Watch watch(observer);
    Solution end;
    {
      const nb::gil_scoped_release release;
      end = steps ? solver_.solve(theta, pairs, watch, *steps) : solver_.solve(theta, pairs, watch);
    }
    return nb::make_tuple(text_of(end.termination), end.steps, end.evaluations.losses,
                          end.evaluations.gradients, end.seconds,
                          end.steps > 0 ? as_tuple(end.last) : nb::none(), end.message());
  }
  [[nodiscard]] std::uint32_t step() const { return solver_.state().step; }

 private:
  static std::vector<Task<T>> make_tasks(const Recipe& recipe) {
    std::vector<Task<T>> tasks;
    for (const std::shared_ptr<Callables>& each : recipe.tasks) tasks.emplace_back(each);
    return tasks;
  }
  static auto policies(const Recipe& recipe, const Theta& theta) {
    const std::uint64_t seed = make_options(recipe.options).seed;
    return Policies<PerturbationChoice, EstimatorChoice, OuterChoice, InnerChoice>{
        make_perturbation(recipe.perturbation, theta, seed), make_estimator(recipe.estimator),
        make_outer(recipe.outer), make_inner(recipe.lower), make_inner(recipe.upper)};
  }
  static std::vector<AdapterPair<Vector<T>>> adapters(const nb::list& p, const nb::list& s) {
    require(nb::len(p) == nb::len(s), "s (lower adapter): {} arrays: must be {}, as p", nb::len(s),
            nb::len(p));
    std::vector<AdapterPair<Vector<T>>> pairs;
    for (std::size_t i = 0; i < nb::len(p); ++i)
      pairs.push_back({Vector<T>(p[i], "p (upper adapter)"), Vector<T>(s[i], "s (lower adapter)")});
    return pairs;
  }

  std::vector<Task<T>> tasks_;
  Solver<Task<T>, PerturbationChoice, EstimatorChoice, OuterChoice, InnerChoice> solver_;
};

// A solver whose core is made when the dtype of the adapters and θ are known.
class PySolver {
 public:
  PySolver(nb::list tasks, nb::dict policies, nb::dict options) {
    for (const nb::handle each : tasks)
      recipe_.tasks.push_back(std::make_shared<Callables>(callables(nb::cast<nb::dict>(each))));
    const auto part = [&policies](const char* name) { return nb::cast<nb::dict>(policies[name]); };
    recipe_.perturbation = part("perturbation");
    recipe_.estimator = part("estimator");
    recipe_.outer = part("outer");
    recipe_.lower = part("lower");
    recipe_.upper = part("upper");
    recipe_.options = std::move(options);
    const Theta one(nb::module_::import_("numpy").attr("ones")(1));  // a mask of θ is made later
    make_perturbation(recipe_.perturbation, one, 0).check();
    make_estimator(recipe_.estimator).check();
    make_outer(recipe_.outer).check();
    make_inner(recipe_.lower).check();
    make_inner(recipe_.upper).check();
    make_options(recipe_.options).check(recipe_.tasks.size());
  }
  PySolver(const PySolver&) = delete;
  PySolver& operator=(const PySolver&) = delete;

  // For Python's collector of cycles: a callable may refer to the solver.
  int traverse(visitproc visit, void* argument) {
    int result = 0;
    for (const auto& task : recipe_.tasks)
      task->for_each([&](const Reference& each) {
        if (result == 0 && !each.empty()) result = visit(each.get().ptr(), argument);
      });
    return result;
  }
  void clear() {
    for (const auto& task : recipe_.tasks) task->for_each([](Reference& each) { each = Reference(); });
  }

  nb::object solve(nb::handle theta, const nb::list& p, const nb::list& s, nb::handle observer,
                   std::optional<std::uint32_t> steps) {
    require(!busy_, "solver: is running: a call of solve() has not returned");
    busy_ = true;
    const Finally done{busy_};
    Theta at(theta);
    if (core_.index() == 0) {
      const bool wide = nb::len(p) == 0 || Array(p[0], "p (upper adapter)").wide();
      if (wide)
        core_ = std::make_unique<Core<double>>(recipe_, at);
      else
        core_ = std::make_unique<Core<float>>(recipe_, at);
    }
    return std::visit(
        [&](auto& core) -> nb::object {
          if constexpr (requires { core->step(); })
            return core->solve(at, p, s, observer, steps);
          else
            return nb::none();
        },
        core_);
  }
  [[nodiscard]] std::uint32_t step() const {
    return std::visit(
        [](const auto& core) -> std::uint32_t {
          if constexpr (requires { core->step(); })
            return core->step();
          else
            return 0;
        },
        core_);
  }

 private:
  struct Finally {
    bool& flag;
    ~Finally() { flag = false; }
  };
  static Callables callables(const nb::dict& given) {
    const auto function = [&given](const char* name) {
      nb::object f = given[name];
      return f.is_none() ? Reference() : Reference(std::move(f));
    };
    const auto flag = [&given](const char* name) { return nb::cast<bool>(given[name]); };
    return {function("upper"),
            function("upper_gradient"),
            function("lower"),
            function("lower_gradient"),
            function("lower_solution"),
            function("penalty_solution"),
            flag("batches"),
            flag("in_place"),
            flag("single")};
  }

  Recipe recipe_;
  std::variant<std::monostate, std::unique_ptr<Core<double>>, std::unique_ptr<Core<float>>> core_;
  bool busy_ = false;
};

int traverse_solver(PyObject* self, visitproc visit, void* argument) {
  if (const int result = visit(reinterpret_cast<PyObject*>(Py_TYPE(self)), argument); result != 0)
    return result;
  if (!nb::inst_ready(self)) return 0;
  return nb::inst_ptr<PySolver>(self)->traverse(visit, argument);
}
int clear_solver(PyObject* self) {
  if (nb::inst_ready(self)) nb::inst_ptr<PySolver>(self)->clear();
  return 0;
}
PyType_Slot solver_slots[] = {{Py_tp_traverse, reinterpret_cast<void*>(traverse_solver)},
                              {Py_tp_clear, reinterpret_cast<void*>(clear_solver)},
                              {0, nullptr}};

}  // namespace

void bind_solver(nb::module_& m) {
  nb::class_<Schedule>(m, "Schedule", "A number that depends on the step: a rate, a radius or a penalty.")
      .def_static(
          "constant", [](double value) { return Schedule(value); }, nb::arg("value"),
          "The same value at every step.")
      .def_static("linear", &Schedule::linear, nb::arg("start"), nb::arg("end"), nb::arg("steps"),
                  "Linear from start to end in so many steps, then end.")
      .def_static("cosine", &Schedule::cosine, nb::arg("start"), nb::arg("end"), nb::arg("steps"),
                  "Half a cosine from start to end in so many steps, then end.")
      .def_static("inverse_sqrt", &Schedule::inverse_sqrt, nb::arg("first"), "first / sqrt(k + 1) at step k.")
      .def("with_warmup", &Schedule::with_warmup, nb::arg("steps"),
           "The same, so many steps later, after a linear increase from 0.")
      .def("at", &Schedule::at, nb::arg("step"), "The value at a step, counted from 0.");
  nb::class_<BatchKey>(m, "BatchKey", "Names a mini-batch. Equal keys must give the same examples.")
      .def(nb::init<std::uint64_t, std::uint32_t, std::uint32_t, std::uint32_t>(), nb::arg("seed") = 0,
           nb::arg("step") = 0, nb::arg("stream") = 0, nb::arg("task") = 0, "A key of these numbers.")
      .def_ro("seed", &BatchKey::seed, "Seed of the run; it contains the task.")
      .def_ro("step", &BatchKey::step, "Number of the mini-batch within its stream.")
      .def_ro("stream", &BatchKey::stream, "What the mini-batch is for.")
      .def_ro("task", &BatchKey::task, "Index of the task; 0 in the keys that callables get.")
      .def("__eq__", [](const BatchKey& a, const BatchKey& b) { return a == b; })
      .def("__hash__",
           [](const BatchKey& k) { return nb::hash(nb::make_tuple(k.seed, k.step, k.stream, k.task)); })
      .def("__repr__",
           [](const BatchKey& k) {
             return fmt::format("BatchKey(seed={}, step={}, stream={}, task={})", k.seed, k.step, k.stream,
                                k.task);
           })
      .def(
          "sample",
          [](const BatchKey& k, std::size_t rows, std::size_t batch) { return sample_batch(k, rows, batch); },
          nb::arg("rows"), nb::arg("batch"),
          "Indices of the examples of this mini-batch; every example is used once in an epoch.");
  nb::class_<PySolver>(m, "Solver", nb::type_slots(solver_slots), "The solver of zofo.Solver.")
      .def(nb::init<nb::list, nb::dict, nb::dict>(), nb::arg("tasks"), nb::arg("policies"),
           nb::arg("options"))
      .def("solve", &PySolver::solve, nb::arg("theta"), nb::arg("p"), nb::arg("s"),
           nb::arg("observer").none(), nb::arg("steps").none())
      .def_prop_ro("step", &PySolver::step);
}

}  // namespace zofo::python

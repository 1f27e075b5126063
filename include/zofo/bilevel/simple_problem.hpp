/// @file Adapts tasks with four plain functions to the batched interface BilevelProblem.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <utility>

#include "zofo/core/adapter_pair.hpp"
#include "zofo/core/error.hpp"
#include "zofo/core/memory.hpp"
#include "zofo/core/problem.hpp"
#include "zofo/inner/state_memory.hpp"
#include "zofo/perturb/perturbation.hpp"

namespace zofo {

/// A list of tasks, each with upper, upper_gradient, lower and lower_gradient, as a BilevelProblem. The tasks
/// must outlive it. A perturbed θ is written to a copy, and the direction of a pair ±ε is generated once. The
/// functions of a task receive keys whose seed contains the task (task_seed). The object stores copies of θ:
/// use it from one thread at a time.
template <FourFunctions Task>
class SimpleProblem {
 public:
  using Theta = typename Task::Theta;
  using Adapter = typename Task::Adapter;

  /// Refers to `tasks`, which must outlive the object.
  explicit SimpleProblem(std::span<Task> tasks) : tasks_(tasks) {}

  /// The number of tasks.
  [[nodiscard]] std::size_t num_tasks() const { return tasks_.size(); }
  /// The task of an index below num_tasks().
  [[nodiscard]] Task& task(std::size_t index) const { return tasks_[index]; }

  /// Evaluates all requests at all probes: out[i · requests.size() + j] is the loss of request j at probe i.
  template <class D>
  void losses(const Theta& theta, const D& perturbation, std::span<const Probe> probes,
              std::span<const LossRequest<Adapter>> requests, std::span<double> out) {
    const auto row = [&](std::size_t i) { return out.subspan(i * requests.size(), requests.size()); };
    for (std::size_t i = 0; i < probes.size(); ++i) {
      const Probe& probe = probes[i];
      if (probe.scale == 0.0) {
        evaluate(theta, requests, row(i));
      } else if (i + 1 < probes.size() && mirrored(probe, probes[i + 1])) {
        Theta& plus = copy_of(theta, plus_);
        Theta& minus = copy_of(theta, minus_);
        write_perturbed_pair(perturbation, theta, probe.direction, probe.scale, plus, minus);
        evaluate(plus, requests, row(i));
        evaluate(minus, requests, row(i + 1));
        ++i;
      } else {
        Theta& plus = copy_of(theta, plus_);
        write_perturbed(perturbation, theta, probe.direction, probe.scale, plus);
        evaluate(plus, requests, row(i));
      }
    }
  }

  /// Writes each request's gradient and value.
  void gradients(const Theta& theta, std::span<GradientRequest<Adapter>> requests) {
    for (GradientRequest<Adapter>& request : requests) gradient(theta, request);
  }

  /// Writes s*(θ) (Level::lower) or p_λ(θ) (Level::upper) of a task, from its closed form.
  void minimiser(const Theta& theta, std::uint32_t task, Level level, double penalty, Adapter& out) const
    requires HasExactInner<Task>
  {
    if (level == Level::upper)
      out = tasks_[task].penalty_solution(theta, penalty);
    else
      out = tasks_[task].lower_solution(theta);
  }
  /// Throws Error when θ or an adapter has another shape than the start() of its task.
  void check_point(const Theta& theta, std::span<const AdapterPair<Adapter>> adapters) const {
    if constexpr (HasStart<Task>) {
      for (std::size_t i = 0; i < tasks_.size(); ++i) {
        const auto fit = tasks_[i].start();
        require_same_shape("theta", theta, fit.theta);
        require_same_shape("p (upper adapter)", adapters[i].upper, fit.p);
        require_same_shape("s (lower adapter)", adapters[i].lower, fit.p);
      }
    }
  }

 private:
  static bool mirrored(const Probe& a, const Probe& b) {
    return a.direction == b.direction && a.scale == -b.scale;
  }
  // The values do not matter: every probe overwrites all of them.
  static Theta& copy_of(const Theta& theta, Memory<Theta>& copy) {
    if (!copy) copy.emplace(theta);
    return *copy;
  }
  static BatchKey key_of(const BatchKey& batch) { return {task_seed(batch), batch.step, batch.stream, 0}; }

  void evaluate(const Theta& theta, std::span<const LossRequest<Adapter>> requests, std::span<double> out) {
    for (std::size_t j = 0; j < requests.size(); ++j) {
      const LossRequest<Adapter>& request = requests[j];
      Task& task = tasks_[request.batch.task];
      out[j] = request.level == Level::upper ? task.upper(theta, *request.adapter, key_of(request.batch))
                                             : task.lower(theta, *request.adapter, key_of(request.batch));
    }
  }
  void gradient(const Theta& theta, GradientRequest<Adapter>& request) {
    Task& task = tasks_[request.task()];
    Adapter& g = *request.gradient;
    if (request.upper_weight == 0.0) {
      request.value = request.lower_weight *
                      task.lower_gradient(theta, *request.adapter, key_of(request.batches.lower), g);
      if (request.lower_weight != 1.0) scale(request.lower_weight, g);
      return;
    }
    request.value =
        request.upper_weight * task.upper_gradient(theta, *request.adapter, key_of(request.batches.upper), g);
    if (request.upper_weight != 1.0) scale(request.upper_weight, g);
    if (request.lower_weight == 0.0) return;
    Adapter& lower = inner::scratch_like(g, lower_gradient_);
    request.value += request.lower_weight *
                     task.lower_gradient(theta, *request.adapter, key_of(request.batches.lower), lower);
    axpy(request.lower_weight, lower, g);
  }
  template <class V, class W>
  static void require_same_shape(const char* name, const V& x, const W& fit) {
    if constexpr (EigenPlain<V> && EigenPlain<W>)
      require(x.rows() == fit.rows() && x.cols() == fit.cols(), "{} is {}x{}: must be {}x{}", name, x.rows(),
              x.cols(), fit.rows(), fit.cols());
    else if constexpr (HasCoordinates<const V> && HasCoordinates<const W>)
      require(coordinates(x).size() == coordinates(fit).size(), "{} has {} coordinates: must have {}", name,
              coordinates(x).size(), coordinates(fit).size());
  }

  std::span<Task> tasks_;
  Memory<Theta> plus_, minus_;
  Memory<Adapter> lower_gradient_;
};

/// One task from four functions of (θ, p) or (θ, p, batch):
///   F(θ, p), dF(θ, p, gradient) -> F, G(θ, p), dG(θ, p, gradient) -> G, with the batch before `gradient`.
template <class T, class P, class F, class DF, class G, class DG>
struct FunctionProblem {
  using Theta = T;
  using Adapter = P;
  F f;    ///< F(θ, p), the upper loss
  DF df;  ///< writes ∇_pF and returns F
  G g;    ///< G(θ, p), the lower loss
  DG dg;  ///< writes ∇_pG and returns G

  /// F(θ, p) on a mini-batch.
  double upper(const Theta& theta, const Adapter& p, BatchKey batch) { return value(f, theta, p, batch); }
  /// F, and its gradient in p.
  double upper_gradient(const Theta& theta, const Adapter& p, BatchKey batch, Adapter& gradient) {
    return derivative(df, theta, p, batch, gradient);
  }
  /// G(θ, p) on a mini-batch.
  double lower(const Theta& theta, const Adapter& p, BatchKey batch) { return value(g, theta, p, batch); }
  /// G, and its gradient in p.
  double lower_gradient(const Theta& theta, const Adapter& p, BatchKey batch, Adapter& gradient) {
    return derivative(dg, theta, p, batch, gradient);
  }

 private:
  template <class Function>
  static double value(Function& function, const Theta& theta, const Adapter& p, BatchKey batch) {
    if constexpr (std::invocable<Function&, const Theta&, const Adapter&, BatchKey>)
      return function(theta, p, batch);
    else
      return function(theta, p);
  }
  template <class Function>
  static double derivative(Function& function, const Theta& theta, const Adapter& p, BatchKey batch,
                           Adapter& gradient) {
    if constexpr (std::invocable<Function&, const Theta&, const Adapter&, BatchKey, Adapter&>)
      return function(theta, p, batch, gradient);
    else
      return function(theta, p, gradient);
  }
};

/// `simple_problem<Theta, Adapter>(F, dF, G, dG)`: a problem from four functions, for the solver. A function
/// that samples mini-batches takes a BatchKey after its adapter.
template <class Theta, class Adapter, class F, class DF, class G, class DG>
[[nodiscard]] FunctionProblem<Theta, Adapter, F, DF, G, DG> simple_problem(F upper, DF upper_gradient,
                                                                           G lower, DG lower_gradient) {
  static_assert(std::invocable<F&, const Theta&, const Adapter&> ||
                    std::invocable<F&, const Theta&, const Adapter&, BatchKey>,
                "zofo: simple_problem needs F(theta, p) -> double, or F(theta, p, batch)");
  static_assert(std::invocable<G&, const Theta&, const Adapter&> ||
                    std::invocable<G&, const Theta&, const Adapter&, BatchKey>,
                "zofo: simple_problem needs G(theta, p) -> double, or G(theta, p, batch)");
  static_assert(
      std::invocable<DF&, const Theta&, const Adapter&, Adapter&> ||
          std::invocable<DF&, const Theta&, const Adapter&, BatchKey, Adapter&>,
      "zofo: simple_problem needs dF(theta, p, gradient) -> double, or dF(theta, p, batch, gradient)");
  static_assert(
      std::invocable<DG&, const Theta&, const Adapter&, Adapter&> ||
          std::invocable<DG&, const Theta&, const Adapter&, BatchKey, Adapter&>,
      "zofo: simple_problem needs dG(theta, p, gradient) -> double, or dG(theta, p, batch, gradient)");
  return {std::move(upper), std::move(upper_gradient), std::move(lower), std::move(lower_gradient)};
}

}  // namespace zofo

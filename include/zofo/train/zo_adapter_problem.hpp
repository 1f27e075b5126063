/// @file A language problem as a function of its adapter, for zeroth-order updates of the adapter.
#pragma once

#include <Eigen/Core>
#include <cstddef>
#include <span>
#include <vector>

#include "zofo/bilevel/single_level.hpp"
#include "zofo/core/probe.hpp"
#include "zofo/core/problem.hpp"
#include "zofo/core/requests.hpp"
#include "zofo/perturb/perturbation.hpp"

namespace zofo::llm {

/// F(adapter) = F(θ, adapter) at a fixed backbone θ: the adapter takes the place of θ in the algorithm (MeZO
/// on PEFT modules, Malladi et al. 2023, §3). The adapter is small: it and its perturbed copy stay on the
/// host, and the copy is sent to the device for each probe. Borrows the device, the backbone and the problem.
template <class Device, class Problem>
class AdapterProblem {
 public:
  using Theta = Eigen::VectorXf;             ///< the adapter
  using Adapter = NoAdapter;                 ///< there is no lower level
  using Backbone = typename Problem::Theta;  ///< the model's weights

  /// Borrows all arguments.
  AdapterProblem(Device& device, const Backbone& backbone, Problem& problem)
      : device_(&device), backbone_(&backbone), problem_(&problem) {}

  /// Number of tasks.
  [[nodiscard]] std::size_t num_tasks() const { return problem_->num_tasks(); }

  /// out[i · requests + j]: the loss of request j at probe i of the adapter.
  template <class D>
  void losses(const Theta& adapter, const D& perturbation, std::span<const Probe> probes,
              std::span<const LossRequest<Adapter>> requests, std::span<double> out) {
    const Probe here;
    perturbed_ = adapter;
    for (std::size_t i = 0; i < probes.size(); ++i) {
      if (probes[i].scale == 0.0)
        perturbed_ = adapter;
      else
        write_perturbed(perturbation, adapter, probes[i].direction, probes[i].scale, perturbed_);
      const auto sent = device_->vector(perturbed_);
      requests_.clear();
      for (const LossRequest<Adapter>& request : requests)
        requests_.push_back({request.level, &sent, request.batch});
      problem_->losses(*backbone_, NoPerturbation{}, std::span(&here, 1),
                       std::span<const LossRequest<typename Problem::Adapter>>(requests_),
                       out.subspan(i * requests.size(), requests.size()));
    }
  }
  /// There is no lower level: sets all values to 0.
  void gradients(const Theta& /*adapter*/, std::span<GradientRequest<Adapter>> requests) const {
    for (GradientRequest<Adapter>& request : requests) request.value = 0.0;
  }

 private:
  Device* device_;
  const Backbone* backbone_;
  Problem* problem_;
  Theta perturbed_;
  std::vector<LossRequest<typename Problem::Adapter>> requests_;
};

}  // namespace zofo::llm

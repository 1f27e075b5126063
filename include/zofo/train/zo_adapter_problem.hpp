/// @file A language problem in its adapter alone: what zeroth-order steps on an adapter minimise.
#pragma once

#include <Eigen/Core>
#include <span>
#include <vector>

#include "zofo/bilevel/single_level.hpp"
#include "zofo/core/probe.hpp"
#include "zofo/core/batch_key.hpp"
#include "zofo/perturb/perturbation.hpp"

namespace zofo::llm {

/// F(adapter) = F(θ, adapter) at a fixed backbone θ, the adapter standing where θ stands in the algorithm:
/// MeZO on PEFT (Malladi et al. 2023, §3). The adapter and its random moves stay on the CPU, an adapter being
/// small; each moved copy goes to the device. Borrows the device, the backbone and the problem.
template <class Device, class Problem>
class AdapterProblem {
 public:
  using Theta = Eigen::VectorXf;
  using Adapter = NoAdapter;
  using Backbone = typename Problem::Theta;

  AdapterProblem(Device& device, const Backbone& backbone, const Problem& problem)
      : device_(&device), backbone_(&backbone), problem_(&problem) {}

  /// F on the rows that `sample` draws.
  double upper(const Theta& adapter, const Adapter& /*p*/, BatchKey sample) const {
    return problem_->upper(*backbone_, device_->vector(adapter), sample);
  }
  double upper_gradient(const Theta& adapter, const Adapter& p, BatchKey sample, Adapter& /*gradient*/) const {
    return upper(adapter, p, sample);
  }
  /// There is no lower level.
  double lower(const Theta& /*adapter*/, const Adapter& /*p*/, BatchKey /*sample*/) const { return 0.0; }
  double lower_gradient(const Theta& /*adapter*/, const Adapter& /*p*/, BatchKey /*sample*/,
                        Adapter& /*gradient*/) const {
    return 0.0;
  }
  /// F at every probe of the adapter.
  template <class Law>
  std::vector<double> upper_values(const Theta& adapter, const Law& law, std::span<const Probe> probes,
                                   const Adapter& p, BatchKey sample) const {
    std::vector<double> values;
    Theta moved = adapter;
    for (const Probe& probe : probes) {
      if (probe.scale == 0.0)
        moved = adapter;
      else
        write_perturbed(law, adapter, probe.direction, probe.scale, moved);
      values.push_back(upper(moved, p, sample));
    }
    return values;
  }

 private:
  Device* device_;
  const Backbone* backbone_;
  const Problem* problem_;
};

}  // namespace zofo::llm

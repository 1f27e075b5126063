// Requests of one adapter to a language problem.
#pragma once

#include <Eigen/Core>
#include <cstddef>
#include <span>
#include <vector>

#include "zofo/core/problem.hpp"
#include "zofo/core/requests.hpp"
#include "zofo/train/language_problem.hpp"

namespace zofo::testing {

// F or G at θ itself.
inline double loss(llm::LanguageProblem& problem, const model::Parameters& theta,
                   const Eigen::VectorXf& adapter, Level level, BatchKey batch) {
  const LossRequest<Eigen::VectorXf> request{level, &adapter, batch};
  const Probe here;
  double value = 0.0;
  problem.losses(theta, NoPerturbation{}, std::span(&here, 1), std::span(&request, 1), std::span(&value, 1));
  return value;
}
// upper_weight F + lower_weight G and its gradient.
inline double gradient(llm::LanguageProblem& problem, const model::Parameters& theta,
                       const Eigen::VectorXf& adapter, double upper_weight, double lower_weight,
                       const BatchPair& batches, Eigen::VectorXf& out) {
  GradientRequest<Eigen::VectorXf> request{&adapter, upper_weight, lower_weight, batches, &out};
  problem.gradients(theta, std::span(&request, 1));
  return request.value;
}
// F(·,p), G(·,p), G(·,s) at every probe; F only where `with_lower` is false.
template <class D>
std::vector<PenaltyTerms> terms(llm::LanguageProblem& problem, const model::Parameters& theta, const D& z,
                                std::span<const Probe> probes, const Eigen::VectorXf& p,
                                const Eigen::VectorXf& s, const BatchPair& batches, bool with_lower = true) {
  std::vector<LossRequest<Eigen::VectorXf>> requests{{Level::upper, &p, batches.upper}};
  if (with_lower) {
    requests.push_back({Level::lower, &p, batches.lower});
    requests.push_back({Level::lower, &s, batches.lower});
  }
  std::vector<double> out(probes.size() * requests.size());
  problem.losses(theta, z, probes, std::span<const LossRequest<Eigen::VectorXf>>(requests), std::span(out));
  std::vector<PenaltyTerms> list(probes.size());
  for (std::size_t i = 0; i < probes.size(); ++i) {
    const double* const at = out.data() + i * requests.size();
    list[i].upper = at[0];
    if (with_lower) list[i].lower_p = at[1], list[i].lower_s = at[2];
  }
  return list;
}

}  // namespace zofo::testing

/// @file Whether a smoothing radius is large enough for the precision of the perturbed numbers.
#pragma once

#include <Eigen/Core>
#include <span>
#include <string>

#include "zofo/config/run_options.hpp"

namespace zofo::llm {

/// The distance from 1 to the next larger number: 2^-7 in bf16, 2^-23 in fp32. Throws Error for "auto".
double machine_epsilon(Precision precision);

/// The root mean square of the values, of about 2^24 of them where there are more. 0 for no values.
double root_mean_square(std::span<const float> values);

/// The smallest smoothing radius whose perturbations survive rounding: machine epsilon · the root mean square
/// of θ.
///
/// A probe is θ + εz, rounded to θ's precision. Numbers of the size of w are up to u·|w| apart (u: machine
/// epsilon), so where ε|z_i| is below half of this the probe has θ_i itself, and the entry z_i has no
/// influence on the loss although the estimate still divides by ε. Entries of z have the mean square 1 and
/// entries of θ that of its root mean square, so a typical entry moves by a whole distance from ε = u·rms on.
/// Below that, the losses at ±ε are those of a few coarse steps, or equal.
double smoothing_resolution(Precision precision, double rms);

/// The line for what a run's estimates perturb, the weights or the adapter, which is fp32; empty also if it
/// makes no estimates.
std::string smoothing_warning(const RunOptions& o, Precision of_weights, std::span<const float> weights,
                              const Eigen::VectorXf& adapter);

/// One line that names the radius and one that works, if the radius is below the resolution; else empty. The
/// suggested radius is 10 times the resolution, rounded up to one digit: then rounding changes a typical
/// entry by at most 5 %. `values` are what the estimates perturb.
std::string smoothing_warning(const ZerothOrderOptions& o, Precision precision,
                              std::span<const float> values);

}  // namespace zofo::llm

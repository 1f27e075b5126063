#include "zofo/train/smoothing.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

#include "zofo/config/enum_text.hpp"
#include "zofo/core/error.hpp"

namespace zofo::llm {

namespace {

// The smallest number of one digit that is at least x.
double rounded_up(double x) {
  const double unit = std::pow(10.0, std::floor(std::log10(x)));
  return std::ceil(x / unit) * unit;
}

}  // namespace

double machine_epsilon(Precision precision) {
  require(precision != Precision::automatic, "precision = \"auto\": must be bf16 or fp32 here");
  return precision == Precision::bf16 ? std::ldexp(1.0, -7)
                                      : static_cast<double>(std::numeric_limits<float>::epsilon());
}

double root_mean_square(std::span<const float> values) {
  constexpr std::size_t most = std::size_t{1} << 24U;
  // Odd, so that a matrix whose width is a power of two is not read in a few columns only.
  const std::size_t stride = (values.size() / most) | 1U;
  double sum = 0.0, count = 0.0;
  for (std::size_t i = 0; i < values.size(); i += stride, count += 1.0)
    sum += static_cast<double>(values[i]) * static_cast<double>(values[i]);
  return count > 0.0 ? std::sqrt(sum / count) : 0.0;
}

double smoothing_resolution(Precision precision, double rms) { return machine_epsilon(precision) * rms; }

std::string smoothing_warning(const ZerothOrderOptions& o, Precision precision,
                              std::span<const float> values) {
  // The only entry of a coordinate direction is √d.
  const double entry =
      o.direction == DirectionKind::coordinate ? std::sqrt(static_cast<double>(values.size())) : 1.0;
  const double resolution = smoothing_resolution(precision, root_mean_square(values)) / entry;
  if (!(o.zo_eps < resolution)) return "";
  return fmt::format(
      "zo_eps = {:.3g}: below {:.2g}, the resolution of the weights in {} (machine epsilon times their root "
      "mean square): rounding removes most of each perturbation; --zo-eps {:.1g} works",
      o.zo_eps, resolution, to_text(precision), std::min(1.0, rounded_up(10.0 * resolution)));
}

std::string smoothing_warning(const RunOptions& o, Precision of_weights, std::span<const float> weights,
                              const Eigen::VectorXf& adapter) {
  if (!o.takes_estimates()) return "";
  if (o.updates_backbone()) return smoothing_warning(o, of_weights, weights);
  return smoothing_warning(o, Precision::fp32, {adapter.data(), static_cast<std::size_t>(adapter.size())});
}

}  // namespace zofo::llm

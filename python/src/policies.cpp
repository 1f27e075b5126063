#include "policies.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "fields.hpp"
#include "zofo/config/enum_text.hpp"
#include "zofo/config/option_enums.hpp"

namespace zofo::python {

namespace {

std::string name_of(const nb::dict& fields) { return nb::cast<std::string>(fields["name"]); }

// The fields except the name.
Fields fields_of(const nb::dict& fields, const char* kind) {
  nb::dict rest;
  for (const auto& [key, value] : fields)
    if (nb::cast<std::string>(key) != "name") rest[key] = value;
  return {rest, fmt::format("{} '{}'", kind, name_of(fields))};
}

[[noreturn]] void unknown(const char* kind, const std::string& name, const std::string& names) {
  fail("{} = '{}': must be one of {}", kind, name, names);
}

llm::AnyEstimator with_sign(auto estimator, bool random_sign) {
  if (!random_sign) return llm::AnyEstimator(estimator);
  return llm::AnyEstimator(RandomSign<decltype(estimator)>{estimator, estimator.seed});
}

template <class E>
E common(Fields& fields) {
  E estimator;
  fields.read("epsilon", estimator.epsilon);
  fields.read("queries", estimator.queries);
  fields.read("seed", estimator.seed);
  return estimator;
}

llm::AnyReduction reduced(llm::AnyEstimator estimator, Fields& fields) {
  const auto name = fields.get<std::string>("variance_reduction", "none");
  switch (llm::enum_from<llm::ReductionKind>("variance_reduction", name)) {
    case llm::ReductionKind::svrg: {
      llm::AnyReduction::Svrg svrg{std::move(estimator)};
      fields.read("period", svrg.period);
      fields.read("batches", svrg.batches);
      return llm::AnyReduction(svrg);
    }
    case llm::ReductionKind::spider: {
      llm::AnyReduction::Spider spider{std::move(estimator)};
      fields.read("period", spider.period);
      fields.read("batches", spider.batches);
      return llm::AnyReduction(spider);
    }
    case llm::ReductionKind::storm: {
      llm::AnyReduction::Storm storm{std::move(estimator)};
      fields.read("weight", storm.weight);
      return llm::AnyReduction(storm);
    }
    case llm::ReductionKind::none:
      break;
  }
  return llm::AnyReduction(llm::AnyReduction::None{std::move(estimator)});
}

template <class O>
llm::AnyOuter clipped(O optimiser, Fields& fields) {
  const auto longest = fields.get<double>("longest", 0.0);
  if (longest == 0.0) return llm::AnyOuter(optimiser);
  return llm::AnyOuter(outer::StepClipping<O>{optimiser, longest});
}

PlainOuter plain_outer(const std::string& name, Fields& fields) {
  const auto with_rate = [&fields](auto optimiser) {
    fields.read("rate", optimiser.rate);
    return optimiser;
  };
  if (name == "lion" || name == "sign") {
    if (name == "sign") return PlainOuter(with_rate(outer::Sign{}));
    outer::Lion lion = with_rate(outer::Lion{});
    fields.read("beta1", lion.beta1);
    fields.read("beta2", lion.beta2);
    fields.read("weight_decay", lion.weight_decay);
    return PlainOuter(lion);
  }
  const auto& names = llm::enum_names<llm::OuterKind>;
  if (std::find(names.begin(), names.end(), name) == names.end())
    unknown("outer", name, llm::all_names<llm::OuterKind>() + ", lion, sign");
  switch (llm::enum_from<llm::OuterKind>("outer", name)) {
    case llm::OuterKind::momentum: {
      outer::Momentum momentum = with_rate(outer::Momentum{});
      fields.read("momentum", momentum.momentum);
      return PlainOuter(clipped(momentum, fields));
    }
    case llm::OuterKind::adam: {
      outer::Adam adam = with_rate(outer::Adam{});
      fields.read("beta1", adam.beta1);
      fields.read("beta2", adam.beta2);
      fields.read("epsilon", adam.epsilon);
      return PlainOuter(llm::AnyOuter(adam));
    }
    case llm::OuterKind::rms_scalar: {
      outer::RmsScalar scalar = with_rate(outer::RmsScalar{});
      fields.read("beta2", scalar.beta2);
      return PlainOuter(llm::AnyOuter(scalar));
    }
    case llm::OuterKind::sgd:
      break;
  }
  return PlainOuter(clipped(with_rate(outer::Sgd{}), fields));
}

// A bound for all coordinates, or an array or arrays of θ's shape.
outer::Bound bound(nb::handle value) {
  const double number =
      PyFloat_Check(value.ptr()) || PyLong_Check(value.ptr()) ? PyFloat_AsDouble(value.ptr()) : 0.0;
  if (PyFloat_Check(value.ptr()) || PyLong_Check(value.ptr())) return number;
  return Theta(value);
}

}  // namespace

PerturbationChoice make_perturbation(nb::dict values, const Theta& theta, std::uint64_t seed) {
  using llm::AnyPerturbation;
  const std::string name = name_of(values);
  Fields fields = fields_of(values, "perturbation");
  const auto made = [&](auto distribution) {
    fields.finish();
    return PerturbationChoice(AnyPerturbation(std::move(distribution)));
  };
  if (name == "orthogonal") {
    Orthogonal orthogonal;
    fields.read("queries", orthogonal.queries);
    fields.finish();
    return PerturbationChoice(orthogonal);
  }
  const auto& names = llm::enum_names<llm::DirectionKind>;
  if (std::find(names.begin(), names.end(), name) == names.end())
    unknown("perturbation", name, llm::all_names<llm::DirectionKind>() + ", orthogonal");
  switch (llm::enum_from<llm::DirectionKind>("perturbation", name)) {
    case llm::DirectionKind::rademacher:
      return made(Rademacher{});
    case llm::DirectionKind::sphere:
      return made(Sphere{});
    case llm::DirectionKind::coordinate:
      return made(Coordinate{});
    case llm::DirectionKind::low_rank: {
      const auto rank = fields.get<std::uint32_t>("rank", 2),
                 interval = fields.get<std::uint32_t>("interval", 1);
      return made(LowRank{rank, interval});
    }
    case llm::DirectionKind::sparse: {
      const auto fraction = fields.get<double>("fraction", 0.25);
      return made(Sparse{Gaussian{}, MagnitudeMask(theta, fraction)});
    }
    case llm::DirectionKind::random_sparse: {
      const auto fraction = fields.get<double>("fraction", 0.25);
      const auto interval = fields.get<std::uint32_t>("interval", 1);
      return made(
          Sparse{Gaussian{}, RandomMask{fraction, fields.get<std::uint64_t>("seed", seed), interval}});
    }
    case llm::DirectionKind::gaussian:
      break;
  }
  return made(Gaussian{});
}

EstimatorChoice make_estimator(nb::dict values) {
  const std::string name = name_of(values);
  Fields fields = fields_of(values, "estimator");
  if (name == "one-point-residual") {
    EstimatorChoice choice(EstimatorChoice::OnePoint{common<OnePointResidual>(fields)});
    fields.finish();
    return choice;
  }
  const auto finished = [&](auto estimator) {
    const bool random_sign = fields.get<bool>("random_sign", false);
    EstimatorChoice choice(reduced(with_sign(estimator, random_sign), fields));
    fields.finish();
    return choice;
  };
  if (name == "central") return finished(common<Central>(fields));
  if (name == "forward") return finished(common<Forward>(fields));
  if (name == "std-normalized") return finished(common<StdNormalized>(fields));
  unknown("estimator", name, "central, forward, std-normalized, one-point-residual");
}

OuterChoice make_outer(nb::dict values) {
  const std::string name = name_of(values);
  Fields fields = fields_of(values, "outer");
  PlainOuter plain = plain_outer(name, fields);
  nb::object low = nb::none(), high = nb::none(), centre = nb::none();
  fields.read("low", low);
  fields.read("high", high);
  fields.read("centre", centre);
  const auto radius = fields.get<double>("radius", -1.0);
  const bool box = !low.is_none() || !high.is_none(), ball = radius >= 0.0;
  require(centre.is_none() || ball, "centre: only together with radius");
  require(!box || !ball, "low, high and radius: θ stays in a box or in a ball, not in both");
  fields.finish();
  if (ball)
    return OuterChoice(OuterChoice::Constrained{
        plain, {centre.is_none() ? outer::Ball(radius) : outer::Ball::around(Theta(centre), radius)}});
  if (!box) return OuterChoice(plain);
  outer::Box limits;
  if (!low.is_none()) limits.low = bound(low);
  if (!high.is_none()) limits.high = bound(high);
  return OuterChoice(OuterChoice::Constrained{plain, {limits}});
}

InnerChoice make_inner(nb::dict values) {
  const std::string name = name_of(values);
  Fields fields = fields_of(values, "inner optimiser");
  const auto finished = [&](auto optimiser) {
    if constexpr (requires { optimiser.rate; }) fields.read("rate", optimiser.rate);
    if constexpr (requires { optimiser.momentum = 0.0; }) fields.read("momentum", optimiser.momentum);
    if constexpr (requires { optimiser.beta1; }) {
      fields.read("beta1", optimiser.beta1);
      fields.read("beta2", optimiser.beta2);
      fields.read("epsilon", optimiser.epsilon);
    }
    if constexpr (requires { optimiser.weight_decay; }) {
      fields.read("weight_decay", optimiser.weight_decay);
      fields.read("clip", optimiser.clip);
    }
    if constexpr (requires { optimiser.strong_convexity; })
      fields.read("strong_convexity", optimiser.strong_convexity);
    if constexpr (requires { optimiser.first_rate; }) {
      fields.read("memory", optimiser.memory);
      fields.read("first_rate", optimiser.first_rate);
      fields.read("max_step_norm", optimiser.max_step_norm);
      fields.read("min_curvature", optimiser.min_curvature);
    }
    fields.finish();
    return InnerChoice(optimiser);
  };
  if (name == "adam") return finished(inner::Adam{});
  if (name == "sgd") return finished(inner::Sgd{});
  if (name == "gradient-descent") return finished(inner::GradientDescent{});
  if (name == "nesterov") return finished(inner::Nesterov{});
  if (name == "lbfgs") return finished(inner::Lbfgs{});
  if (name == "exact") return finished(inner::Exact{});
  unknown("inner optimiser", name, "adam, sgd, gradient-descent, nesterov, lbfgs, exact");
}

BilevelOptions make_options(nb::dict values) {
  BilevelOptions options;
  Fields fields(values, "options");
  fields.read("outer_steps", options.outer_steps);
  fields.read("inner_steps", options.inner_steps);
  fields.read("penalty", options.penalty);
  fields.read("normalize_penalty", options.normalize_penalty);
  fields.read("inner_tolerance", options.inner_tolerance);
  fields.read("divergence_factor", options.divergence_factor);
  fields.read("outer_tolerance", options.outer_tolerance);
  fields.read("upper_with_lower", options.upper_with_lower);
  fields.read("train_upper", options.train_upper);
  fields.read("train_lower", options.train_lower);
  fields.read("move_backbone", options.move_backbone);
  fields.read("seed", options.seed);
  fields.read("tasks_per_step", options.tasks_per_step);
  fields.read("task_weights", options.task_weights);
  fields.finish();
  return options;
}

}  // namespace zofo::python

// Policies made from options, against closed forms and the policies that they name.
#include "zofo/runtime/make_policies.hpp"

#include <Eigen/Core>
#include <cmath>
#include <numbers>

#include "catch.hpp"
#include "zofo/config/method_presets.hpp"

using namespace zofo;
using namespace zofo::llm;

namespace {

RunOptions scheduled(ScheduleKind schedule) {
  RunOptions o = preset(Method::bilevel);
  o.max_steps = 30;
  o.lr_scheduler_type = schedule;
  o.warmup_steps = 10;
  return o;
}

}  // namespace

TEST_CASE("rates follow the schedule that the options name, in outer steps", "[train]") {
  for (const std::uint32_t per_step : {1U, 4U}) {
    const Schedule constant = rate_schedule(scheduled(ScheduleKind::constant)).of(0.5, per_step);
    const Schedule linear = rate_schedule(scheduled(ScheduleKind::linear)).of(0.5, per_step);
    const Schedule cosine = rate_schedule(scheduled(ScheduleKind::cosine)).of(0.5, per_step);
    for (std::uint32_t step = 0; step < 40 * per_step; ++step) {
      const double k = static_cast<double>(step) / per_step;  // in outer steps
      INFO("outer step " << k);
      const double left = std::max(0.0, 1.0 - (k - 10.0) / 20.0);
      const double rise = 0.5 * k / 10.0;
      CHECK(constant.at(step) == Approx(k < 10 ? rise : 0.5));
      CHECK(linear.at(step) == Approx(k < 10 ? rise : 0.5 * left).margin(1e-15));
      const double half_wave = 0.25 * (1.0 + std::cos(std::numbers::pi * (1.0 - left)));
      CHECK(cosine.at(step) == Approx(k < 10 ? rise : half_wave).margin(1e-15));
    }
  }
  RunOptions early = scheduled(ScheduleKind::linear);
  early.decay_steps = 15;
  CHECK(rate_schedule(early).of(0.5).at(12) == Approx(0.5 * 0.6));
  CHECK(rate_schedule(early).of(0.5).at(15) == 0.0);
}

TEST_CASE("the optimiser of estimates moves by the scheduled rate", "[train]") {
  RunOptions o = preset(Method::mezo);
  o.max_steps = 8;
  o.lr_scheduler_type = ScheduleKind::linear;
  o.zo_learning_rate = 0.25;
  const AnyOuter outer = make_outer(o);
  AnyOuter::State<Eigen::VectorXd> state;
  Eigen::VectorXd theta = Eigen::VectorXd::LinSpaced(5, -1.0, 1.0), expected = theta;
  const AnyPerturbation z = make_perturbation(o, theta);
  for (std::uint32_t k = 0; k < 8; ++k) {
    const Direction direction{3, k, 0};
    outer.apply(theta, z, ZoGradient{{{direction, 2.0}}}, state);
    Eigen::VectorXd entries(5);
    Gaussian{}.fill(direction, 0, 0, entries.data(), 5);
    expected -= 0.25 * (1.0 - k / 8.0) * 2.0 * entries;
    CHECK((theta - expected).cwiseAbs().maxCoeff() < 1e-12);
  }
}

TEST_CASE("steps longer than max_step are shortened to it", "[train]") {
  RunOptions o = preset(Method::mezo);
  o.max_steps = 8;
  o.zo_learning_rate = 0.25;
  o.direction = DirectionKind::rademacher;
  o.max_step_norm = 0.5;
  Eigen::VectorXd theta = Eigen::VectorXd::Zero(9);
  const AnyPerturbation z = make_perturbation(o, theta);
  const auto length = [&](double coefficient) {
    AnyOuter::State<Eigen::VectorXd> state;
    theta.setZero();
    make_outer(o).apply(theta, z, ZoGradient{{{{3, 0, 0}, coefficient}}}, state);
    return theta.norm();
  };
  CHECK(length(0.5) == Approx(0.25 * 0.5 * 3.0));  // a sign on each of 9 coordinates
  CHECK(length(10.0) == Approx(0.5));
  o.outer_optimizer = OuterKind::momentum;
  CHECK(length(10.0) == Approx(0.5));
  o.max_step_norm = 0.0;
  CHECK(length(10.0) == Approx(7.5));
}

TEST_CASE("the distribution that the options name updates as it does by itself", "[train]") {
  const Eigen::VectorXd start = Eigen::VectorXd::LinSpaced(40, -1.0, 1.0);
  const Direction direction{11, 4, 2};
  const auto same = [&](DirectionKind kind, const auto& own) {
    INFO(to_text(kind));
    RunOptions o;
    o.direction = kind;
    o.mask_density = 0.25;
    o.direction_interval = 2;
    o.seed = 5;
    Eigen::VectorXd by_name = start, by_itself = start;
    const AnyPerturbation any = make_perturbation(o, start);
    any.add(by_name, direction, 0.5);
    own.add(by_itself, direction, 0.5);
    CHECK(by_name == by_itself);
    CHECK(by_name != start);
    CHECK(any.mean_square_length(40) == mean_square_length(own, 40));
  };
  same(DirectionKind::gaussian, Gaussian{});
  same(DirectionKind::rademacher, Rademacher{});
  same(DirectionKind::sphere, Sphere{});
  same(DirectionKind::coordinate, Coordinate{});
  same(DirectionKind::sparse, Sparse{Gaussian{}, MagnitudeMask(start, 0.25)});
  same(DirectionKind::random_sparse, Sparse{Gaussian{}, RandomMask{0.25, 5, 2}});
}

TEST_CASE("every method is a loop of its own parts", "[train]") {
  for (const MethodInfo& method : methods) {
    if (method.trains == Trains::nothing) continue;
    INFO(method.name());
    RunOptions o = preset(method.method);
    o.max_steps = 12;
    CHECK_NOTHROW(o.check());
    CHECK(o.adapter == method.adapter);
    CHECK(sibling(method.method, method.adapter) == method.method);
    CHECK(!method.paper.empty());
    const BilevelOptions loop = loop_options(o);
    CHECK(loop.outer_steps == 12);
    CHECK(loop.move_backbone == (o.updates_backbone() || method.trains == Trains::adapter_by_estimates));
    CHECK(!loop.normalize_penalty);
    CHECK(loop.inner_steps == (method.trains == Trains::both_levels ? 4 : 1));
    const bool by_estimates_alone =
        method.trains == Trains::backbone || method.trains == Trains::adapter_by_estimates;
    CHECK((loop.penalty == 0.0) == by_estimates_alone);
    CHECK(loop.train_upper == (method.trains == Trains::both_levels));
    CHECK(loop.train_lower != by_estimates_alone);
  }
  CHECK(sibling(Method::mezo, AdapterKind::prompt) == Method::mezo_prompt);
  CHECK(sibling(Method::prefix, AdapterKind::lora) == Method::lora);
  CHECK_THROWS_AS(sibling(Method::fzoo, AdapterKind::lora), Error);
  CHECK_THROWS_AS(enum_from<Method>("method", "bogus"), Error);
}

TEST_CASE("options that do not go together are refused", "[train]") {
  const auto refused = [](Method method, auto change) {
    RunOptions o = preset(method);
    o.max_steps = 10;
    CHECK_NOTHROW(o.check());
    change(o);
    CHECK_THROWS_AS(o.check(), Error);
  };
  refused(Method::bilevel, [](RunOptions& o) { o.adapter = AdapterKind::prefix; });
  refused(Method::bilevel, [](RunOptions& o) { o.std_normalized = true; });
  refused(Method::bilevel, [](RunOptions& o) { o.max_steps = 0; });
  refused(Method::bilevel, [](RunOptions& o) { o.num_virtual_tokens = 0; });
  refused(Method::bilevel, [](RunOptions& o) { o.max_forward_passes = -1.0; });
  refused(Method::bilevel, [](RunOptions& o) { o.gradient_accumulation_steps = 0; });
  refused(Method::bilevel, [](RunOptions& o) { o.max_steps = o.gradient_accumulation_steps = 65536; });
  refused(Method::lora, [](RunOptions& o) { o.variance_reduction = ReductionKind::svrg; });
  refused(Method::lora, [](RunOptions& o) { o.outer_optimizer = OuterKind::adam; });
  refused(Method::lora, [](RunOptions& o) { o.max_step_norm = 1.0; });
  refused(Method::mezo, [](RunOptions& o) { o.max_step_norm = -1.0; });
  refused(Method::mezo_adam, [](RunOptions& o) { o.max_step_norm = 1.0; });
  refused(Method::mezo, [](RunOptions& o) { o.max_grad_norm = 1.0; });
  refused(Method::mezo_adam, [](RunOptions& o) { o.weight_decay = 0.1; });
  refused(Method::mezo_lora, [](RunOptions& o) { o.direction = DirectionKind::low_rank; });
  refused(Method::mezo, [](RunOptions& o) {
    o.lr_scheduler_type = ScheduleKind::cosine;
    o.warmup_steps = 10;
  });
  refused(Method::mezo, [](RunOptions& o) {
    o.max_steps = 0;
    o.max_forward_passes = 10.0;
    o.lr_scheduler_type = ScheduleKind::cosine;
  });
  refused(Method::fzoo, [](RunOptions& o) { o.num_directions = 1; });
  refused(Method::fzoo, [](RunOptions& o) { o.variance_reduction = ReductionKind::storm; });
}

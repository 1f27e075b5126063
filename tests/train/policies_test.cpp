// What options come to, against closed forms and the policies that they name.
#include "zofo/runtime/make_policies.hpp"

#include <Eigen/Core>
#include <cmath>
#include <numbers>

#include "catch.hpp"
#include "zofo/config/options.hpp"

using namespace zofo;
using namespace zofo::llm;

namespace {

Options scheduled(const std::string& schedule) {
  Options o = preset("bilevel");
  o.steps = 30;
  o.schedule = schedule;
  o.warmup_steps = 10;
  return o;
}

}  // namespace

TEST_CASE("rates follow the schedule that the options name, in outer steps", "[train]") {
  for (const std::uint32_t per_step : {1U, 4U}) {
    const Schedule constant = rate_schedule(scheduled("constant"), 0.5, per_step);
    const Schedule linear = rate_schedule(scheduled("linear"), 0.5, per_step);
    const Schedule cosine = rate_schedule(scheduled("cosine"), 0.5, per_step);
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
  Options early = scheduled("linear");
  early.decay_steps = 15;
  CHECK(rate_schedule(early, 0.5).at(12) == Approx(0.5 * 0.6));
  CHECK(rate_schedule(early, 0.5).at(15) == 0.0);
}

TEST_CASE("the optimiser of estimates moves by the scheduled rate", "[train]") {
  Options o = preset("mezo");
  o.steps = 8;
  o.schedule = "linear";
  o.theta_rate = 0.25;
  const AnyOuter outer = make_outer(o);
  AnyOuter::State<Eigen::VectorXd> state;
  Eigen::VectorXd theta = Eigen::VectorXd::LinSpaced(5, -1.0, 1.0), expected = theta;
  const AnyLaw law = make_law(o, theta);
  for (std::uint32_t k = 0; k < 8; ++k) {
    const Direction direction{3, k, 0};
    outer.apply(theta, law, ZoGradient{{{direction, 2.0}}}, state);
    Eigen::VectorXd z(5);
    Gaussian{}.fill(direction, 0, 0, z.data(), 5);
    expected -= 0.25 * (1.0 - k / 8.0) * 2.0 * z;
    CHECK((theta - expected).cwiseAbs().maxCoeff() < 1e-12);
  }
}

TEST_CASE("steps longer than max_step are shortened to it", "[train]") {
  Options o = preset("mezo");
  o.steps = 8;
  o.theta_rate = 0.25;
  o.direction = "rademacher";
  o.max_step = 0.5;
  Eigen::VectorXd theta = Eigen::VectorXd::Zero(9);
  const AnyLaw law = make_law(o, theta);
  const auto length = [&](double coefficient) {
    AnyOuter::State<Eigen::VectorXd> state;
    theta.setZero();
    make_outer(o).apply(theta, law, ZoGradient{{{{3, 0, 0}, coefficient}}}, state);
    return theta.norm();
  };
  CHECK(length(0.5) == Approx(0.25 * 0.5 * 3.0));  // a sign on each of 9 coordinates
  CHECK(length(10.0) == Approx(0.5));
  o.outer = "momentum";
  CHECK(length(10.0) == Approx(0.5));
  o.max_step = 0.0;
  CHECK(length(10.0) == Approx(7.5));
}

TEST_CASE("the law that the options name moves as it does by itself", "[train]") {
  const Eigen::VectorXd start = Eigen::VectorXd::LinSpaced(40, -1.0, 1.0);
  const Direction direction{11, 4, 2};
  const auto same = [&](const char* name, const auto& law) {
    INFO(name);
    Options o;
    o.direction = name;
    o.density = 0.25;
    o.direction_hold = 2;
    o.seed = 5;
    Eigen::VectorXd by_name = start, by_law = start;
    const AnyLaw any = make_law(o, start);
    any.add(by_name, direction, 0.5);
    law.add(by_law, direction, 0.5);
    CHECK(by_name == by_law);
    CHECK(by_name != start);
    CHECK(any.second_moment_factor(40) == law.second_moment_factor(40));
  };
  same("gaussian", Gaussian{});
  same("rademacher", Rademacher{});
  same("sphere", Sphere{});
  same("coordinate", Coordinate{});
  same("sparse", Sparse{Gaussian{}, MagnitudeMask(start, 0.25)});
  same("random-sparse", Sparse{Gaussian{}, RandomMask{0.25, 5, 2}});
}

TEST_CASE("every method is a loop of its own parts", "[train]") {
  for (const Method& method : methods) {
    INFO(method.name);
    Options o = preset(method.name);
    o.steps = 12;
    CHECK_NOTHROW(o.check());
    CHECK(o.adapter == method.adapter);
    CHECK(&sibling(method.name, method.adapter) == &method);
    CHECK(!method.paper.empty());
    const BilevelOptions loop = loop_options(o);
    CHECK(loop.outer_steps == 12);
    CHECK(loop.move_backbone == (method.trains != Trains::adapter));
    CHECK(loop.inner_steps == (method.trains == Trains::both_levels ? 4 : 1));
    const bool by_estimates_alone =
        method.trains == Trains::backbone || method.trains == Trains::adapter_by_estimates;
    CHECK((loop.penalty == 0.0) == by_estimates_alone);
    CHECK(loop.train_upper == (method.trains == Trains::both_levels));
    CHECK(loop.train_lower != by_estimates_alone);
  }
  CHECK(sibling("mezo", "prompt").name == "mezo-prompt");
  CHECK(sibling("prefix", "lora").name == "lora");
  CHECK_THROWS_AS(sibling("fzoo", "lora"), Error);
  CHECK_THROWS_AS(method_named("bogus"), Error);
}

TEST_CASE("options that do not go together are refused", "[train]") {
  const auto refused = [](const std::string& method, auto change) {
    Options o = preset(method);
    o.steps = 10;
    CHECK_NOTHROW(o.check());
    change(o);
    CHECK_THROWS_AS(o.check(), Error);
  };
  refused("bilevel", [](Options& o) { o.adapter = "prefix"; });
  refused("bilevel", [](Options& o) { o.spread_scaled = true; });
  refused("bilevel", [](Options& o) { o.steps = 0; });
  refused("bilevel", [](Options& o) { o.virtual_tokens = 0; });
  refused("bilevel", [](Options& o) { o.passes = -1.0; });
  refused("bilevel", [](Options& o) { o.accumulate = 0; });
  refused("bilevel", [](Options& o) { o.steps = o.accumulate = 65536; });
  refused("lora", [](Options& o) { o.reduction = "svrg"; });
  refused("lora", [](Options& o) { o.outer = "adam"; });
  refused("lora", [](Options& o) { o.max_step = 1.0; });
  refused("mezo", [](Options& o) { o.max_step = -1.0; });
  refused("mezo-adam", [](Options& o) { o.max_step = 1.0; });
  refused("mezo", [](Options& o) { o.clip = 1.0; });
  refused("mezo-adam", [](Options& o) { o.weight_decay = 0.1; });
  refused("mezo-lora", [](Options& o) { o.direction = "low-rank"; });
  refused("mezo", [](Options& o) {
    o.schedule = "cosine";
    o.warmup_steps = 10;
  });
  refused("mezo", [](Options& o) {
    o.steps = 0;
    o.passes = 10.0;
    o.schedule = "cosine";
  });
  refused("fzoo", [](Options& o) { o.queries = 1; });
  refused("fzoo", [](Options& o) { o.reduction = "storm"; });
}

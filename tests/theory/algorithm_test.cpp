// C5–C8 at the fast effort, and that each fails on an algorithm broken on purpose. The false-alarm rate of a
// statement is in its verdict; the seeds are fixed.
#include "catch.hpp"
#include "theory/broken.hpp"
#include "theory/check.hpp"
#include "theory/statements/c5.hpp"
#include "theory/statements/c6.hpp"
#include "theory/statements/c7.hpp"
#include "theory/statements/c8.hpp"

using theory::Effort;
using zofo::Gaussian;
namespace broken = theory::broken;

namespace {
const broken::ReusedSeed<Gaussian> kOneSeed{{}, 1};
}  // namespace

TEST_CASE("C5: the whole algorithm reaches |grad phi| <= eps within its bound", "[theory]") {
  theory::check_passed(theory::c5(Effort{}));
}
TEST_CASE("C5 fails with a constant penalty, a step that does not depend on d, and one direction",
          "[theory]") {
  // 2,000 steps are ten times what the waves need, and far fewer than the bound's five million.
  const auto right = [](const auto& c, double epsilon) {
    theory::C5Parameters parameters = theory::c5_parameters(c, epsilon);
    parameters.most = 2000;
    return parameters;
  };
  const auto constant_penalty = [&](const auto& c, double epsilon) {
    theory::C5Parameters parameters = right(c, epsilon);
    parameters.penalty = 0.25 * right(c, 1.0).penalty;
    return parameters;
  };
  const auto long_step = [&](const auto& c, double epsilon) {
    theory::C5Parameters parameters = right(c, epsilon);
    parameters.rate = 2.0 / c.phi_smoothness;
    return parameters;
  };
  const auto passes = [](const auto& distribution, const auto& choose) {
    theory::Verdict v;
    theory::c5_compare(v, "waves", theory::c5_waves(Effort{}.seed), distribution, choose, Effort{});
    return v.passed;
  };
  CHECK(passes(Gaussian{}, right));
  CHECK_FALSE(passes(Gaussian{}, constant_penalty));
  CHECK_FALSE(passes(Gaussian{}, long_step));
  CHECK_FALSE(passes(kOneSeed, right));
}

TEST_CASE("C6: evaluations to a target against steps on theta only follow the prediction", "[theory]") {
  theory::check_passed(theory::c6(Effort{}));
}
TEST_CASE("C6 fails without the inner loop and with directions too long", "[theory]") {
  CHECK_FALSE(theory::c6_with(Gaussian{}, theory::C6Setting{.train = false}, Effort{}).passed);
  CHECK_FALSE(theory::c6_with(broken::Scaled<Gaussian>{{}, 1.3}, theory::C6Setting{}, Effort{}).passed);
}

TEST_CASE("C7: the variance of the estimate is that of the penalty's gradient", "[theory]") {
  theory::check_passed(theory::c7(Effort{}));
}
TEST_CASE("C7 fails without the inner loop, with too few inner steps, and with long directions", "[theory]") {
  CHECK_FALSE(theory::c7_with(Gaussian{}, 0, Effort{}).passed);
  CHECK_FALSE(theory::c7_with(Gaussian{}, 1, Effort{}).passed);
  CHECK_FALSE(theory::c7_with(broken::Scaled<Gaussian>{{}, 1.05}, 60, Effort{}).passed);
}

TEST_CASE("C8: meta-training beats its start and joint training on unseen tasks", "[theory]") {
  theory::check_passed(theory::c8(Effort{}));
}
TEST_CASE("C8 fails without adapters, with one direction, and with too few steps", "[theory]") {
  CHECK_FALSE(theory::c8_with(Gaussian{}, theory::C8Setting{.adapters = false}, Effort{}).passed);
  CHECK_FALSE(theory::c8_with(kOneSeed, theory::C8Setting{}, Effort{}).passed);
  CHECK_FALSE(theory::c8_with(Gaussian{}, theory::C8Setting{.outer_steps = 20}, Effort{}).passed);
}

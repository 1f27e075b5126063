// C1–C4 at the fast effort, and that each fails on a policy broken on purpose.
#include "catch.hpp"
#include "theory/broken.hpp"
#include "theory/check.hpp"
#include "theory/statements/c1.hpp"
#include "theory/statements/c2.hpp"
#include "theory/statements/c3.hpp"
#include "theory/statements/c4.hpp"
#include "zofo/estimate/forward.hpp"

using theory::Effort;
using zofo::Central;
using zofo::Forward;
using zofo::Gaussian;
namespace broken = theory::broken;

namespace {
const auto kCentral = [](std::uint64_t seed) { return Central{1e-3, 1, seed}; };
const auto kUphill = [](std::uint64_t seed) { return broken::Multiplied<Central>{kCentral(seed), -1.0}; };
const broken::ReusedSeed<Gaussian> kFourSeeds{{}, 4};
}  // namespace

TEST_CASE("C1: on a smooth function the gradient obeys the bound", "[theory]") {
  theory::check_passed(theory::c1(Effort{}));
}
TEST_CASE("C1 fails uphill, with few directions and with directions too long", "[theory]") {
  CHECK_FALSE(theory::c1_with(Gaussian{}, kUphill, Effort{}).passed);
  CHECK_FALSE(theory::c1_with(kFourSeeds, kCentral, Effort{}).passed);
  CHECK_FALSE(theory::c1_with(broken::Scaled<Gaussian>{{}, 4.0}, kCentral, Effort{}).passed);
}

TEST_CASE("C2: steps grow like d on an isotropic Hessian", "[theory]") {
  theory::check_passed(theory::c2(Effort{}));
}
TEST_CASE("C2 fails uphill, with few directions and with directions too long", "[theory]") {
  CHECK_FALSE(theory::c2_with(Gaussian{}, kUphill, Effort{}).passed);
  CHECK_FALSE(theory::c2_with(kFourSeeds, kCentral, Effort{}).passed);
  CHECK_FALSE(theory::c2_with(broken::Scaled<Gaussian>{{}, 1.3}, kCentral, Effort{}).passed);
}

TEST_CASE("C3: steps grow with the effective rank, not with d", "[theory]") {
  theory::check_passed(theory::c3(Effort{}));
}
TEST_CASE("C3 fails with a step that knows d only and with few directions", "[theory]") {
  CHECK_FALSE(theory::c3_with(Gaussian{}, [](double d, double) { return 8.0 / (d + 2.0); }, Effort{}).passed);
  CHECK_FALSE(
      theory::c3_with(
          broken::ReusedSeed<Gaussian>{{}, 1}, [](double, double r) { return 1.0 / (r + 2.0); }, Effort{})
          .passed);
}

TEST_CASE("C4: linear convergence under the Polyak–Łojasiewicz inequality", "[theory]") {
  theory::check_passed(theory::c4(Effort{}));
}
TEST_CASE("C4 fails uphill, with few directions and with noise that does not vanish", "[theory]") {
  CHECK_FALSE(theory::c4_with(Gaussian{}, kUphill, Effort{}).passed);
  CHECK_FALSE(theory::c4_with(kFourSeeds, kCentral, Effort{}).passed);
  CHECK_FALSE(
      theory::c4_with(Gaussian{}, [](std::uint64_t seed) { return Forward{0.1, 1, seed}; }, Effort{}).passed);
}

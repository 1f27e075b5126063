/// @file Log-probabilities at probes against those of a clone that was moved there (Distribution::add).
#include <cstring>

#include "catch.hpp"
#include "golden.hpp"
#include "zofo/perturb/coordinate.hpp"
#include "zofo/perturb/gaussian.hpp"
#include "zofo/perturb/low_rank.hpp"
#include "zofo/perturb/orthogonal.hpp"
#include "zofo/perturb/rademacher.hpp"
#include "zofo/perturb/sparse.hpp"
#include "zofo/perturb/sphere.hpp"

using namespace zofo;
using namespace zofo::model;

namespace {

/// Two queries of central differences, θ itself between them, and a lone probe of the first direction again.
std::vector<Probe> probes() {
  const Direction a{11, 3, 0}, b{11, 3, 1};
  return {{a, 1e-2}, {a, -1e-2}, {b, 2e-2}, {b, -2e-2}, {a, 0.0}, {b, 0.0}, {a, 5e-3}};
}

template <class Distribution>
void check_against_clones(const golden::Case& c, const Distribution& distribution, bool felt = true) {
  INFO(c.name);
  const Parameters before = c.theta.clone();
  Transformer transformer(c.shape, c.lora), plain(c.shape, c.lora);
  const auto list = probes();
  const auto at_probes = transformer.log_probabilities(c.theta, distribution, list, c.batch, c.adapters());
  REQUIRE(at_probes.size() == list.size());
  CHECK(std::memcmp(c.theta.values().data(), before.values().data(), before.values().size_bytes()) == 0);
  const auto here = plain.log_probabilities(c.theta, c.batch, c.adapters());
  for (std::size_t i = 0; i < list.size(); ++i) {
    INFO("probe " << i);
    if (list[i].scale == 0.0) {
      CHECK(at_probes[i] == here);
      continue;
    }
    Parameters moved = c.theta.clone();
    distribution.add(moved, list[i].direction, list[i].scale);
    const auto expected = plain.log_probabilities(moved, c.batch, c.adapters());
    CHECK(golden::largest_difference(at_probes[i], expected) < 1e-5);
    if (felt) CHECK(golden::largest_difference(expected, here) > 1e-3);
  }
}

}  // namespace

TEST_CASE("probes equal moved clones, Gaussian", "[model]") {
  for (const char* name :
       {"no adapters", "two adapters", "wide vocabulary", "opt, every projection", "opt, wide vocabulary"})
    check_against_clones(golden::one(name), Gaussian{});
}

TEST_CASE("probes equal moved clones, Rademacher", "[model]") {
  for (const char* name :
       {"no adapters", "two adapters", "wide vocabulary", "opt, every projection", "opt, wide vocabulary"})
    check_against_clones(golden::one(name), Rademacher{});
}

TEST_CASE("probes equal moved clones for laws that are bound first", "[model]") {
  for (const char* name :
       {"no adapters", "two adapters", "wide vocabulary", "opt, every projection", "opt, wide vocabulary"}) {
    const golden::Case c = golden::one(name);
    check_against_clones(c, Sphere{});
    check_against_clones(c, Orthogonal{2});
    check_against_clones(c, LowRank{1, 2});
    check_against_clones(c, LowRank{4, 1});
    check_against_clones(c, Sparse{Gaussian{}, RandomMask{0.5, 3, 1}});
    check_against_clones(c, Sparse{LowRank{2, 1}, MagnitudeMask(c.theta, 0.5)});
    check_against_clones(c, Coordinate{}, false);  // one entry may lie where the batch does not look
  }
}

TEST_CASE("an orthogonal direction of the model has length √d over all weights", "[model]") {
  Parameters theta = golden::one("no adapters").theta.clone();
  for (float& w : theta.values()) w = 0.0F;
  Orthogonal{2}.add(theta, {1, 2, 1}, 1.0);
  double squares = 0.0;
  for (const float w : theta.values()) squares += static_cast<double>(w) * static_cast<double>(w);
  CHECK(squares == Approx(static_cast<double>(theta.values().size())).epsilon(1e-6));
}

TEST_CASE("a probe gives the same alone and in a group", "[model]") {
  const golden::Case c = golden::one("two adapters");
  Transformer transformer(c.shape, c.lora), single(c.shape, c.lora);
  const auto list = probes();
  const auto together = transformer.log_probabilities(c.theta, Gaussian{}, list, c.batch, c.adapters());
  for (std::size_t i = 0; i < list.size(); ++i)
    CHECK(single.log_probabilities(c.theta, Gaussian{}, std::span(&list[i], 1), c.batch, c.adapters())[0] ==
          together[i]);
}

TEST_CASE("neighbouring probes of one direction form a group", "[model]") {
  const auto groups = group_probes(probes());
  const std::vector<std::size_t> counts{2, 2, 1, 1, 1};
  REQUIRE(groups.size() == counts.size());
  std::size_t first = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    CHECK(groups[i].first == first);
    CHECK(groups[i].count == counts[i]);
    first += counts[i];
  }
  CHECK(group_probes({}).empty());
}

TEST_CASE("weights at a probe do not depend on where a range starts", "[model]") {
  const std::size_t n = 10000, offset = 4096 + 4;
  std::vector<float> x(n), whole(n), part(n - offset), minus(n);
  for (std::size_t i = 0; i < n; ++i) x[i] = golden::formula(5, i);
  const std::vector<Probe> group{{{1, 2, 3}, 0.5}, {{1, 2, 3}, -0.5}};
  const std::vector<float*> both{whole.data(), minus.data()}, one{part.data()};
  write_probed(Gaussian{}, group, 9, 0, x.data(), n, both);
  write_probed(Gaussian{}, std::span(group).first(1), 9, offset, x.data() + offset, n - offset, one);
  CHECK(std::equal(part.begin(), part.end(), whole.begin() + static_cast<std::ptrdiff_t>(offset)));
  std::vector<float> z(n);
  Gaussian{}.fill(group[0].direction, 9, 0, z.data(), n);
  for (std::size_t i = 0; i < n; ++i) {
    REQUIRE(whole[i] == Approx(x[i] + 0.5F * z[i]).margin(1e-6));
    REQUIRE(minus[i] == Approx(x[i] - 0.5F * z[i]).margin(1e-6));
  }
}

// Checks a verdict in a test; a failure names every comparison.
#pragma once

#include <fmt/format.h>

#include <string>

#include "catch.hpp"
#include "theory/verdict.hpp"

namespace theory {

// Passed, with a false-alarm probability of at most 1e-4 over all comparisons of the statement.
inline void check_passed(const Verdict& v) {
  for (const Comparison& c : v.comparisons) {
    INFO(fmt::format("{} {}: predicted {}, measured {} [{}, {}], allowed [{}, {}]", v.id, c.what, c.predicted,
                     c.measured, c.low, c.high, c.allowed_low, c.allowed_high));
    CHECK(c.passed());
  }
  CHECK(v.passed);
  CHECK_FALSE(v.comparisons.empty());
  CHECK(v.false_alarm < 1e-4);
  CHECK_FALSE(v.series.empty());
}

}  // namespace theory

// One program of two files compiled with different -m flags, linked in either order.
#include <algorithm>
#include <cmath>
#include <typeinfo>

#include "catch.hpp"
#include "core/mixed_flags/entries.hpp"
#include "zofo/core/random.hpp"

TEST_CASE("files compiled with different -m flags have one kernel and the same bits", "[random]") {
  using namespace mixed_flags;
  using zofo::detail::PortableRandom;
  if (!zofo::detail::avx2::usable()) {
    WARN("this processor has no AVX2: a file compiled for it cannot run");
    return;
  }
  const Entries with = entries_with_avx2(), without = entries_without_avx2();
  CHECK(with.kernel == typeid(zofo::detail::avx2::Random).name());
  CHECK(without.kernel == with.kernel);
  CHECK(without == with);

  const PortableRandom kernel(zofo::PhiloxStream{direction, tensor});
  std::vector<float> z(count), s(count);
  zofo::detail::NormalGenerator<PortableRandom>{kernel}.fill(offset, z.data(), count);
  zofo::detail::SignGenerator<PortableRandom>{kernel}.fill(offset, s.data(), count);
  CHECK(without.normals == z);
  CHECK(without.signs == s);
  CHECK(std::equal(z.begin(), z.end(), without.wide_normals.begin()));
  CHECK(std::equal(s.begin(), s.end(), without.wide_signs.begin()));
  const auto moved = [](std::vector<float> by, float a) {
    for (float& value : by) value = std::fma(a, value, 1.5F);
    return by;
  };
  CHECK(without.moved_by_normals == moved(z, scale));
  CHECK(without.moved_by_signs == moved(s, scale));
  CHECK(without.written_normals == moved(z, scale));
  CHECK(without.written_signs == moved(s, scale));
  CHECK(without.plus_normals == moved(z, scale));
  CHECK(without.plus_signs == moved(s, scale));
  CHECK(without.minus_normals == moved(z, -scale));
  CHECK(without.minus_signs == moved(s, -scale));
  std::vector<float> masked(count, 1.5F);
  for (std::size_t k = 0; k < count; ++k)
    if (!(without.uniforms[k] < 0.25)) masked[k] = 0.0F;
  CHECK(without.masked == masked);
}

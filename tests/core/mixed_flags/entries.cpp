// Compiled twice: ENTRIES_FUNCTION names the function, the -m flags differ (tests/CMakeLists.txt).
#include "core/mixed_flags/entries.hpp"

#include <typeinfo>

#include "zofo/core/random.hpp"

mixed_flags::Entries mixed_flags::ENTRIES_FUNCTION() {
  const std::vector<float> x(count, 1.5F);
  Entries e;
  for (std::vector<float>* out :
       {&e.normals, &e.signs, &e.moved_by_normals, &e.moved_by_signs, &e.masked, &e.written_normals,
        &e.written_signs, &e.plus_normals, &e.minus_normals, &e.plus_signs, &e.minus_signs})
    *out = x;
  for (std::vector<double>* out : {&e.wide_normals, &e.wide_signs, &e.uniforms}) out->resize(count);

  zofo::normals(direction, tensor, offset, e.normals.data(), count);
  zofo::normals(direction, tensor, offset, e.wide_normals.data(), count);
  zofo::rademacher(direction, tensor, offset, e.signs.data(), count);
  zofo::rademacher(direction, tensor, offset, e.wide_signs.data(), count);
  zofo::uniforms(direction, tensor, offset, e.uniforms.data(), count);
  zofo::keep_at_random(direction, tensor, offset, 0.25, e.masked.data(), count);
  zofo::add_normals(direction, tensor, offset, scale, e.moved_by_normals.data(), count);
  zofo::add_rademacher(direction, tensor, offset, scale, e.moved_by_signs.data(), count);
  zofo::perturb_normals(direction, tensor, offset, scale, x.data(), e.written_normals.data(), count);
  zofo::perturb_rademacher(direction, tensor, offset, scale, x.data(), e.written_signs.data(), count);
  zofo::perturb_pair_normals(direction, tensor, offset, scale, x.data(), e.plus_normals.data(),
                             e.minus_normals.data(), count);
  zofo::perturb_pair_rademacher(direction, tensor, offset, scale, x.data(), e.plus_signs.data(),
                                e.minus_signs.data(), count);
  zofo::detail::with_kernel(direction, tensor,
                            [&e](const auto& kernel) { e.kernel = typeid(kernel).name(); });
  return e;
}

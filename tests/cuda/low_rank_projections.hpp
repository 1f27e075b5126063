/// @file Low-rank projections on the GPU with their sums in double, for tests of the kernels that add
/// products.
#pragma once

#include <cstdint>
#include <vector>

#include "device.hpp"
#include "zofo/tensor/cuda/types.hpp"

namespace zofo::tensor::cuda {

/// What a test asks of a projection.
struct ProjectionShape {
  std::uint32_t rank = 0, in = 0, out = 0, y_at = 0;
  bool by_probe = false;
  bool by_columns = false;  ///< B lies [rank, out], as a probe's factors do; else [out, rank]
  float scale = 1.0F;
};

/// Sites with random factors for `copies` adapters or probes, [A | B] copy after copy as adapters lie.
class TestProjections {
 public:
  TestProjections(const std::vector<ProjectionShape>& shapes, std::uint32_t copies, std::uint64_t seed) {
    std::uint32_t t_at = 0;
    for (const ProjectionShape& shape : shapes) {
      const std::size_t stride = std::size_t{shape.rank} * (shape.in + shape.out);
      Site s{shape,
             t_at,
             stride,
             random_values(seed++, stride * copies),
             random_values(seed++, copies),
             DeviceArray<float>(0),
             DeviceArray<float>(0)};
      s.on_gpu = DeviceArray<float>(s.factors);
      s.scales_on_gpu = DeviceArray<float>(s.scales);
      t_at += shape.rank;
      projections_.push_back(std::move(s));
    }
    t_width_ = t_at;
  }

  [[nodiscard]] std::uint32_t t_width() const { return t_width_; }

  [[nodiscard]] LowRankProjections on_gpu() const {
    LowRankProjections all;
    for (const Site& s : projections_) {
      LowRankProjection& projection = all.projection[all.count++];
      const ProjectionShape& shape = s.shape;
      projection.a = s.on_gpu.data();
      projection.b = projection.a + std::size_t{shape.rank} * shape.in;
      projection.stride = s.stride;
      projection.rank = shape.rank;
      projection.in = shape.in;
      projection.out = shape.out;
      projection.b_row = shape.by_columns ? 1 : shape.rank;
      projection.b_col = shape.by_columns ? shape.out : 1;
      projection.y_at = shape.y_at;
      projection.t_at = s.t_at;
      projection.scale = shape.scale;
      projection.scales = shape.by_probe ? s.scales_on_gpu.data() : nullptr;
      projection.by_probe = shape.by_probe;
    }
    all.t_width = t_width_;
    return all;
  }

  /// y[row] += Σ scale·t Bᵀ of every projection.
  void add_products(const Rows& rows, const std::vector<std::int32_t>& adapter, const std::vector<float>& t,
                    std::vector<double>& y, std::size_t y_stride) const {
    each(rows, adapter, [&](const Site& s, std::size_t row, std::size_t i) {
      const ProjectionShape& shape = s.shape;
      const float* const b = s.factors.data() + i * s.stride + std::size_t{shape.rank} * shape.in;
      const double scale = double{shape.scale} * (shape.by_probe ? double{s.scales[i]} : 1.0);
      for (std::size_t o = 0; o < shape.out; ++o)
        for (std::size_t l = 0; l < shape.rank; ++l)
          y[row * y_stride + shape.y_at + o] +=
              scale * double{t[row * t_width_ + s.t_at + l]} *
              double{shape.by_columns ? b[l * shape.out + o] : b[o * shape.rank + l]};
    });
  }

  /// dx[row] += Σ dt A of every projection.
  void add_back(const Rows& rows, const std::vector<std::int32_t>& adapter, const std::vector<float>& dt,
                std::vector<double>& dx, std::size_t width) const {
    each(rows, adapter, [&](const Site& s, std::size_t row, std::size_t i) {
      const float* const a = s.factors.data() + i * s.stride;
      for (std::size_t c = 0; c < s.shape.in; ++c)
        for (std::size_t l = 0; l < s.shape.rank; ++l)
          dx[row * width + c] += double{dt[row * t_width_ + s.t_at + l]} * double{a[l * s.shape.in + c]};
    });
  }

 private:
  struct Site {
    ProjectionShape shape;
    std::uint32_t t_at;
    std::size_t stride;
    std::vector<float> factors, scales;
    DeviceArray<float> on_gpu, scales_on_gpu;
  };

  template <class Use>
  void each(const Rows& rows, const std::vector<std::int32_t>& adapter, const Use& use) const {
    for (const Site& s : projections_)
      for (std::size_t row = 0; row < rows.count(); ++row) {
        const std::size_t probe = row / rows.tokens;
        const std::int64_t i =
            s.shape.by_probe ? static_cast<std::int64_t>(probe) : adapter[row % rows.tokens];
        if (i >= 0) use(s, row, static_cast<std::size_t>(i));
      }
  }

  std::vector<Site> projections_;
  std::uint32_t t_width_ = 0;
};

}  // namespace zofo::tensor::cuda

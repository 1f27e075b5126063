/// @file A product for cuBLAS: its shape, its descriptors, and the algorithms that support it.
#pragma once

#include <cublasLt.h>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include "zofo/core/error.hpp"
#include "zofo/tensor/cuda/context.hpp"
#include "zofo/tensor/cuda/error.hpp"
#include "zofo/tensor/cuda/types.hpp"

namespace zofo::tensor::cuda {

/// A matrix product: y = x·Wᵀ + beta·from + bias, then max(·, 0) if `relu`. Row-major: x [rows, in], W [out,
/// in] without gaps, bias [out], y [rows, out].
struct Product {
  ///@{
  /// Sizes.
  std::size_t rows = 0, out = 0, in = 0;
  ///@}
  std::size_t batch = 1;  ///< number of products of this shape
  ///@{
  /// Elements from one product's array to the next; 0: all share it (y cannot be shared).
  std::size_t x_stride = 0, w_stride = 0, y_stride = 0, bias_stride = 0;
  ///@}
  ///@{
  /// Elements from row to row; 0: no gaps.
  std::size_t x_ld = 0, y_ld = 0;
  ///@}
  bool w_is_in_by_out = false;  ///< W is [in, out] and the product is x·W
  float beta = 0.0F;            ///< multiplies what is added
  bool relu = false;            ///< max(·, 0) at the end
  bool bias = false;            ///< there is a bias
  /// Equality of all fields.
  bool operator==(const Product&) const = default;
};

namespace detail {

/// Everything that the choice of an algorithm depends on.
struct ProductKey {
  Product product;
  cudaDataType type = CUDA_R_32F, out_type = CUDA_R_32F;
  std::uint32_t x_aligned = 0, w_aligned = 0, from_aligned = 0, y_aligned = 0;  // bytes: 16 or one element
  bool in_place = true;
  bool operator==(const ProductKey&) const = default;
};

struct ProductKeyHash {
  std::size_t operator()(const ProductKey& key) const {
    std::uint64_t hash = 0x9E3779B97F4A7C15U;
    const auto mix = [&](std::uint64_t value) {
      hash = (hash ^ value) * 0xD6E8FEB86659FD93U;
      hash ^= hash >> 32U;
    };
    const Product& p = key.product;
    for (const std::size_t n :
         {p.rows, p.out, p.in, p.batch, p.x_stride, p.w_stride, p.y_stride, p.bias_stride, p.x_ld, p.y_ld})
      mix(n);
    mix(std::hash<float>()(p.beta));
    mix((p.w_is_in_by_out ? 1U : 0U) | (p.relu ? 2U : 0U) | (p.bias ? 4U : 0U) | (key.in_place ? 8U : 0U));
    mix(static_cast<std::uint64_t>(key.type) << 32U | static_cast<std::uint64_t>(key.out_type));
    mix(key.x_aligned | key.w_aligned << 8U | key.from_aligned << 16U | key.y_aligned << 24U);
    return hash;
  }
};

/// The key of products of nearly as many rows: two classes per power of two.
inline ProductKey near(ProductKey key) {
  Product& p = key.product;
  if (p.rows >= 2) {
    const std::size_t power = std::bit_floor(p.rows);
    p.rows = p.rows >= power + power / 2 ? power + power / 2 : power;
  }
  p.x_stride = std::min<std::size_t>(p.x_stride, 1);  // strides grow with the rows
  p.y_stride = std::min<std::size_t>(p.y_stride, 1);
  return key;
}

/// Throws Error if a size is zero, inconsistent, or beyond the 32-bit integers of cuBLAS's kernels.
inline void check_sizes(const Product& p) {
  const auto fits = [](const char* field, std::size_t value) {
    require(value <= std::numeric_limits<std::int32_t>::max(), "product: {} = {}: must be below 2^31", field,
            value);
  };
  fits("rows", p.rows);
  fits("out", p.out);
  fits("in", p.in);
  fits("batch", p.batch);
  fits("x_ld", p.x_ld);
  fits("y_ld", p.y_ld);
  require(p.in > 0, "product: in = 0: must be at least 1");
  require(p.x_ld >= p.in, "product: x_ld = {}: must be at least in = {}", p.x_ld, p.in);
  require(p.y_ld >= p.out, "product: y_ld = {}: must be at least out = {}", p.y_ld, p.out);
  require(p.batch == 1 || p.y_stride > 0, "product: y_stride = 0: the products of a batch cannot share y");
}

/// The same product in normal form: distances of rows set, strides 0 without a batch, and a batch with shared
/// weights and contiguous rows as one product of more rows.
inline Product normal_form(Product p) {
  if (p.x_ld == 0) p.x_ld = p.in;
  if (p.y_ld == 0) p.y_ld = p.out;
  if (!p.bias) p.bias_stride = 0;
  if (p.batch > 1 && p.w_stride == 0 && p.bias_stride == 0 && p.x_stride == p.rows * p.x_ld &&
      p.y_stride == p.rows * p.y_ld) {
    p.rows *= p.batch;
    p.batch = 1;
  }
  if (p.batch == 1) p.x_stride = p.w_stride = p.y_stride = p.bias_stride = 0;
  return p;
}

/// 16 if all arrays of a batch are aligned to 16 bytes, else the size of an element.
inline std::uint32_t alignment(const void* data, std::size_t stride, std::size_t element) {
  constexpr std::uint32_t vector = 16;
  const bool aligned = reinterpret_cast<std::uintptr_t>(data) % vector == 0 && stride * element % vector == 0;
  return aligned ? vector : static_cast<std::uint32_t>(element);
}

struct LayoutEnd {
  void operator()(cublasLtMatrixLayout_t layout) const { cublasLtMatrixLayoutDestroy(layout); }
};
struct OperationEnd {
  void operator()(cublasLtMatmulDesc_t operation) const { cublasLtMatmulDescDestroy(operation); }
};
struct PreferenceEnd {
  void operator()(cublasLtMatmulPreference_t preference) const {
    cublasLtMatmulPreferenceDestroy(preference);
  }
};
using Layout = std::unique_ptr<std::remove_pointer_t<cublasLtMatrixLayout_t>, LayoutEnd>;
using Operation = std::unique_ptr<std::remove_pointer_t<cublasLtMatmulDesc_t>, OperationEnd>;
using Preference = std::unique_ptr<std::remove_pointer_t<cublasLtMatmulPreference_t>, PreferenceEnd>;

/// Describes a column-major matrix: a row-major one is its transpose.
inline Layout make_layout(cudaDataType type, std::size_t rows, std::size_t cols, std::size_t ld,
                          std::size_t batch, std::size_t stride) {
  constexpr const char* doing = "describing a matrix";
  cublasLtMatrixLayout_t layout = nullptr;
  check(cublasLtMatrixLayoutCreate(&layout, type, rows, cols, static_cast<std::int64_t>(ld)), doing);
  Layout owner(layout);
  if (batch == 1) return owner;
  const auto count = static_cast<std::int32_t>(batch);
  const auto offset = static_cast<std::int64_t>(stride);
  check(cublasLtMatrixLayoutSetAttribute(layout, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &count, sizeof(count)),
        doing);
  check(cublasLtMatrixLayoutSetAttribute(layout, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, &offset,
                                         sizeof(offset)),
        doing);
  return owner;
}

template <class Value>
void set(const Operation& operation, cublasLtMatmulDescAttributes_t attribute, const Value& value) {
  check(cublasLtMatmulDescSetAttribute(operation.get(), attribute, &value, sizeof(value)),
        "describing a product");
}
template <class Value>
void set(const Preference& preference, cublasLtMatmulPreferenceAttributes_t attribute, const Value& value) {
  check(cublasLtMatmulPreferenceSetAttribute(preference.get(), attribute, &value, sizeof(value)),
        "describing an algorithm");
}

/// A product's descriptors and its algorithm. cuBLAS is column-major, so it computes yᵀ [out, rows] =
/// op(W)·xᵀ: its A is W, its B is x, and no array is transposed.
struct ProductPlan {
  Operation operation;
  Layout w, x, y;  // y's also describes what is added
  cublasLtMatmulAlgo_t algorithm{};
  bool chosen = false;      // `algorithm` is set
  bool searched = false;    // no further search is needed
  bool one_by_one = false;  // no algorithm supports the batch: its products run one after the other
};

inline cublasLtEpilogue_t epilogue(const Product& p) {
  if (p.bias) return p.relu ? CUBLASLT_EPILOGUE_RELU_BIAS : CUBLASLT_EPILOGUE_BIAS;
  return p.relu ? CUBLASLT_EPILOGUE_RELU : CUBLASLT_EPILOGUE_DEFAULT;
}

inline ProductPlan make_plan(const ProductKey& key) {
  const Product& p = key.product;
  ProductPlan plan;
  cublasLtMatmulDesc_t operation = nullptr;
  // Sums in fp32, and fp32 factors as they are: only the FAST variants may round them to TF32.
  check(cublasLtMatmulDescCreate(&operation, CUBLAS_COMPUTE_32F, CUDA_R_32F), "describing a product");
  plan.operation.reset(operation);
  set(plan.operation, CUBLASLT_MATMUL_DESC_TRANSA, p.w_is_in_by_out ? CUBLAS_OP_N : CUBLAS_OP_T);
  set(plan.operation, CUBLASLT_MATMUL_DESC_TRANSB, CUBLAS_OP_N);
  set(plan.operation, CUBLASLT_MATMUL_DESC_EPILOGUE, epilogue(p));
  if (p.bias && p.batch > 1)
    set(plan.operation, CUBLASLT_MATMUL_DESC_BIAS_BATCH_STRIDE, static_cast<std::int64_t>(p.bias_stride));
  const auto [w_rows, w_cols] = p.w_is_in_by_out ? std::pair(p.out, p.in) : std::pair(p.in, p.out);
  plan.w = make_layout(key.type, w_rows, w_cols, w_rows, p.batch, p.w_stride);
  plan.x = make_layout(key.type, p.in, p.rows, p.x_ld, p.batch, p.x_stride);
  plan.y = make_layout(key.out_type, p.out, p.rows, p.y_ld, p.batch, p.y_stride);
  return plan;
}

/// Reduction schemes (split sums) that an algorithm may use. Deterministic: none, so that the order of a sum
/// does not depend on which block finishes first. For bf16 outputs those with partial sums in fp32 (the
/// others round them to bf16); for fp32 outputs all.
inline std::uint32_t reduction_schemes(const ProductKey& key, bool deterministic) {
  if (deterministic) return CUBLASLT_REDUCTION_SCHEME_NONE;
  return key.out_type == CUDA_R_32F ? CUBLASLT_REDUCTION_SCHEME_MASK : CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE;
}

/// Up to `max_count` algorithms, in the order in which cuBLAS expects them to be fast; empty if there is
/// none.
inline std::vector<cublasLtMatmulAlgo_t> algorithms(const Context& context, const ProductKey& key,
                                                    const ProductPlan& plan, int max_count) {
  // cuBLAS derives alignment from the bias's address; this address has the least alignment that may occur.
  if (key.product.bias)
    set(plan.operation, CUBLASLT_MATMUL_DESC_BIAS_POINTER, reinterpret_cast<const void*>(std::uintptr_t{16}));
  cublasLtMatmulPreference_t created = nullptr;
  check(cublasLtMatmulPreferenceCreate(&created), "describing an algorithm");
  const Preference preference(created);
  set(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, std::uint64_t{Context::workspace_bytes});
  set(preference, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK,
      reduction_schemes(key, context.deterministic()));
  set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, key.w_aligned);
  set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, key.x_aligned);
  set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, key.from_aligned);
  set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, key.y_aligned);
  std::vector<cublasLtMatmulHeuristicResult_t> results(static_cast<std::size_t>(max_count));
  int found = 0;
  const cublasStatus_t status = cublasLtMatmulAlgoGetHeuristic(
      context.blas(), plan.operation.get(), plan.w.get(), plan.x.get(), plan.y.get(), plan.y.get(),
      preference.get(), max_count, results.data(), &found);
  if (status != CUBLAS_STATUS_NOT_SUPPORTED) check(status, "choosing an algorithm");
  std::vector<cublasLtMatmulAlgo_t> list;
  for (int i = 0; i < found; ++i)
    if (const auto& result = results[static_cast<std::size_t>(i)]; result.state == CUBLAS_STATUS_SUCCESS)
      list.push_back(result.algo);
  return list;
}

}  // namespace detail
}  // namespace zofo::tensor::cuda

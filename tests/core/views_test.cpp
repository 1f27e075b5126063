// A buffer that another object owns as a vector: Eigen::Map, Eigen::Ref, std::span; and vectors of numbers.
#include <Eigen/Core>
#include <cmath>
#include <cstdint>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "contains.hpp"
#include "zofo/core/memory.hpp"
#include "zofo/core/vector_space.hpp"

using Eigen::MatrixXd;
using Eigen::VectorXd;
using Eigen::VectorXf;
template <class V>
using Mapped = Eigen::Map<V>;
using Refd = Eigen::Ref<VectorXd>;
using Span = std::span<double>;

static_assert(zofo::VectorSpace<Mapped<VectorXd>> && zofo::VectorSpace<Mapped<Eigen::MatrixXf>> &&
              zofo::VectorSpace<Refd> && zofo::VectorSpace<Span> && zofo::VectorSpace<std::vector<float>>);
static_assert(zofo::HasTensors<Mapped<VectorXd>> && zofo::HasTensors<Refd> && zofo::HasTensors<Span> &&
              zofo::HasTensors<std::vector<double>>);
static_assert(zofo::HasMatrices<Mapped<MatrixXd>> && !zofo::HasMatrices<Span>);
static_assert(zofo::HasCoordinates<Mapped<VectorXd>> && zofo::HasCoordinates<Span>);
static_assert(zofo::View<Mapped<VectorXd>> && zofo::View<Refd> && zofo::View<Span>);
static_assert(!zofo::View<VectorXd> && !zofo::View<std::vector<double>>);
// Columns of a Ref of a matrix, and a Map with strides, may have gaps; constant numbers cannot be updated.
static_assert(!zofo::HasTensors<Eigen::Ref<MatrixXd>>);
static_assert(!zofo::HasTensors<Eigen::Map<VectorXd, 0, Eigen::InnerStride<>>>);
static_assert(!zofo::VectorSpace<Eigen::Map<const VectorXd>> && !zofo::VectorSpace<std::span<const double>>);
static_assert(!zofo::VectorSpace<std::vector<int>> && !zofo::VectorSpace<std::span<int>>);
static_assert(std::is_same_v<zofo::Memory<VectorXd>, std::optional<VectorXd>>);
static_assert(std::is_same_v<zofo::Owned<Span>, std::vector<double>>);
static_assert(std::is_same_v<zofo::Owned<Refd>, VectorXd>);

namespace {

template <class V>
V view(VectorXd& numbers) {
  if constexpr (std::is_same_v<V, Refd>)
    return V(numbers);
  else if constexpr (std::is_same_v<V, Span>)
    return V(numbers.data(), static_cast<std::size_t>(numbers.size()));
  else
    return V(numbers.data(), numbers.size());
}

}  // namespace

TEMPLATE_TEST_CASE("a view has the operations of a vector on the numbers that it refers to", "[core]",
                   Mapped<VectorXd>, Refd, Span) {
  VectorXd a(3), b(3);
  a << 1.0, -2.0, 2.0;
  b << 3.0, 0.0, 1.0;
  TestType x = view<TestType>(a), y = view<TestType>(b);
  CHECK(zofo::dot(x, y) == 5.0);
  CHECK(zofo::norm(x) == 3.0);
  zofo::axpy(2.0, x, y);
  CHECK(b == (VectorXd(3) << 5.0, -4.0, 5.0).finished());
  zofo::scale(-0.5, x);
  CHECK(a == (VectorXd(3) << -0.5, 1.0, -1.0).finished());
  zofo::assign(x, y);
  CHECK(b == a);
  auto zero = zofo::zeros_like(x);
  static_assert(std::is_same_v<decltype(zero), zofo::Owned<TestType>>);
  CHECK(zofo::norm(zero) == 0.0);
  zofo::assign(x, zero);  // from a view to the type that owns
  CHECK(zofo::norm(zero) == zofo::norm(x));
  CHECK(zofo::coordinates(x).data() == a.data());
  VectorXd longer(4);
  TestType other = view<TestType>(longer);
  CHECK_THROWS_WITH(zofo::assign(x, other), contains("assign"));
  std::size_t size = 0;
  zofo::for_each_tensor(std::as_const(x), [&](std::uint32_t stream, const double* data, std::size_t n) {
    size = n;
    CHECK((stream == 0 && data == a.data()));
  });
  CHECK(size == 3);
}

TEMPLATE_TEST_CASE("a memory of a view owns its numbers, also as a copy", "[core]", Mapped<VectorXd>, Refd,
                   Span) {
  VectorXd a = VectorXd::LinSpaced(4, 1.0, 4.0);
  const VectorXd start = a;
  const TestType x = view<TestType>(a);
  zofo::Memory<TestType> memory;
  CHECK_FALSE(memory);
  memory = x;
  REQUIRE(memory);
  a.setZero();
  CHECK(zofo::norm(*memory) == start.norm());
  zofo::Memory<TestType> copy = memory;
  zofo::scale(2.0, *memory);
  CHECK(zofo::norm(*copy) == start.norm());
  zofo::assign(*memory, *copy);  // both of one size
  copy = memory;
  CHECK(zofo::norm(*copy) == 2.0 * start.norm());
  const double* const numbers = zofo::coordinates(*copy).data();
  zofo::Memory<TestType> moved = std::move(copy);
  CHECK(zofo::coordinates(*moved).data() == numbers);
  std::swap(moved, memory);
  CHECK(zofo::norm(*moved) == zofo::norm(*memory));
  moved.emplace(zofo::zeros_like(x));
  CHECK(zofo::norm(*moved) == 0.0);
  CHECK(zofo::coordinates(*moved).size() == 4);
  moved.reset();
  CHECK_FALSE(moved.has_value());
  copy = moved;
  CHECK_FALSE(copy.has_value());
  zofo::remember(x, moved);
  TestType target = view<TestType>(a);
  zofo::scale(3.0, *memory);
  zofo::bring_back(memory, target);
  CHECK(a.norm() == Approx(6.0 * start.norm()));
}

TEST_CASE("a memory of an owning type is an optional, one of a type with clone() too", "[core]") {
  struct Single {
    double value = 0.0;
    Single() = default;
    explicit Single(double x) : value(x) {}
    Single(Single&&) = default;
    Single& operator=(Single&&) = default;
    Single(const Single&) = delete;
    Single& operator=(const Single&) = delete;
    [[nodiscard]] Single clone() const { return Single(value); }
  };
  zofo::Memory<Single> memory;
  zofo::remember(Single(2.5), memory);
  CHECK(memory->value == 2.5);
  Single back;
  zofo::bring_back(memory, back);
  CHECK(back.value == 2.5);
}

TEST_CASE("vectors of numbers are vectors in single precision too", "[core]") {
  std::vector<float> x{1.0F, 2.0F}, y{0.5F, 0.5F};
  zofo::axpy(2.0, x, y);
  CHECK(y == std::vector{2.5F, 4.5F});
  CHECK(zofo::dot(x, x) == 5.0);
  y.push_back(1.0F);
  CHECK_THROWS_WITH(zofo::axpy(1.0, x, y), contains("x has 2 numbers, y 3"));
  CHECK_THROWS_WITH(zofo::dot(x, y), contains("x has 2 numbers, y 3"));
  zofo::assign(x, y);
  CHECK(y == x);
}

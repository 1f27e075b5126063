/// @file Products against a direct evaluation in double precision.
#include "zofo/tensor/cuda/blas.hpp"

#include <algorithm>
#include <type_traits>

#include "catch.hpp"
#include "contains.hpp"
#include "device.hpp"

using namespace zofo::tensor::cuda;

namespace {

// Values as T and the same as double.
template <class T>
struct Values {
  std::vector<T> exact;
  [[nodiscard]] double operator[](std::size_t i) const {
    if constexpr (std::is_same_v<T, bf16>)
      return static_cast<double>(__bfloat162float(exact[i]));
    else
      return static_cast<double>(exact[i]);
  }
};

template <class T>
Values<T> values(std::uint64_t seed, std::size_t n) {
  const std::vector<float> x = random_values(seed, n, 1.0F);
  if constexpr (std::is_same_v<T, bf16>)
    return {to_bf16(x)};
  else
    return {x};
}

// A case: the product and how many elements the arrays start behind an aligned address.
struct Case {
  Product product;
  std::size_t offset = 0;
  bool apart = false;  // adds another array than y
};

// Elements of an array of `count` matrices.
std::size_t extent(std::size_t count, std::size_t stride, std::size_t rows, std::size_t ld) {
  return (count - 1) * stride + rows * ld;
}

template <class T, class Y>
struct Inputs {
  explicit Inputs(const Case& c) {
    Product p = c.product;
    const std::size_t x_ld = p.x_ld == 0 ? p.in : p.x_ld, y_ld = p.y_ld == 0 ? p.out : p.y_ld;
    x = values<T>(1, c.offset + extent(p.batch, p.x_stride, p.rows, x_ld));
    w = values<T>(2, c.offset + extent(p.batch, p.w_stride, p.out, p.in));
    bias = values<T>(3, extent(p.batch, p.bias_stride, 1, p.out));
    from = values<Y>(4, c.offset + extent(p.batch, p.y_stride, p.rows, y_ld));
    y = values<Y>(5, from.exact.size());
  }
  Values<T> x, w, bias;
  Values<Y> from, y;
};

// All entries of y's array after the product; gaps keep what they held.
template <class T, class Y>
std::vector<double> direct(const Case& c, const Inputs<T, Y>& in) {
  const Product& p = c.product;
  const std::size_t x_ld = p.x_ld == 0 ? p.in : p.x_ld, y_ld = p.y_ld == 0 ? p.out : p.y_ld;
  std::vector<double> y(in.y.exact.size());
  for (std::size_t i = 0; i < y.size(); ++i) y[i] = in.y[i];
  for (std::size_t b = 0; b < p.batch; ++b)
    for (std::size_t r = 0; r < p.rows; ++r)
      for (std::size_t o = 0; o < p.out; ++o) {
        const std::size_t at = c.offset + b * p.y_stride + r * y_ld + o;
        double sum = 0.0;
        if (p.beta != 0.0F) sum = static_cast<double>(p.beta) * (c.apart ? in.from[at] : in.y[at]);
        for (std::size_t i = 0; i < p.in; ++i)
          sum += in.x[c.offset + b * p.x_stride + r * x_ld + i] *
                 in.w[c.offset + b * p.w_stride + (p.w_is_in_by_out ? i * p.out + o : o * p.in + i)];
        if (p.bias) sum += in.bias[b * p.bias_stride + o];
        y[at] = p.relu ? std::max(sum, 0.0) : sum;
      }
  return y;
}

template <class T, class Y>
std::vector<Y> on_gpu(Context& context, Blas& blas, const Case& c, const Inputs<T, Y>& in) {
  const DeviceArray<T> x(in.x.exact), w(in.w.exact), bias(in.bias.exact);
  const DeviceArray<Y> from(in.from.exact);
  DeviceArray<Y> y(in.y.exact);
  Y* const to = y.data() + c.offset;
  blas.multiply(c.product, x.data() + c.offset, w.data() + c.offset, bias.data(),
                c.apart ? from.data() + c.offset : to, to);
  context.synchronise();
  return y.host();
}

// bf16 outputs are rounded once, 2^-9 of an entry at most; fp32 ones carry the rounding of a short sum.
template <class T, class Y>
void check_case(Context& context, Blas& blas, const Case& c) {
  const Product& p = c.product;
  CAPTURE(p.rows, p.out, p.in, p.batch, p.w_is_in_by_out, p.beta, p.relu, p.bias, p.w_stride, c.offset,
          c.apart);
  const Inputs<T, Y> in(c);
  CHECK(relative_error(on_gpu<T, Y>(context, blas, c, in), direct<T, Y>(c, in)) <
        (std::is_same_v<Y, bf16> ? 4e-3 : 1e-5));
}

constexpr std::size_t shapes[][3] = {{3, 5, 7}, {1, 8, 16}, {17, 31, 67}, {40, 72, 24}, {129, 64, 200}};

template <class T, class Y>
void check_flags(Context& context, std::size_t offset) {
  Blas blas(context);
  for (const auto& [rows, out, in] : shapes)
    for (unsigned flags = 0; flags < 16; ++flags) {
      Case c;
      c.product.rows = rows;
      c.product.out = out;
      c.product.in = in;
      c.product.w_is_in_by_out = (flags & 1U) != 0;
      c.product.beta = (flags & 2U) != 0 ? 0.5F : 0.0F;
      c.product.relu = (flags & 4U) != 0;
      c.product.bias = (flags & 8U) != 0;
      c.offset = offset;
      if (c.product.bias && !std::is_same_v<T, Y>) continue;
      check_case<T, Y>(context, blas, c);
      c.apart = true;
      if (c.product.beta != 0.0F) check_case<T, Y>(context, blas, c);
    }
}

// Batches with gaps between rows and between matrices; own or shared weights, biases and x.
template <class T, class Y>
void check_batches(Context& context) {
  Blas blas(context);
  for (const auto& [rows, out, in] : shapes)
    for (unsigned flags = 0; flags < 32; ++flags) {
      Case c;
      Product& p = c.product;
      p = {.rows = rows, .out = out, .in = in, .batch = 3};
      p.w_is_in_by_out = (flags & 1U) != 0;
      const bool gaps = (flags & 2U) != 0;
      p.x_ld = in + (gaps ? 3 : 0);
      p.y_ld = out + (gaps ? 5 : 0);
      p.x_stride = rows * p.x_ld + (gaps ? 11 : 0);
      p.y_stride = rows * p.y_ld + (gaps ? 2 : 0);
      p.w_stride = (flags & 4U) != 0 ? out * in + 1 : 0;
      p.bias = (flags & 8U) != 0 && std::is_same_v<T, Y>;
      p.bias_stride = (flags & 16U) != 0 ? (out + 7) / 8 * 8 : 0;
      p.relu = p.bias && gaps;
      p.beta = gaps ? 1.0F : 0.0F;
      check_case<T, Y>(context, blas, c);
      if (flags % 4 == 0) p.x_stride = 0;
      check_case<T, Y>(context, blas, c);
    }
}

}  // namespace

TEST_CASE("products equal their definition, with every flag", "[cuda]") {
  Context context({.deterministic = true});
  check_flags<bf16, bf16>(context, 0);
  check_flags<bf16, float>(context, 0);
  check_flags<float, float>(context, 0);
}

TEST_CASE("products take arrays that start anywhere", "[cuda]") {
  Context context({.deterministic = true});
  check_flags<bf16, bf16>(context, 1);
  check_flags<bf16, float>(context, 1);
  check_flags<float, float>(context, 1);
}

TEST_CASE("batches of products share what has stride 0", "[cuda]") {
  Context context({.deterministic = true});
  check_batches<bf16, bf16>(context);
  check_batches<bf16, float>(context);
  check_batches<float, float>(context);
}

TEST_CASE("the algorithm found by a search computes the same", "[cuda]") {
  Context context;
  check_flags<bf16, bf16>(context, 0);
  check_flags<float, float>(context, 0);
  Blas blas(context);
  // Two probes' weights over one batch's rows, as a pass asks for; and few outputs of many inputs, where sums
  // are split.
  Product p{.rows = 256, .out = 192, .in = 576, .batch = 2};
  p.x_stride = p.rows * p.in;
  p.y_stride = p.rows * p.out;
  p.w_stride = p.out * p.in;
  check_case<bf16, bf16>(context, blas, {p});
  check_case<bf16, bf16>(context, blas, {{.rows = 16, .out = 64, .in = 4096, .beta = 1.0F}});
}

TEST_CASE("fp32 products are not rounded to TF32", "[cuda]") {
  // TF32 keeps 10 bits of a factor: an error of 1e-4 at least.
  Context context;
  Blas blas(context);
  check_case<float, float>(context, blas, {{.rows = 256, .out = 256, .in = 256}});
}

TEST_CASE("only the first call of a shape searches", "[cuda]") {
  Context context;
  Blas blas(context);
  const Product p{.rows = 64, .out = 128, .in = 256};
  const Buffer<bf16> w(context, p.out * p.in), x(context, 2 * p.rows * p.in);
  Buffer<bf16> y(context, p.rows * p.out);
  const auto multiply = [&](const bf16* from) { blas.multiply(p, from, w.data(), nullptr, y.data()); };
  multiply(x.data());
  const Counters after = context.counters();
  CHECK(after.bytes == Context::workspace_bytes + (w.size() + x.size() + y.size()) * sizeof(bf16));
  multiply(x.data());
  multiply(x.data() + p.rows * p.in);
  CHECK(blas.shapes() == 1);
  CHECK(context.counters().synchronisations == after.synchronisations);
  CHECK(context.counters().allocations == after.allocations);
  CHECK(context.counters().graph_launches == after.graph_launches);
  multiply(x.data() + 1);
  CHECK(blas.shapes() == 2);
}

TEST_CASE("a product of nearly as many rows takes the algorithm that was found", "[cuda]") {
  Context context;
  Blas blas(context);
  const auto searches = [&](std::size_t rows, std::size_t batch) {
    const Product p{.rows = rows,
                    .out = 48,
                    .in = 96,
                    .batch = batch,
                    .x_stride = rows * 96,
                    .w_stride = batch > 1 ? std::size_t{48 * 96} : 0,
                    .y_stride = rows * 48};
    const std::uint64_t before = context.counters().graph_launches;
    check_case<bf16, bf16>(context, blas, {p});
    return context.counters().graph_launches > before;
  };
  CHECK(searches(64, 1));
  CHECK_FALSE(searches(72, 1));
  CHECK_FALSE(searches(95, 1));
  CHECK(searches(96, 1));
  CHECK(searches(64, 2));
  CHECK_FALSE(searches(80, 2));
  CHECK(blas.shapes() == 6);
}

TEST_CASE("products work inside a capture, searched before or not, and between a fork and its join",
          "[cuda]") {
  Context context;
  Blas blas(context);
  const Case c{{.rows = 24, .out = 40, .in = 56, .beta = 1.0F}};
  const Inputs<bf16, float> in(c);
  const DeviceArray<bf16> x(in.x.exact), w(in.w.exact);
  const auto run = [&](DeviceArray<float>& y) {
    blas.multiply(c.product, x.data(), w.data(), nullptr, y.data());
  };
  for (int round = 0; round < 2; ++round) {
    DeviceArray<float> y(in.y.exact);
    const std::uint64_t waits = context.counters().synchronisations;
    const Graph graph = Graph::capture(context, [&] { run(y); });
    CHECK(context.counters().synchronisations == waits);
    graph.launch(context);
    CHECK(relative_error(y.host(), direct<bf16, float>(c, in)) < 1e-5);
    DeviceArray<float> at_once(in.y.exact);
    context.fork();
    run(at_once);  // searches in the first round
    context.join();
    CHECK((context.counters().synchronisations > waits) == (round == 0));
    CHECK(relative_error(at_once.host(), direct<bf16, float>(c, in)) < 1e-5);
  }
}

TEST_CASE("a deterministic context gives the same bits every time, and never searches", "[cuda]") {
  const Case c{{.rows = 100, .out = 96, .in = 2048}};
  const Inputs<bf16, float> in(c);
  std::vector<float> first;
  for (int run = 0; run < 3; ++run) {
    Context context({.deterministic = true});
    Blas blas(context);
    const std::vector<float> y = on_gpu<bf16, float>(context, blas, c, in);
    CHECK(context.counters().synchronisations == 1);
    if (run == 0) first = y;
    CHECK(y == first);
  }
}

TEST_CASE("a product of no rows does nothing, and wrong ones are refused by name", "[cuda]") {
  Context context({.deterministic = true});
  Blas blas(context);
  const auto multiply = [&](const Product& p) {
    const float* const none = nullptr;
    blas.multiply(p, none, none, none, static_cast<float*>(nullptr));
  };
  CHECK_NOTHROW(multiply({.rows = 0, .out = 8, .in = 8}));
  CHECK_NOTHROW(multiply({.rows = 8, .out = 0, .in = 8}));
  CHECK_NOTHROW(multiply({.rows = 8, .out = 8, .in = 8, .batch = 0}));
  CHECK_THROWS_WITH(multiply({.rows = std::size_t{1} << 31U, .out = 8, .in = 8}),
                    "product: rows = 2147483648: must be below 2^31");
  CHECK_THROWS_WITH(multiply({.rows = 1, .out = 8, .in = 0}), "product: in = 0: must be at least 1");
  CHECK_THROWS_WITH(multiply({.rows = 1, .out = 8, .in = 8, .x_ld = 7}),
                    "product: x_ld = 7: must be at least in = 8");
  CHECK_THROWS_WITH(multiply({.rows = 1, .out = 8, .in = 8, .y_ld = 7}),
                    "product: y_ld = 7: must be at least out = 8");
  CHECK_THROWS_WITH(multiply({.rows = 1, .out = 8, .in = 8, .batch = 2, .w_stride = 64}),
                    contains("cannot share y"));
  CHECK_THROWS_WITH(multiply({.rows = 1, .out = 8, .in = 8, .bias = true}), contains("must not be null"));
  const DeviceArray<float> bias(16);
  CHECK_THROWS_WITH(blas.multiply({.rows = 1, .out = 8, .in = 8, .bias = true}, bias.data(), bias.data(),
                                  bias.data() + 1, static_cast<float*>(nullptr)),
                    contains("16 bytes"));
  CHECK(blas.shapes() == 0);
}

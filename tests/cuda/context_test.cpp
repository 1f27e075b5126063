/// @file The context: what it counts, what it captures and how it fails.
#include "zofo/tensor/cuda/context.hpp"

#include "catch.hpp"
#include "contains.hpp"
#include "device.hpp"
#include "zofo/tensor/cuda/blas.hpp"
#include "zofo/tensor/cuda/buffer.hpp"
#include "zofo/tensor/cuda/graph.hpp"
#include "zofo/tensor/cuda/launch_check.hpp"

using namespace zofo::tensor::cuda;

namespace {

void copy(cudaStream_t stream, const Buffer<float>& from, Buffer<float>& to) {
  check(
      cudaMemcpyAsync(to.data(), from.data(), from.size() * sizeof(float), cudaMemcpyDeviceToDevice, stream),
      "copying");
}

}  // namespace

TEST_CASE("a test array starts as NaN and gives back what it was given", "[cuda]") {
  const DeviceArray<float> poison(5);
  for (const float x : poison.host()) CHECK(std::isnan(x));
  const std::vector<float> values = random_values(1, 7, 2.0F);
  CHECK(DeviceArray<float>(values).host() == values);
  CHECK(relative_error(to_float(to_bf16(values)), values) < 0x1p-8);
}

TEST_CASE("a context knows its GPU", "[cuda]") {
  const Context context;
  CHECK_FALSE(context.name().empty());
  CHECK(context.multiprocessors() > 0);
  CHECK(context.memory() >= Context::free_memory());
  CHECK_FALSE(context.deterministic());
  CHECK_FALSE(context.capturing());
  CHECK(Context({.deterministic = true}).deterministic());
}

TEST_CASE("a context counts allocations, bytes and waits", "[cuda]") {
  Context context;
  const Counters opened = context.counters();
  CHECK(opened.allocations == 1);
  CHECK(opened.bytes == Context::workspace_bytes);
  {
    Buffer<float> a(context, 1000);
    Buffer<float> b = std::move(a);
    const Pinned<double> pinned(context, 10);
    const Buffer<float> empty(context, 0);
    CHECK(a.size() == 0);  // NOLINT: a moved-from buffer is empty
    CHECK(a.data() == nullptr);
    CHECK(b.size() == 1000);
    CHECK(context.counters().allocations == 3);
    CHECK(context.counters().bytes == opened.bytes + 4000);
    CHECK(context.counters().pinned_bytes == 80);
    b = Buffer<float>(context, 500);
    CHECK(context.counters().allocations == 4);
  }
  CHECK(context.counters().bytes == opened.bytes);
  CHECK(context.counters().pinned_bytes == 0);
  CHECK(context.counters().peak_bytes == opened.bytes + 6000);
  context.synchronise();
  CHECK(context.counters().synchronisations == opened.synchronisations + 1);
}

TEST_CASE("a buffer may outlive its context, and a context is movable", "[cuda]") {
  Buffer<float> buffer;
  {
    Context first;
    Context context = std::move(first);
    buffer = Buffer<float>(context, 3);
    buffer.upload(context, std::vector<float>{1, 2, 3});
    CHECK(buffer.download(context) == std::vector<float>{1, 2, 3});
    CHECK_THROWS_WITH(buffer.upload(context, std::vector<float>(4)),
                      "buffer: 4 values: must be at most 3 (its size)");
  }
  CHECK(buffer.size() == 3);
}

TEST_CASE("a buffer that does not fit says how much was asked for and how much is free", "[cuda]") {
  Context context;
  CHECK_THROWS_WITH(Buffer<float>(context, std::size_t{1} << 42U), contains("16384.00 GiB requested"));
  CHECK_THROWS_WITH(Buffer<float>(context, std::size_t{1} << 42U),
                    contains("are free (this program uses 32.0 MiB)"));
  CHECK_THROWS_AS(Buffer<double>(context, ~std::size_t{0}), zofo::Error);
  CHECK(context.counters().allocations == 1);
  CHECK(context.counters().bytes == Context::workspace_bytes);
  CHECK_NOTHROW(launched("nothing"));
  Buffer<float> fits(context, 2);
  fits.upload(context, std::vector<float>{1, 2});
  CHECK(fits.download(context) == std::vector<float>{1, 2});
}

TEST_CASE("the side stream waits for the main one at a fork, and the main one at a join", "[cuda]") {
  Context context;
  constexpr std::size_t n = std::size_t{1} << 22U;  // long enough to overlap if nothing waited
  Buffer<float> a(context, n), b(context, n), c(context, n);
  a.upload(context, std::vector<float>(n, 1.0F));
  for (const float value : {2.0F, 3.0F}) {
    a.upload(context, std::vector<float>(n, value));
    context.fork();
    CHECK(context.is_forked());
    copy(context.side_stream(), a, b);
    context.join();
    CHECK_FALSE(context.is_forked());
    copy(context.stream(), b, c);
    CHECK(c.download(context) == std::vector<float>(n, value));
  }
}

TEST_CASE("a captured graph replays forked work with what its inputs hold then", "[cuda]") {
  Context context;
  constexpr std::size_t n = 1000;
  Buffer<float> a(context, n), b(context, n), c(context, n), d(context, n);
  const Graph graph = Graph::capture(context, [&] {
    CHECK(context.capturing());
    context.fork();
    copy(context.side_stream(), a, b);
    copy(context.stream(), a, c);
    context.join();
    copy(context.stream(), b, d);
  });
  CHECK_FALSE(context.capturing());
  CHECK(graph.kernels() == 0);
  for (const float value : {1.0F, 2.0F}) {
    a.upload(context, std::vector<float>(n, value));
    graph.launch(context);
    CHECK(c.download(context) == std::vector<float>(n, value));
    CHECK(d.download(context) == std::vector<float>(n, value));
  }
  CHECK(context.counters().graph_launches == 2);
}

TEST_CASE("a graph counts its kernels", "[cuda]") {
  Context context({.deterministic = true});
  Blas blas(context);
  Buffer<float> x(context, 64), w(context, 64), y(context, 64);
  const auto product = [&] {
    blas.multiply({.rows = 8, .out = 8, .in = 8}, x.data(), w.data(), nullptr, y.data());
  };
  product();
  const Graph graph = Graph::capture(context, product);
  CHECK(graph.kernels() >= 1);
  CHECK(context.counters().kernels_captured == graph.kernels());
}

TEST_CASE("an exception inside a capture leaves both streams usable", "[cuda]") {
  Context context;
  constexpr std::size_t n = 1000;
  Buffer<float> a(context, n), b(context, n);
  a.upload(context, std::vector<float>(n, 4.0F));
  const auto failing = [&](bool join, bool invalid) {
    Graph::capture(context, [&] {
      context.fork();
      copy(context.side_stream(), a, b);
      if (invalid) context.synchronise();  // not allowed in a capture, which it makes invalid
      if (join) context.join();
      throw std::logic_error("stop");
    });
  };
  CHECK_THROWS_AS(failing(true, false), std::logic_error);
  CHECK_THROWS_AS(failing(false, false), std::logic_error);
  CHECK_THROWS_AS(failing(false, true), zofo::Error);
  CHECK_THROWS_WITH(Graph::capture(context, [&] { context.fork(); }), contains("must join what it forked"));
  CHECK_FALSE(context.capturing());
  CHECK_FALSE(context.is_forked());
  CHECK_NOTHROW(launched("nothing"));

  const Graph graph = Graph::capture(context, [&] {
    context.fork();
    copy(context.side_stream(), a, b);
    context.join();
  });
  graph.launch(context);
  CHECK(b.download(context) == std::vector<float>(n, 4.0F));
}

TEST_CASE("a graph cache drops the graph unused for longest", "[cuda]") {
  Context context;
  Buffer<float> a(context, 1), b(context, 1);
  GraphCache cache(2);
  const auto capture = [&] { return Graph::capture(context, [&] { copy(context.stream(), a, b); }); };
  CHECK(cache.find({1}) == nullptr);
  cache.insert({1}, capture());
  cache.insert({1, 0}, capture());
  CHECK(cache.find({1}) != nullptr);
  cache.insert({2}, capture()).launch(context);
  CHECK(cache.size() == 2);
  CHECK(cache.find({1}) != nullptr);
  CHECK(cache.find({1, 0}) == nullptr);
  cache.insert({2}, capture()).launch(context);
  CHECK(cache.size() == 2);
  context.synchronise();
}

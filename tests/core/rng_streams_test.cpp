#include "zofo/core/rng_streams.hpp"

#include <array>
#include <cstdint>
#include <limits>

#include "catch.hpp"
#include "contains.hpp"

using zofo::BatchStream;
using zofo::ExtraStream;
using zofo::SingleStream;
using zofo::stream_number;
using zofo::StreamRange;
using zofo::detail::disjoint;

TEST_CASE("ranges that share a number, or run downwards, are not disjoint", "[rng_streams]") {
  constexpr std::uint32_t most = std::numeric_limits<std::uint32_t>::max();
  STATIC_REQUIRE(disjoint(std::array{StreamRange{0, 4}, StreamRange{5, 5}, StreamRange{6, most}}));
  STATIC_REQUIRE(disjoint(std::array{StreamRange{6, most}, StreamRange{5, 5}, StreamRange{0, 4}}));
  STATIC_REQUIRE_FALSE(disjoint(std::array{StreamRange{0, 5}, StreamRange{5, 5}}));
  STATIC_REQUIRE_FALSE(disjoint(std::array{StreamRange{5, 5}, StreamRange{7, 7}, StreamRange{5, 5}}));
  STATIC_REQUIRE_FALSE(disjoint(std::array{StreamRange{2, 3}, StreamRange{0, most}}));
  STATIC_REQUIRE_FALSE(disjoint(std::array{StreamRange{3, 2}}));
}

TEST_CASE("saved runs depend on the numbers: they are these", "[rng_streams]") {
  STATIC_REQUIRE(zofo::streams_of(ExtraStream::coordinate).first == 0x10000000U);
  STATIC_REQUIRE(zofo::streams_of(ExtraStream::mask).first == 0x20000000U);
  STATIC_REQUIRE(zofo::streams_of(ExtraStream::left).first == 0x30000000U);
  STATIC_REQUIRE(zofo::streams_of(ExtraStream::right).first == 0x40000000U);
  STATIC_REQUIRE(zofo::streams_of(ExtraStream::rounding).last == 0x5FFFFFFFU);
  STATIC_REQUIRE(stream_number(SingleStream::task_choice) == 0xFFFF0001U);
  STATIC_REQUIRE(stream_number(SingleStream::random_sign) == 0xFFFF0002U);
  STATIC_REQUIRE(stream_number(SingleStream::generated_token) == 0xFFFF0003U);
  STATIC_REQUIRE(zofo::query_number(zofo::QueryWord::dropout) == 0xD209U);
  STATIC_REQUIRE(zofo::masked_seed(5, zofo::SeedMask::rows) == (5 ^ 0x9b1f5c3d7a2e4860U));
  STATIC_REQUIRE(zofo::masked_seed(5, zofo::SeedMask::noise) == (5 ^ 0x5d8e1b72c49f3a06U));
  STATIC_REQUIRE(stream_number(zofo::RowStream::batch) == 0);
  STATIC_REQUIRE(stream_number(zofo::RowStream::corrupted_labels) == 1);
  STATIC_REQUIRE(stream_number(BatchStream::inner_upper) == 0);
  STATIC_REQUIRE(stream_number(BatchStream::inner_lower) == 1);
  STATIC_REQUIRE(stream_number(BatchStream::probe_upper) == 2);
  STATIC_REQUIRE(stream_number(BatchStream::probe_lower) == 3);
  STATIC_REQUIRE(stream_number(BatchStream::large_upper) == 4);
  STATIC_REQUIRE(stream_number(BatchStream::large_lower) == 5);
  STATIC_REQUIRE(stream_number(BatchStream::split) == 1000);
  STATIC_REQUIRE(stream_number(BatchStream::task_split) == 1001);
  STATIC_REQUIRE(stream_number(BatchStream::shots) == 2000);
  STATIC_REQUIRE(stream_number(BatchStream::demonstrations) == 2001);
  STATIC_REQUIRE(stream_number(BatchStream::examples) == 2002);
  STATIC_REQUIRE(stream_number(BatchStream::samples) == 2003);
  STATIC_REQUIRE(stream_number(BatchStream::file_split) == 2004);
}

TEST_CASE("a tensor's extra streams belong to their use, and the library uses none of the users'",
          "[rng_streams]") {
  for (const std::uint32_t tensor : {0U, 7U, (1U << 28U) - 1}) {
    const std::uint32_t stream = zofo::extra_stream(ExtraStream::left, tensor);
    CHECK(stream == (3U << 28U) + tensor);
    CHECK(zofo::streams_of(ExtraStream::left).contains(stream));
    CHECK_FALSE(zofo::kUserStreams.contains(stream));
  }
  CHECK_THROWS_WITH(zofo::extra_stream(ExtraStream::left, 1U << 28U), contains("268435456"));
  CHECK(zofo::kUserStreams.contains(0x60000000U));
  CHECK(zofo::kUserStreams.contains(0xEFFFFFFFU));
  CHECK_FALSE(zofo::kUserStreams.contains(stream_number(SingleStream::task_choice)));
  CHECK(zofo::kUserBatchStreams.contains(0x10000U));
  CHECK_FALSE(zofo::kUserBatchStreams.contains(stream_number(BatchStream::examples)));
}

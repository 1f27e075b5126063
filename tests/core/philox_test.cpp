#include "zofo/core/philox.hpp"

#include <array>
#include <cstdint>

#include "catch.hpp"

using Words = std::array<std::uint32_t, 4>;
using Key = std::array<std::uint32_t, 2>;

// Known answers published with Random123 1.14 (tests/kat_vectors, philox4x32 10).
TEST_CASE("philox4x32-10 gives the published known answers", "[philox]") {
  constexpr std::uint32_t all = 0xFFFFFFFFu;
  STATIC_REQUIRE(zofo::philox4x32_10(Words{0, 0, 0, 0}, Key{0, 0}) ==
                 Words{0x6627E8D5u, 0xE169C58Du, 0xBC57AC4Cu, 0x9B00DBD8u});
  CHECK(zofo::philox4x32_10(Words{all, all, all, all}, Key{all, all}) ==
        Words{0x408F276Du, 0x41C83B0Eu, 0xA20BC7C6u, 0x6D5451FDu});
  // Counter and key are digits of pi.
  CHECK(zofo::philox4x32_10(Words{0x243F6A88u, 0x85A308D3u, 0x13198A2Eu, 0x03707344u},
                            Key{0xA4093822u, 0x299F31D0u}) ==
        Words{0xD16CFE09u, 0x94FDCCEBu, 0x5001E420u, 0x24126EA1u});
}

TEST_CASE("a stream's counter is (block, tensor, step, query) and its key the seed, low word first",
          "[philox]") {
  const zofo::PhiloxStream stream{{0x299F31D0A4093822u, 0x13198A2Eu, 0x03707344u}, 0x85A308D3u};
  CHECK(stream.key() == Key{0xA4093822u, 0x299F31D0u});
  CHECK(stream.block(0x243F6A88u) == Words{0xD16CFE09u, 0x94FDCCEBu, 0x5001E420u, 0x24126EA1u});
}

#include "zofo/core/hash.hpp"

#include <random>
#include <string>

#include "catch.hpp"

using namespace zofo;

namespace {

// The buffer of xxHash's own sanity check (xsum_sanity_check.c).
std::string sanity_buffer(std::size_t size) {
  std::string buffer;
  for (std::uint64_t state = 2654435761U; buffer.size() < size; state *= 11400714785074694797U)
    buffer += static_cast<char>(state >> 56U);
  return buffer;
}

}  // namespace

TEST_CASE("the hash is XXH64: values published with xxHash and with its ports", "[checkpoint]") {
  const auto of = [](std::string_view text) { return Hash64().update(text).value(); };
  CHECK(of("") == 0xef46db3751d8e999U);
  CHECK(of("a") == 0xd24ec4f1a98c6e5bU);
  CHECK(of("as") == 0x1c330fb2d66be179U);
  CHECK(of("asd") == 0x631c37ce72a97393U);
  CHECK(of("asdf") == 0x415872f599cea71eU);
  CHECK(of("Nobody inspects the spammish repetition") == 0xfbcea83c8a378bf1U);
  CHECK(of("Call me Ishmael. Some years ago--never mind how long precisely-") == 0x02a2e85470d6fd96U);
  CHECK(of(sanity_buffer(1)) == 0xe934a84adb052768U);
  CHECK(of(sanity_buffer(4)) == 0x9136a0dca57457eeU);
  CHECK(of(sanity_buffer(14)) == 0x8282dcc4994e35c8U);
  CHECK(of(sanity_buffer(222)) == 0xb641ae8cb691c174U);
  CHECK(zofo::hash_text(0x1fU) == "000000000000001f");
}

TEST_CASE("the hash does not depend on the pieces, but on every byte", "[checkpoint]") {
  const std::string text = sanity_buffer(300);
  const std::uint64_t whole = Hash64().update(text).value();
  std::mt19937 random(3);
  for (int trial = 0; trial < 200; ++trial) {
    Hash64 hash;
    for (std::string_view rest = text; !rest.empty();) {
      const std::string_view piece = rest.substr(0, random() % 70);
      hash.update(piece);
      rest.remove_prefix(piece.size());
    }
    REQUIRE(hash.value() == whole);
  }
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string other = text;
    other[i] = static_cast<char>(other[i] ^ 1);
    REQUIRE(Hash64().update(other).value() != whole);
  }
}

#include "bilevel/hashing_vectorizer.hpp"

#include <cmath>
#include <string>
#include <vector>

#include "catch.hpp"

using zofo::bench::fnv1a;
using zofo::bench::HashingVectorizer;
using zofo::bench::word_tokens;

TEST_CASE("FNV-1a gives its authors' test vectors") {
  // draft-eastlake-fnv, appendix C, 64 bits
  CHECK(fnv1a("") == 0xcbf29ce484222325);
  CHECK(fnv1a("a") == 0xaf63dc4c8601ec8c);
  CHECK(fnv1a("foobar") == 0x85944171f73967e8);
}

TEST_CASE("words are runs of letters and digits, in lower case") {
  CHECK(word_tokens("It 's a Smartly-directed , 3D film !") ==
        std::vector<std::string>{"it", "s", "a", "smartly", "directed", "3d", "film"});
  CHECK(word_tokens("caf\xc3\xa9") == std::vector<std::string>{"caf\xc3\xa9"});
  CHECK(word_tokens(" ... ").empty());
}

TEST_CASE("a row is the log-counts of its buckets, of length 1") {
  const HashingVectorizer two{.buckets = 2};
  // both hashes are known above: "a" is even, bucket 0; "foobar" is even too; "b" = 0xaf63df4c8601f1a5 is odd
  const Eigen::VectorXd row = two("a A foobar b");
  const double even = std::log(4.0), odd = std::log(2.0), length = std::hypot(even, odd);
  CHECK(std::abs(row[0] - even / length) < 1e-15);
  CHECK(std::abs(row[1] - odd / length) < 1e-15);
  CHECK(two(" , ").isZero());
  CHECK(HashingVectorizer{.buckets = 64}("one two three").norm() == Approx(1.0));
}

TEST_CASE("a vectoriser without buckets says so") {
  CHECK_THROWS_WITH(HashingVectorizer{.buckets = 0}("a"), "buckets = 0: must be at least 1");
}

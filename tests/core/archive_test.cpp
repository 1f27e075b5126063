#include "zofo/core/archive.hpp"

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "catch.hpp"
#include "contains.hpp"
#include "message.hpp"
#include "zofo/core/zo_gradient.hpp"

using namespace zofo;

namespace {

enum class Colour : std::uint8_t { red = 3, blue = 200 };

struct Inner {
  std::vector<double> velocity;
  std::optional<std::uint64_t> count;
  template <class A>
  void fields(A& archive) {
    archive(velocity, count);
  }
};

struct Outer {
  bool flag = false;
  Colour colour = Colour::red;
  std::int32_t signed_number = 0;
  float single = 0;
  double number = 0;
  std::string text;
  std::vector<bool> bits;
  std::vector<Inner> list;
  std::array<std::uint16_t, 3> three{};
  ZoGradient gradient;
  Probe probe;
  std::vector<std::size_t> sizes;
  AdapterPair<std::optional<Eigen::VectorXd>> pair;
  Memory<Eigen::MatrixXf> matrix;
  Memory<std::vector<float>> row;
  template <class A>
  void fields(A& archive) {
    archive(flag, colour, signed_number, single, number, text, bits, list, three, gradient, probe, sizes,
            pair, matrix, row);
  }
};

// θ that only lists tensors, so that a reader cannot resize it.
struct TwoTensors {
  Eigen::MatrixXd a;
  std::vector<float> b;
  template <class F>
  friend void for_each_tensor(TwoTensors& theta, F&& f) {
    f(std::uint32_t{0}, theta.a.data(), static_cast<std::size_t>(theta.a.size()));
    f(std::uint32_t{1}, theta.b.data(), theta.b.size());
  }
};

Outer example() {
  Outer x;
  x.flag = true;
  x.colour = Colour::blue;
  x.signed_number = -5;
  x.single = std::nextafter(1.0F, 2.0F);
  x.number = -0.0;
  x.text = "schöne \n bytes";
  x.bits = {true, false, true};
  x.list = {{{1.5, std::numeric_limits<double>::quiet_NaN()}, 7}, {{}, std::nullopt}};
  x.three = {1, 2, 65535};
  x.gradient = {{{{7, 1, 2}, 5e-324}, {{~std::uint64_t{0}, 3, 4}, 1.0 / 3.0}}, 2.5};
  x.probe = {{1, 2, 3}, -1e-3};
  x.sizes = {1, 2, 3};
  x.pair.upper = Eigen::VectorXd::LinSpaced(3, 0, 1);
  x.matrix = Eigen::MatrixXf::Random(2, 3);
  x.row = std::vector<float>{1, 2, 3, 4};
  return x;
}

template <class... Ts>
std::vector<std::byte> written(const Ts&... values) {
  ArchiveWriter archive;
  archive(values...);
  return {archive.bytes().begin(), archive.bytes().end()};
}

std::filesystem::path scratch(const char* name) {
  return std::filesystem::path(ZOFO_BINARY_DIR) / (std::string("archive_test_") + name);
}
std::string contents(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}
void put(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

}  // namespace

TEST_CASE("every type of a state reads back to the bit", "[core]") {
  const Outer x = example();
  const auto bytes = written(x);
  Outer y;
  y.list.resize(5);  // what was there before goes
  y.pair.lower = Eigen::VectorXd::Zero(2);
  ArchiveReader reader(bytes, "memory");
  reader(y);
  reader.finish();
  CHECK(written(y) == bytes);
  CHECK(y.colour == Colour::blue);
  CHECK(y.text == x.text);
  CHECK(y.bits == x.bits);
  CHECK(y.gradient == x.gradient);
  CHECK(y.probe == x.probe);
  CHECK(std::signbit(y.number));
  CHECK(std::isnan(y.list.at(0).velocity.at(1)));
  CHECK_FALSE(y.pair.lower.has_value());
  CHECK(*y.matrix == *x.matrix);
}

TEST_CASE("a memory of a view owns what was read", "[core]") {
  std::vector<double> buffer{1, 2, 3};
  using Map = Eigen::Map<Eigen::VectorXd>;
  Memory<Map> map;
  map = Map(buffer.data(), 3);
  Memory<std::span<double>> span;
  span = std::span(buffer);
  const auto bytes = written(map, span);
  Memory<Map> map_back;
  Memory<std::span<double>> span_back;
  ArchiveReader reader(bytes, "memory");
  reader(map_back, span_back);
  reader.finish();
  buffer = {0, 0, 0};
  CHECK((*map_back)[2] == 3.0);
  CHECK((*span_back)[1] == 2.0);
}

TEST_CASE("a theta of tensors takes its shape from an example", "[core]") {
  TwoTensors theta{Eigen::MatrixXd::Random(2, 2), {1, 2, 3}};
  Memory<TwoTensors> kept = theta, back;
  const auto bytes = written(kept);
  TwoTensors shape{Eigen::MatrixXd::Zero(2, 2), {0, 0, 0}};
  ArchiveReader reader(bytes, "memory");
  reader.shape_from(shape)(back);
  CHECK(back->a == theta.a);
  CHECK(back->b == theta.b);
  CHECK(shape.b[0] == 0.0F);
  ArchiveReader wrong(bytes, "memory");
  shape.b.resize(2);
  CHECK_THAT(message([&] { wrong.shape_from(shape)(back); }), contains("a tensor of 3: must have 2"));
}

TEST_CASE("every truncation and every altered byte of the values is refused or harmless", "[core]") {
  const auto bytes = written(example());
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    ArchiveReader reader({bytes.data(), n}, "cut");
    Outer y;
    CHECK_THROWS_AS(reader(y), Error);
  }
  // Wrong counts allocate nothing: 2^56 elements would end this program.
  for (std::size_t i = 0; i < bytes.size(); ++i)
    for (const unsigned change : {0x01U, 0x80U, 0xffU}) {
      auto altered = bytes;
      altered[i] ^= static_cast<std::byte>(change);
      ArchiveReader reader(altered, "altered");
      Outer y;
      try {
        reader(y);
        reader.finish();
      } catch (const Error& error) {
        CHECK_THAT(std::string(error.what()), contains("altered: byte "));
      }
    }
}

TEST_CASE("messages name file, byte, part and what was expected", "[core]") {
  const auto bytes = written(1.5, std::uint32_t{3});
  ArchiveReader reader(bytes, "state.zofo", 100);
  double a = 0;
  bool b = false;
  CHECK_THAT(
      message([&] { reader.part("outer optimizer")(a, b); }),
      contains("state.zofo: byte 109 (outer optimizer): found a 32-bit unsigned integer, expected a bool"));
  CHECK_THAT(message([&] { reader.finish(); }), contains("5 bytes follow"));
  const auto numbers = written(std::vector<double>{1, 2});
  ArchiveReader floats(numbers, "f");
  std::vector<float> wrong;
  CHECK_THAT(message([&] { floats(wrong); }), contains("found a double, expected a float"));
}

TEST_CASE("an archive file is whole and undamaged or refused", "[core]") {
  const auto path = scratch("file");
  ArchiveWriter archive;
  archive(std::string("values"), 2.5);
  write_archive(path, "a test", archive);
  CHECK_FALSE(std::filesystem::exists(path.string() + ".part"));
  std::string text;
  double number = 0;
  const ArchiveFile file(path, "a test");
  file.reader()(text, number).finish();
  CHECK(text == "values");
  CHECK(number == 2.5);

  const std::string good = contents(path);
  const auto refusal = [&](const std::string& bytes) {
    put(path, bytes);
    return message([&] { ArchiveFile(path, "a test"); });
  };
  for (std::size_t n = 0; n < good.size(); ++n)
    CHECK_THAT(refusal(good.substr(0, n)), contains(path.string()));
  CHECK_THAT(refusal(good + "x"), contains("has grown"));
  CHECK_THAT(refusal("ZOFO\n\x1a\n" + good), contains("no zofo archive"));
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string altered = good;
    altered[i] = static_cast<char>(altered[i] ^ 0x10);
    CHECK_THAT(refusal(altered), contains(path.string() + ": byte "));
  }
  put(path, good);
  CHECK_THAT(message([&] { ArchiveFile(path, "a run"); }), contains("of kind 'a test': must be 'a run'"));
  std::filesystem::remove(path);
  CHECK_THAT(message([&] { ArchiveFile(path, "a test"); }), contains("cannot be opened"));
  CHECK_THAT(message([&] { write_archive("/no/such/folder/file", "a test", archive); }),
             contains("cannot be opened for writing"));
}

#include "zofo/parse/toml.hpp"

#include <unistd.h>

#include <fstream>
#include <string>

#include "catch.hpp"
#include "contains.hpp"

using zofo::parse::longest_toml_key;

namespace {

/// Writes a text to a file and reads it.
toml::table read(const std::string& text) {
  const auto path = std::filesystem::temp_directory_path() / fmt::format("zofo-input-{}.toml", ::getpid());
  std::ofstream(path, std::ios::binary) << text;
  struct Removed {
    const std::filesystem::path& path;
    ~Removed() { std::filesystem::remove(path); }
  } const removed{path};
  return zofo::parse::read_toml(path);
}

std::string key_of(std::size_t parts) {
  std::string key = "a";
  for (std::size_t i = 1; i < parts; ++i) key += ".a";
  return key;
}

}  // namespace

TEST_CASE("TOML is parsed exactly, with non-ASCII characters and dots in strings and comments") {
  const auto table = read(
      "\xEF\xBB\xBF# caf\xC3\xA9 \"...................\n"
      "s = \"caf\xC3\xA9 ....................\"\n"
      "l = '''a\\\n\xC3\xA9'.''.................'''\n"
      "m = \"\"\"\\\"\"\" .................. \"\" \"\"\"\"\"\n"
      "n = [0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5, 8.5, 9.5, 0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5]\n"
      "c = \"\"\"a\\\n   b\xC3\xA9\"\"\"\n");
  CHECK(table["s"].value<std::string>() == "caf\xC3\xA9 ....................");
  CHECK(table["l"].value<std::string>() == "a\\\n\xC3\xA9'.''.................");
  CHECK(table["m"].value<std::string>() == "\"\"\" .................. \"\" \"\"");
  CHECK(table["n"].as_array()->size() == 17);
  CHECK(table["c"].value<std::string>() == "ab\xC3\xA9");
}

TEST_CASE("a quoted key may begin a file") {
  CHECK(read("\"caf\xC3\xA9\" = 1\n").size() == 1);
  CHECK(read("\xEF\xBB\xBF'a b'.\"c\" = 1\n").size() == 1);
}

TEST_CASE("a TOML key has at most the allowed number of parts") {
  CHECK_NOTHROW(
      read(key_of(longest_toml_key) + " = 1\n[" + key_of(longest_toml_key).replace(0, 1, "b") + "]\n"));
  CHECK_THROWS_WITH(read("x = 1\n" + key_of(longest_toml_key + 1) + " = 1\n"),
                    contains(".toml:2: a key of more than 16 parts"));
  CHECK_THROWS_WITH(read("[" + key_of(100'000) + "]\n"), contains(".toml:1: a key of more than 16 parts"));
  // A string before the key must not hide it, with any quotes at its end.
  for (const char* string : {"\"\"\"a\"\"\"\"", "'''a'''''", "\"a\\\\\"", "'\\'", "\"\""})
    CHECK_THROWS_WITH(read(fmt::format("x = [{}, {{{} = 1}}]\n", string, key_of(100'000))),
                      contains("a key of more than 16 parts"));
}

TEST_CASE("non-ASCII characters are accepted only in strings and comments") {
  CHECK_THROWS_WITH(read("x = 1\n\xC3\xA9 = 1\n"), contains(".toml:2: a non-ASCII character"));
  CHECK_THROWS_WITH(read("x = 1 \xC3\xA9\n"), contains(".toml:1: a non-ASCII character"));
  CHECK_THROWS_WITH(read("x = \"\"\"a\\\n  \xC3\xA9\"\"\"\n"), contains("after '\\' and white space"));
  CHECK_THROWS_WITH(read("x = 2\"\xC3\xA9\"\n"), contains(".toml:1: a quote inside a word"));
}

TEST_CASE("errors for broken TOML name the file, also for assertions of the library") {
  CHECK_THROWS_AS(read("[=\n"), zofo::Error);
  CHECK_THROWS_WITH(read("[=\n"), contains(".toml:"));
  CHECK_THROWS_WITH(read("x = 1\nx = 2\n"), contains(".toml:2: "));
  CHECK_THROWS_WITH(zofo::parse::read_toml("/nowhere/a.toml"),
                    contains("/nowhere/a.toml: must be a regular file"));
}

#include "zofo/tokenize/load_tokenizer.hpp"

#include <filesystem>
#include <string>

#include "catch.hpp"
#include "data/temporary_folder.hpp"
#include "golden.hpp"

using namespace zofo::tokenize;
using Ids = std::vector<std::int32_t>;
using Json = nlohmann::json;

namespace {

std::string golden_file(const std::string& name) {
  return zofo::parse::read_file(golden::folder() / "tokenizers" / name);
}

}  // namespace

TEST_CASE("a folder without a tokenizer is refused with the files that were searched", "[tokenize]") {
  const TemporaryFolder folder;
  const std::string message = message_of([&] { load_tokenizer(folder.path()); });
  for (const std::string name : {"tokenizer.json", "tokenizer.model", "vocab.json", "merges.txt"})
    REQUIRE(message.find(name) != std::string::npos);
  REQUIRE(message.starts_with(folder.path().string()));
  REQUIRE_THROWS_WITH(load_tokenizer(folder.path() / "absent"), ContainsSubstring("is not a folder"));
}

TEST_CASE("errors name the file", "[tokenize]") {
  const TemporaryFolder folder;
  const auto file = folder.write("tokenizer.json", R"({"model": {"type": "WordPiece"}})");
  REQUIRE_THROWS_WITH(load_tokenizer(folder.path()),
                      file.string() + R"(: model.type = "WordPiece": must be BPE)");
  std::filesystem::remove(file);
  const auto model = folder.write("tokenizer.model", "\x0F");
  REQUIRE_THROWS_WITH(load_tokenizer(folder.path()), StartsWith(model.string() + ": byte 0"));
}

TEST_CASE("the configuration gives eos, and bos where the post-processor has none", "[tokenize]") {
  const TemporaryFolder folder;
  folder.write("tokenizer.json", golden_file("gpt2/tokenizer.json"));
  REQUIRE_FALSE(load_tokenizer(folder.path()).bos());
  const auto config =
      folder.write("tokenizer_config.json", R"({"add_bos_token": true, "bos_token": "<|endoftext|>",
    "eos_token": {"__type": "AddedToken", "content": "<strip>"}})");
  const Tokenizer tokenizer = load_tokenizer(folder.path());
  REQUIRE(tokenizer.bos() == tokenizer.id("<|endoftext|>"));
  REQUIRE(tokenizer.eos() == tokenizer.id("<strip>"));
  folder.write("tokenizer_config.json", R"({"add_bos_token": true})");
  REQUIRE_THROWS_WITH(load_tokenizer(folder.path()), StartsWith(config.string() + ": bos_token is missing"));
  folder.write("tokenizer_config.json", R"({"eos_token": "nowhere"})");
  REQUIRE_THROWS_WITH(load_tokenizer(folder.path()), ContainsSubstring("eos_token = 'nowhere'"));
  folder.write("tokenizer_config.json", R"({"add_eos_token": true})");
  REQUIRE_THROWS_WITH(load_tokenizer(folder.path()), ContainsSubstring("add_eos_token = true"));
}

TEST_CASE("a SentencePiece model puts its <s> before texts unless the configuration forbids it",
          "[tokenize]") {
  const TemporaryFolder folder;
  folder.write("tokenizer.model", golden_file("sentencepiece/tokenizer.model"));
  REQUIRE(load_tokenizer(folder.path()).bos() == 1);
  folder.write("tokenizer_config.json",
               R"({"add_bos_token": false, "bos_token": "<s>", "eos_token": "</s>"})");
  REQUIRE_FALSE(load_tokenizer(folder.path()).bos());
  REQUIRE(load_tokenizer(folder.path()).eos() == 2);
}

TEST_CASE("vocab.json with merges.txt gives OPT's ids", "[tokenize]") {
  const TemporaryFolder folder;
  const Json file = Json::parse(golden_file("opt/tokenizer.json"));
  std::string merges = "#version: 0.2\n";
  for (const Json& merge : file["model"]["merges"])
    merges += merge[0].get<std::string>() + " " + merge[1].get<std::string>() + "\n";
  folder.write("vocab.json", file["model"]["vocab"].dump());
  folder.write("merges.txt", merges);
  folder.write("tokenizer_config.json",
               R"({"add_bos_token": true, "bos_token": "</s>", "eos_token": "</s>"})");
  const Tokenizer tokenizer = load_tokenizer(folder.path());
  REQUIRE(tokenizer.bos() == 2);
  const auto texts = Json::parse(golden_file("texts.json")).get<std::vector<std::string>>();
  const Json wanted = Json::parse(golden_file("opt/ids.json"))["plain"];
  std::size_t compared = 0;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    bool added = false;  // tokens that only tokenizer.json has
    for (const char* token : {"<strip>", "wordly", "caf\u00e9 au lait"})
      added |= texts[i].find(token) != std::string::npos;
    if (added) continue;
    INFO(golden::shown(texts[i]));
    REQUIRE(tokenizer.encode(texts[i]) == wanted[i].get<Ids>());
    ++compared;
  }
  REQUIRE(compared > 55);
  folder.write("merges.txt", "a b c\n");
  REQUIRE_THROWS_WITH(load_tokenizer(folder.path()), ContainsSubstring("merges.txt: merge 0 = 'a b c'"));
}

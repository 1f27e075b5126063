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

namespace {

/// vocab.json and merges.txt of a golden tokenizer.json.
void write_slow_files(const TemporaryFolder& into, const Json& file) {
  std::string merges = "#version: 0.2\n";
  for (const Json& merge : file["model"]["merges"])
    merges += merge[0].get<std::string>() + " " + merge[1].get<std::string>() + "\n";
  into.write("vocab.json", file["model"]["vocab"].dump());
  into.write("merges.txt", merges);
}

}  // namespace

TEST_CASE("vocab.json with merges.txt has the pattern and the normalizer of its class", "[tokenize]") {
  const TemporaryFolder folder;
  write_slow_files(folder, Json::parse(golden_file("qwen2/tokenizer.json")));
  const auto texts = Json::parse(golden_file("texts.json")).get<std::vector<std::string>>();
  const Json wanted = Json::parse(golden_file("qwen2/ids.json"))["plain"];
  const auto compare = [&] {
    const Tokenizer tokenizer = load_tokenizer(folder.path());
    std::size_t different = 0;
    for (std::size_t i = 0; i < texts.size(); ++i) {
      bool added = false;  // tokens that only tokenizer.json has
      for (const char* token : {"<strip>", "wordly", "caf\u00e9 au lait", "cafe\u0301 au lait"})
        added |= texts[i].find(token) != std::string::npos;
      different += !added && tokenizer.encode(texts[i]) != wanted[i].get<Ids>() ? 1 : 0;
    }
    return different;
  };
  CHECK(compare() > 5);  // GPT-2's without a class
  folder.write("config.json", R"({"model_type": "qwen2"})");
  CHECK(compare() == 0);
  folder.write("tokenizer_config.json", R"({"tokenizer_class": "GPT2Tokenizer"})");
  CHECK(compare() > 5);
  folder.write("tokenizer_config.json", R"({"tokenizer_class": "Qwen2TokenizerFast"})");
  CHECK(compare() == 0);
  CHECK(load_tokenizer(folder.path()).eos() == 0);  // the class's <|endoftext|>
  const auto config = folder.write("tokenizer_config.json", R"({"tokenizer_class": "RobertaTokenizer"})");
  CHECK_THROWS_WITH(load_tokenizer(folder.path()),
                    StartsWith(config.string() + ": tokenizer_class = 'RobertaTokenizer': "));
}

TEST_CASE("tokens that other files add to a SentencePiece model are read as transformers does",
          "[tokenize]") {
  const Json golden = Json::parse(golden_file("spm_added.json"));
  const auto texts = golden.at("texts").get<std::vector<std::string>>();
  REQUIRE(golden.at("cases").size() == 6);
  for (const Json& each : golden.at("cases")) {
    const TemporaryFolder folder;
    folder.write("tokenizer.model", golden_file("sentencepiece/tokenizer.model"));
    for (const auto& [name, content] : each.at("files").items()) folder.write(name, content.dump());
    const Tokenizer tokenizer = load_tokenizer(folder.path());
    CHECK(tokenizer.size() == 703);
    for (const bool special : {false, true})
      for (std::size_t i = 0; i < texts.size(); ++i) {
        INFO(each.at("files").dump() << " " << golden::shown(texts[i]) << (special ? " special" : ""));
        CHECK(tokenizer.encode(texts[i], special) == each.at(special ? "special" : "plain")[i].get<Ids>());
      }
    CHECK(tokenizer.decode(tokenizer.encode("the<|user|>")) == "the<|user|>");
  }
}

TEST_CASE("a folder's other files add tokens to a tokenizer.json", "[tokenize]") {
  const TemporaryFolder folder;
  folder.write("tokenizer.json", golden_file("gpt2/tokenizer.json"));
  const auto size = static_cast<std::int32_t>(load_tokenizer(folder.path()).size());
  folder.write("special_tokens_map.json", R"({"pad_token": {"content": "<pad>"}})");
  folder.write("added_tokens.json", fmt::format(R"({{"<|user|>": {}}})", size));
  Tokenizer tokenizer = load_tokenizer(folder.path());
  CHECK(tokenizer.id("<|user|>") == size);
  CHECK(tokenizer.encode("<|user|>") == Ids{size});
  CHECK(tokenizer.id("<pad>") == size + 1);
  CHECK(tokenizer.encode("<pad>", true) == Ids{size + 1});
  CHECK(tokenizer.encode("<pad>", false).size() > 1);
  CHECK(tokenizer.is_control(size + 1));
  CHECK_FALSE(tokenizer.is_control(size));
  // A control token needs no row of the embedding unless a text has it.
  CHECK_THROWS_WITH(tokenizer.with_rows(static_cast<std::size_t>(size)), ContainsSubstring("only"));
  const Tokenizer limited = tokenizer.with_rows(static_cast<std::size_t>(size) + 1).with_special(true);
  CHECK(limited.rows() == static_cast<std::size_t>(size) + 1);
  CHECK(limited.encode("<|user|>") == Ids{size});
  CHECK_THROWS_WITH(
      limited.encode("<pad>"),
      fmt::format("token {} = '<pad>': the model's embedding has only {} rows", size + 1, size + 1));
  folder.write("tokenizer_config.json", R"({"added_tokens_decoder": {}})");  // replaces the other files
  CHECK_FALSE(load_tokenizer(folder.path()).id("<|user|>"));
  folder.write("tokenizer_config.json", R"({"added_tokens_decoder": {"x": {"content": "y"}}})");
  CHECK_THROWS_WITH(load_tokenizer(folder.path()), ContainsSubstring("added_tokens_decoder.x"));
}

TEST_CASE("bos that a post-processor lacks is put before texts only by the classes that do so",
          "[tokenize]") {
  const TemporaryFolder folder;
  folder.write("tokenizer.json", golden_file("gpt2/tokenizer.json"));
  const auto bos = [&](const char* name) {
    folder.write(
        "tokenizer_config.json",
        Json{{"tokenizer_class", name}, {"add_bos_token", true}, {"bos_token", "<|endoftext|>"}}.dump());
    return load_tokenizer(folder.path()).bos();
  };
  CHECK(bos("LlamaTokenizerFast") == 0);
  CHECK_FALSE(bos("GPT2TokenizerFast"));
  CHECK_FALSE(bos("PreTrainedTokenizerFast"));
}

TEST_CASE("every id of generation_config.json ends generation", "[tokenize]") {
  const TemporaryFolder folder;
  folder.write("tokenizer.json", golden_file("gpt2/tokenizer.json"));
  folder.write("config.json", R"({"eos_token_id": 7})");
  CHECK(load_tokenizer(folder.path()).ends(7));
  folder.write("generation_config.json", R"({"eos_token_id": [5, 9, 123456]})");
  const Tokenizer tokenizer = load_tokenizer(folder.path());
  CHECK(tokenizer.ends(5));
  CHECK(tokenizer.ends(9));
  CHECK_FALSE(tokenizer.ends(7));
  CHECK_FALSE(tokenizer.ends(6));
  const auto file = folder.write("generation_config.json", R"({"eos_token_id": -1})");
  CHECK_THROWS_WITH(load_tokenizer(folder.path()), StartsWith(file.string() + ": eos_token_id = -1"));
}

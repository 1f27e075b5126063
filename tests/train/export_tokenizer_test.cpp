/// @file Tokenizers of folders written as GGUF, and back, have the reference's ids.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "catch.hpp"
#include "contains.hpp"
#include "data/temporary_folder.hpp"
#include "hub.hpp"
#include "zofo/checkpoint/gguf.hpp"
#include "zofo/checkpoint/gguf_writer.hpp"
#include "zofo/parse/file.hpp"
#include "zofo/tokenize/from_gguf.hpp"
#include "zofo/tokenize/gguf_tokenizer.hpp"
#include "zofo/tokenize/hugging_face_tokenizer.hpp"
#include "zofo/tokenize/load_tokenizer.hpp"

using namespace zofo;
using namespace zofo::llm;

namespace {

/// A golden tokenizer as a folder, without the tokens that strip blanks or match single words: GGUF cannot
/// represent them.
struct GoldenTokenizer {
  explicit GoldenTokenizer(const std::string& family)
      : golden(hub::folder("").parent_path().parent_path() / "tokenizers" / family) {
    document = nlohmann::json::parse(parse::read_file(golden / "tokenizer.json"));
    nlohmann::json kept = nlohmann::json::array();
    for (const nlohmann::json& token : document["added_tokens"]) {
      const bool plain = !token["lstrip"] && !token["rstrip"] && !token["single_word"];
      if (plain)
        kept.push_back(token);
      else
        omitted.push_back(token["content"]);
    }
    document["added_tokens"] = kept;
  }
  /// The tokenizer, written to and read from a GGUF file for a model of `rows` embeddings.
  [[nodiscard]] tokenize::Tokenizer through_gguf(std::size_t rows) const {
    const TemporaryFolder folder;
    return tokenize::from_gguf(file(folder, rows));
  }
  /// The same, written from that file to a folder again.
  [[nodiscard]] tokenize::Tokenizer through_gguf_and_back(std::size_t rows) const {
    const TemporaryFolder folder;
    tokenize::hugging_face_tokenizer(file(folder, rows)).write(folder.path());
    return tokenize::load_tokenizer(folder.path());
  }
  [[nodiscard]] std::string refusal() const {
    const TemporaryFolder folder;
    write(folder);
    return message_of([&] { tokenize::read_gguf_tokenizer(folder.path()); });
  }
  void write(const TemporaryFolder& folder) const { folder.write("tokenizer.json", document.dump()); }
  [[nodiscard]] checkpoint::GgufFile file(const TemporaryFolder& folder, std::size_t rows) const {
    write(folder);
    checkpoint::GgufWriter made;
    tokenize::read_gguf_tokenizer(folder.path()).write(made, rows);
    made.write(folder.path() / "file");
    return checkpoint::GgufFile(folder.path() / "file");
  }

  std::filesystem::path golden;
  nlohmann::json document;
  std::vector<std::string> omitted;
};

}  // namespace

TEST_CASE("a folder's tokenizer written as GGUF has the reference's ids", "[train]") {
  for (const std::string family : {"smollm2", "llama3", "qwen2"}) {
    const GoldenTokenizer source(family);
    REQUIRE(source.omitted.size() == 2);
    const auto texts = nlohmann::json::parse(parse::read_file(source.golden.parent_path() / "texts.json"));
    const auto wanted = nlohmann::json::parse(parse::read_file(source.golden / "ids.json"));
    const tokenize::Tokenizer tokenizer = source.through_gguf(600);
    CHECK(tokenizer.size() == 600);
    const tokenize::Tokenizer folder = source.through_gguf_and_back(600);
    CHECK(folder.bos() == tokenizer.bos());
    CHECK(tokenizer.bos() ==
          (wanted["bos"].is_null() ? std::nullopt : std::optional(wanted["bos"].get<std::int32_t>())));
    std::size_t compared = 0;
    for (std::size_t i = 0; i < texts.size(); ++i) {
      const auto text = texts[i].get<std::string>();
      const auto ids = wanted["plain"][i].get<std::vector<std::int32_t>>();
      // The reference composes characters (NFC), the tokenizer of a GGUF file does not.
      const bool composed = family == "qwen2" && tokenizer.decode(ids) != text;
      if (composed || std::ranges::any_of(source.omitted, [&](const std::string& token) {
            return text.find(token) != std::string::npos;
          }))
        continue;
      ++compared;
      INFO(family << ": " << text);
      CHECK(tokenizer.encode(text) == ids);
      CHECK(folder.encode(text) == ids);
      CHECK(folder.encode(text, true) == tokenizer.encode(text, true));
      CHECK(folder.decode(ids) == tokenizer.decode(ids));
    }
    CHECK(compared > 50);
  }
}

TEST_CASE("ids without a token get names that no token has", "[train]") {
  GoldenTokenizer source("llama3");
  source.document["model"]["vocab"]["[PAD579]"] = 590;
  const tokenize::Tokenizer tokenizer = source.through_gguf(600);
  CHECK(tokenizer.id("[PAD579]") == 590);
  CHECK(tokenizer.id("[PAD579]_") == 579);
  CHECK(tokenizer.id("[PAD599]") == 599);
}

TEST_CASE("errors of tokenizers that GGUF cannot represent name the field", "[train]") {
  const auto refusal_of = [](const std::string& family, auto&& change) {
    GoldenTokenizer source(family);
    change(source.document);
    return source.refusal();
  };
  const auto nothing = [](const nlohmann::json&) {};
  CHECK_THAT(refusal_of("tekken", nothing), contains("tokenizer.json: pre_tokenizer = "));
  CHECK_THAT(refusal_of("llama2", nothing), contains("pre_tokenizer"));
  CHECK_THAT(refusal_of("llama3", [](auto& json) { json["normalizer"] = {{"type", "NFC"}}; }),
             contains("normalizer = "));
  CHECK_THAT(refusal_of("qwen2", [](auto& json) { json["model"]["ignore_merges"] = true; }),
             contains("model.ignore_merges: must be false with the pre_tokenizer that GGUF calls qwen2"));
  CHECK_THAT(refusal_of("llama3", [](auto& json) { json["pre_tokenizer"] = nullptr; }),
             contains("pre_tokenizer"));
  CHECK_THAT(refusal_of("smollm2", [](auto& json) { json["added_tokens"][2]["lstrip"] = true; }),
             contains("added_tokens[2].lstrip = true"));
  const TemporaryFolder empty;
  CHECK_THAT(message_of([&] { tokenize::read_gguf_tokenizer(empty.path()); }),
             contains("tokenizer.json: does not exist"));
  CHECK_THAT(message_of([] { static_cast<void>(GoldenTokenizer("llama3").through_gguf(100)); }),
             contains("tokens but the embedding only 100 rows"));
}

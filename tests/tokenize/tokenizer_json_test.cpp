#include "zofo/tokenize/tokenizer_json.hpp"

#include <nlohmann/json.hpp>

#include "catch.hpp"
#include "contains.hpp"

using namespace zofo::tokenize;
using Ids = std::vector<std::int32_t>;
using Json = nlohmann::json;

namespace {

/// A small file in the style of Llama 2's; tests change one value.
Json small() {
  return Json::parse(R"({"added_tokens": [{"id": 6, "content": "<s>", "special": true}],
    "normalizer": {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "_"},
      {"type": "Replace", "pattern": {"String": " "}, "content": "_"}]},
    "pre_tokenizer": null,
    "post_processor": {"type": "TemplateProcessing",
      "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
      "special_tokens": {"<s>": {"id": "<s>", "ids": [6], "tokens": ["<s>"]}}},
    "model": {"type": "BPE", "unk_token": "<unk>", "fuse_unk": true, "byte_fallback": false,
      "vocab": {"<unk>": 0, "a": 1, "b": 2, "_": 3, "ab": 4, "_ab": 5}, "merges": ["a b", "_ ab"]}})");
}

void refused(const std::string& pointer, const Json& value, const std::string& message) {
  Json json = small();
  json[Json::json_pointer(pointer)] = value;
  INFO(pointer << " = " << value.dump());
  REQUIRE_THROWS_WITH(parse_tokenizer_json(json.dump()), contains(message));
}

Ids encode(const Json& json, std::string_view text, bool special = false) {
  return parse_tokenizer_json(json.dump()).pipeline.encode(text, special);
}

}  // namespace

TEST_CASE("the small file's ids follow from its merges", "[tokenize]") {
  REQUIRE(parse_tokenizer_json(small().dump()).bos == 6);
  REQUIRE(encode(small(), "ab ab") == Ids{5, 5});
  REQUIRE(encode(small(), "xyza") == Ids{3, 0, 1});  // a run of unknown characters is one token
  REQUIRE(encode(small(), "<s>ab", true) == Ids{6, 5});
  REQUIRE(encode(small(), "<s>ab") == Ids{3, 0, 4});
  Json pairs = small();
  pairs["model"]["merges"] = Json::array({Json::array({"a", "b"}), Json::array({"_", "ab"})});
  pairs["model"]["fuse_unk"] = false;
  REQUIRE(encode(pairs, "ab xy") == Ids{5, 3, 0, 0});
}

TEST_CASE("words are cut only where no merge crosses a space", "[tokenize]") {
  Json json = small();
  json["model"]["vocab"]["b_"] = 7;
  json["model"]["merges"].push_back("b _");
  json["model"]["merges"].erase(0);
  json["model"]["merges"].erase(0);
  REQUIRE(encode(json, "ab ab") == Ids{3, 1, 7, 1, 2});
}

TEST_CASE("splits treat their matches according to the behaviour", "[tokenize]") {
  // Every piece is a separate token, so the ids show the pieces. Expected as `tokenizers` splits "a--b".
  const auto ids = [](const std::string& behavior, bool invert) {
    Json json = small();
    json["normalizer"] = nullptr;
    json["pre_tokenizer"] = {
        {"type", "Split"}, {"pattern", {{"String", "-"}}}, {"behavior", behavior}, {"invert", invert}};
    json["model"]["ignore_merges"] = true;
    json["model"]["vocab"] = {{"<unk>", 0}, {"a", 1}, {"-", 2}, {"b", 3}, {"a-", 4}, {"-b", 5}, {"--", 7}};
    json["model"]["merges"] = Json::array();
    return encode(json, "a--b");
  };
  REQUIRE(ids("Isolated", false) == Ids{1, 2, 2, 3});
  REQUIRE(ids("Removed", false) == Ids{1, 3});
  REQUIRE(ids("Removed", true) == Ids{2, 2});
  REQUIRE(ids("MergedWithPrevious", false) == Ids{4, 2, 3});
  REQUIRE(ids("MergedWithNext", false) == Ids{1, 2, 5});
  REQUIRE(ids("Contiguous", false) == Ids{1, 7, 3});
}

TEST_CASE("broken and unsupported values are refused with path and value", "[tokenize]") {
  refused("/model/type", "Unigram", R"(model.type = "Unigram": must be BPE)");
  refused("/model/dropout", 0.1, "model.dropout = 0.1: must be null or 0");
  refused("/model/continuing_subword_prefix", "##", "model.continuing_subword_prefix");
  refused("/model/unk_token", "none", "model.unk_token");
  refused("/model/unk_token", "", "model.unk_token");
  refused("/model/byte_fallback", 1, "model.byte_fallback = 1: must be true or false");
  refused("/model/vocab", Json::array(), "model.vocab = []: must be an object");
  refused("/model/vocab/a", -1, "model.vocab.a = -1: must be an integer in [0, 2^31)");
  refused("/model/vocab/a", 2, "token 'b': id 2: is already that of 'a'");
  refused("/model/vocab/a", 1000000000, "id 1000000000: must be in [0, ");
  refused("/model/vocab/a", "1", "model.vocab.a");
  refused("/model/vocab/a", 1.5, "model.vocab.a");
  refused("/model/vocab/a", 18446744073709551615U, "model.vocab.a");
  refused("/model/merges/1", "a", "model.merges: merge 1 = 'a'");
  refused("/model/merges/1", "a c", "'c' is not in the vocabulary");
  refused("/model/merges/1", "b a", "'ba' is not in the vocabulary");
  refused("/model/merges/1", 7, "model.merges[1] = 7");
  refused("/model/merges", Json::array({Json::array({"a"})}),
          R"(model.merges[0] = ["a"]: must be two tokens)");
  refused("/model/merges", Json::array({Json::array({"", "a"})}), "merge 0 = ' a'");
  refused("/added_tokens/0/id", 5, "is already that of '_ab'");
  refused("/added_tokens/0/id", 1LL << 40, "must be in [0, ");
  refused("/added_tokens/0/content", "ab", "added_tokens[0].id = 6: must be 4");
  refused("/added_tokens/0/content", "", "added_tokens[0].content");
  refused("/added_tokens/1", small()["added_tokens"][0],
          R"(added_tokens[1].content = "<s>": must be listed once)");
  refused("/normalizer/type", "BertNormalizer", "normalizer.type");
  refused("/normalizer/normalizers/1/pattern", {{"Regex", "(a"}}, "normalizer.normalizers[1].pattern.Regex");
  refused("/normalizer/normalizers/1/pattern", {{"Regex", "a*"}}, "must match at least one character");
  refused("/pre_tokenizer", {{"type", "UnicodeScripts"}}, "pre_tokenizer.type");
  refused("/pre_tokenizer", {{"type", "Metaspace"}, {"replacement", "__"}}, "must be one character");
  refused("/pre_tokenizer", {{"type", "Metaspace"}, {"replacement", "_"}, {"prepend_scheme", "last"}},
          "prepend_scheme");
  refused("/post_processor/type", "RobertaProcessing", "after every text");
  refused("/post_processor/single/2", small()["post_processor"]["single"][0],
          "tokens after it are not supported");
  refused("/post_processor/special_tokens/<s>/ids/0", 99, "must be a token's id");
}

TEST_CASE("a file cannot make a text grow without bound", "[tokenize]") {
  const Json eightfold = {{"type", "Replace"}, {"pattern", {{"String", "a"}}}, {"content", "aaaaaaaa"}};
  Json json = small();
  json["normalizer"] = {{"type", "Sequence"}, {"normalizers", Json::array({eightfold, eightfold})}};
  const Ids sixty_four(64, 1);
  REQUIRE(encode(json, "a") == sixty_four);
  for (int i = 0; i < 10; ++i) json["normalizer"]["normalizers"].push_back(eightfold);
  REQUIRE_THROWS_WITH(encode(json, "a"), contains("grows past 4160 bytes"));
  REQUIRE(encode(json, "b") == Ids{2});
  for (int i = 0; i < 21; ++i) json["normalizer"]["normalizers"].push_back(eightfold);
  REQUIRE_THROWS_WITH(parse_tokenizer_json(json.dump()), contains("normalizers[32]: more than 32 steps"));
}

TEST_CASE("a file cannot make words multiply without bound", "[tokenize]") {
  Json json = small();
  Json& steps =
      (json["pre_tokenizer"] = {{"type", "Sequence"}, {"pretokenizers", Json::array()}})["pretokenizers"];
  for (int i = 0; i < 16; ++i) steps.push_back({{"type", "Digits"}});
  REQUIRE_NOTHROW(parse_tokenizer_json(json.dump()));
  steps.push_back({{"type", "Digits"}});
  REQUIRE_THROWS_WITH(parse_tokenizer_json(json.dump()), contains("pretokenizers[16]: more than 16 steps"));
}

TEST_CASE("hostile JSON is refused", "[tokenize]") {
  REQUIRE_THROWS_WITH(parse_tokenizer_json("{"), contains("broken JSON"));
  REQUIRE_THROWS_WITH(parse_tokenizer_json("[]"), contains("must be an object"));
  REQUIRE_THROWS_WITH(parse_tokenizer_json("{}"), "model is missing");
  REQUIRE_THROWS_WITH(parse_tokenizer_json(R"({"model": {"a": 1, "a": 2}})"),
                      contains(R"(duplicate key "a")"));
  REQUIRE_THROWS_WITH(parse_tokenizer_json(std::string(1000000, '[')), contains("nested deeper"));
  REQUIRE_THROWS_WITH(parse_tokenizer_json("{\"\xFF\": 1}"), contains("broken JSON"));
  REQUIRE_THROWS_WITH(parse_tokenizer_json(R"({"model": 1e999})"), contains("broken JSON"));
}

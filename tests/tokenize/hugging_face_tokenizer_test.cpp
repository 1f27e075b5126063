#include "zofo/tokenize/hugging_face_tokenizer.hpp"

#include "catch.hpp"
#include "contains.hpp"
#include "data/temporary_folder.hpp"
#include "fake_llama.hpp"
#include "golden.hpp"
#include "zofo/tokenize/tokenizer_json.hpp"

using namespace zofo::tokenize;
using golden::FakeLlama;
using Ids = std::vector<std::int32_t>;

namespace {

FakeLlama golden_llama() {
  const auto path = golden::folder() / "tokenizers/sentencepiece/tokenizer.model";
  return {parse_sentencepiece_model(zofo::parse::read_file(path))};
}

/// <unk>, <s>, </s> and normal pieces with falling scores.
FakeLlama llama_of(const std::vector<std::string>& pieces) {
  FakeLlama file;
  file.model.pieces = {{"<unk>", 0, 2}, {"<s>", 0, 3}, {"</s>", 0, 3}};
  for (const std::string& piece : pieces)
    file.model.pieces.push_back({piece, -static_cast<float>(file.model.pieces.size()), 1});
  return file;
}

TokenizerJson written(const FakeLlama& file) {
  return parse_tokenizer_json(hugging_face_tokenizer(file).tokenizer);
}

std::string refusal_of(const FakeLlama& file) {
  return message_of([&] { hugging_face_tokenizer(file); });
}

}  // namespace

TEST_CASE("a llama file's tokenizer.json has the ids of the SentencePiece library", "[tokenize]") {
  const auto folder = golden::folder() / "tokenizers";
  const auto texts = golden::read_json(folder / "texts.json").get<std::vector<std::string>>();
  const auto wanted = golden::read_json(folder / "sentencepiece/ids.json");
  FakeLlama file = golden_llama();
  REQUIRE(file.model.pieces[3].text == "<tool>");
  const TokenizerJson made = written(file);
  CHECK(made.bos == 1);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (texts[i].find("<tool>") != std::string::npos) continue;
    INFO(golden::shown(texts[i]));
    const Ids ids = made.pipeline.encode(texts[i]);
    CHECK(ids == wanted.at("plain").at(i).get<Ids>());
    if (ids.size() > 1) CHECK(made.pipeline.decode(ids) == from_gguf(file).decode(ids));
  }
  file.flags["tokenizer.ggml.add_bos_token"] = false;
  CHECK_FALSE(written(file).bos);
}

TEST_CASE("user-defined tokens of a llama file are kept, each text after one gets its space", "[tokenize]") {
  FakeLlama file = llama_of({"a", "b", "\u2581", "ab", "<x>"});
  file.model.pieces.back().type = 4;
  CHECK(written(file).pipeline.encode("ab<x>b</s>") == Ids{5, 6, 7, 5, 4, 0});
  CHECK(from_gguf(file).encode("ab<x>b</s>") == Ids{5, 6, 7, 5, 4, 0});
  file.flags["tokenizer.ggml.add_space_prefix"] = false;
  CHECK(written(file).pipeline.encode("ab<x> b</s>") == Ids{6, 7, 5, 4, 0});
  CHECK(written(file).pipeline.encode("ab<x> b</s>", true) == Ids{6, 7, 5, 4, 2});
}

TEST_CASE("pieces that no list of merges gives are refused", "[tokenize]") {
  FakeLlama ties = llama_of({"a", "b", "\u2581", "ab", "ba"});
  ties.model.pieces[7].score = ties.model.pieces[6].score;
  CHECK_THAT(refusal_of(ties), contains("tokens 6 = 'ab' and 7 = 'ba' both have -6"));
  CHECK_THAT(refusal_of(llama_of({"a", "\u2581", "ab"})),
             contains("tokenizer.ggml.tokens 5 = 'ab': its character 'b' is no token"));
  FakeLlama unused = llama_of({"a", "b", "\u2581", "ab"});
  unused.model.pieces[6].type = 5;
  CHECK_THAT(refusal_of(unused), contains("tokens 6 = 'ab': is unused"));
  FakeLlama trimmed = llama_of({"a", "\u2581"});
  trimmed.flags["tokenizer.ggml.remove_extra_whitespaces"] = true;
  CHECK_THAT(refusal_of(trimmed), contains("tokenizer.ggml.remove_extra_whitespaces = true"));
  CHECK_THAT(refusal_of(llama_of({"a", "\u2581", std::string(513, 'a')})), contains("513 bytes"));
}

TEST_CASE("tokenizer_config.json has the marks and the chat templates", "[tokenize]") {
  FakeLlama file = llama_of({"a", "\u2581"});
  const auto config = [&] { return nlohmann::json::parse(hugging_face_tokenizer(file).config); };
  CHECK(config()["eos_token"] == "</s>");
  CHECK(config()["add_bos_token"] == true);
  CHECK_FALSE(config().contains("chat_template"));
  file.texts["tokenizer.chat_template"] = "{{ one }}";
  CHECK(config()["chat_template"] == "{{ one }}");
  file.texts["tokenizer.chat_templates"] = "";
  file.texts["tokenizer.chat_template.tools"] = "{{ two }}";
  CHECK(config()["chat_template"] == nlohmann::json{{{"name", "default"}, {"template", "{{ one }}"}},
                                                    {{"name", "tools"}, {"template", "{{ two }}"}}});
  file.texts["tokenizer.chat_template"] = "\xff";
  CHECK_THAT(refusal_of(file), contains("tokenizer.chat_template"));
}

TEST_CASE("tokenizers that differ in one text are told apart", "[tokenize]") {
  const Tokenizer one = from_gguf(llama_of({"a", "b", "\u2581", "ab"}));
  const Tokenizer other = from_gguf(llama_of({"a", "b", "\u2581", "ba"}));
  CHECK_THAT(message_of([&] { require_same_ids(one, other); }), contains("the text \"ab\" has the tokens"));
  require_same_ids(one, one);
}

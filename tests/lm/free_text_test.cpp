/// @file Conversations as token ids with the assistant's mask (tests/golden/generators/chat_tokens.py), and
/// the loss of free text.
#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "catch.hpp"
#include "message.hpp"
#include "zofo/lm/choice_loss.hpp"
#include "zofo/lm/free_text.hpp"
#include "zofo/lm/pack_examples.hpp"
#include "zofo/tokenize/load_tokenizer.hpp"

using namespace zofo;
using namespace zofo::llm;

namespace {

const std::filesystem::path golden_folder = std::filesystem::path(ZOFO_SOURCE_DIR) / "tests/golden";

nlohmann::ordered_json golden_file(const char* name) {
  return nlohmann::ordered_json::parse(std::ifstream(golden_folder / name));
}

EncodedExample with_targets(Tokens targets, std::vector<std::uint32_t> positions) {
  EncodedExample example;
  example.prompt = {5, 6, 7, 8};
  OptionTokens options{{std::move(targets)}, {}, data::Score::sum, data::Loss::tokens};
  options.positions = std::move(positions);
  example.options = std::make_shared<const OptionTokens>(std::move(options));
  return example;
}

}  // namespace

TEST_CASE("ids of conversations and the assistant's tokens are the reference's", "[lm]") {
  const auto chats = golden_file("chat.json"), cases = golden_file("chat_tokens.json");
  REQUIRE(cases.size() >= 30);
  for (const auto& each : cases) {
    const auto family = each.at("tokenizer").get<std::string>(),
               name = each.at("template").get<std::string>();
    const auto chat = each.at("conversation").get<std::string>();
    INFO(family << ", " << name << ", " << chat);
    const tokenize::Tokenizer tokenizer = tokenize::load_tokenizer(golden_folder / "tokenizers" / family);
    const chat::ChatFormat format{chat::ChatTemplate(chats.at("templates").at(name).get<std::string>()),
                                  *chat::value_of(chats.at("tokens")).mapping()};
    const MarkedTokens made = encode_conversation(
        tokenizer, format, {chat::value_of(chats.at("conversations").at(chat).at("messages"))}, 0);
    CHECK(made.ids == each.at("ids").get<Tokens>());
    std::string learnt;
    for (const bool is : made.learnt) learnt += is ? '1' : '0';
    CHECK(learnt == each.at("learnt").get<std::string>());
  }
}

TEST_CASE("spans of tokens cover a text", "[lm]") {
  for (const char* family : {"smollm2", "qwen2", "llama3", "llama2", "mistral", "metaspace_always"}) {
    const tokenize::Tokenizer tokenizer = tokenize::load_tokenizer(golden_folder / "tokenizers" / family);
    for (const std::string text :
         {" two  blanks", "caf\u00e9 \u4f60\u597d \U0001f600!", "a\n\nb\t c", "</s> x"}) {
      INFO(family << ": " << text);
      const Tokens ids = tokenizer.encode(text, true);
      std::size_t at = 0;
      for (const chat::Span& span : token_spans(tokenizer, ids, text)) {
        CHECK(span.begin == at);
        at = span.end;
      }
      CHECK(at == text.size());
    }
  }
}

TEST_CASE("the loss of free text is the mean over the tokens of a mini-batch", "[lm]") {
  const EncodedExample one = with_targets({3}, {1}), three = with_targets({6, 4, 9}, {0, 1, 3});
  const std::vector<const EncodedExample*> batch{&one, &three};
  const std::vector<double> logprobs{-1.0, -2.0, -4.0, -9.0};
  std::vector<double> gradient(4, 0.0);
  CHECK(mean_loss(logprobs, batch, 3.0, gradient) == Approx(16.0 / 4));
  for (const double each : gradient) CHECK(each == Approx(-3.0 / 4));
}

TEST_CASE("targets of free text are predicted at their positions of one sequence", "[lm]") {
  model::Batch batch;
  const EncodedExample example = with_targets({6, 9}, {0, 3});
  example.options->check();
  pack_example(batch, example, -1);
  CHECK(batch.tokens == Tokens{5, 6, 7, 8});
  REQUIRE(batch.targets.size() == 2);
  CHECK((batch.targets[0].position == 0 && batch.targets[0].token == 6));
  CHECK((batch.targets[1].position == 3 && batch.targets[1].token == 9));
  CHECK(example.options->targets() == 2);
  CHECK(example.options->added(0) == 0);
  CHECK_FALSE(with_targets({6}, {2}).options->single());
  CHECK(contains(message([&] { pack_example(batch, with_targets({6}, {4}), -1); }), "positions[0] = 4"));
}

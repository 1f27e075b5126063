// Prompts and the texts after them as ids, against tests/golden/generators/prompt_pairs.py.
#include "zofo/lm/encode_text.hpp"

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "catch.hpp"
#include "contains.hpp"
#include "tiny_fixture.hpp"
#include "zofo/data/jsonl.hpp"
#include "zofo/lm/encode_examples.hpp"
#include "zofo/lm/generation_state.hpp"
#include "zofo/model_io/model_outline.hpp"
#include "zofo/parse/file.hpp"
#include "zofo/parse/json.hpp"
#include "zofo/tokenize/load_tokenizer.hpp"

using namespace zofo;
using namespace zofo::llm;

namespace {

namespace fs = std::filesystem;

const fs::path golden_tokenizers = fs::path(ZOFO_SOURCE_DIR) / "tests/golden/tokenizers";

// A model of which only the tokenizer and the context are read.
Model encoding_model(const std::string& family, std::uint32_t context = 4096) {
  ModelOutline outline{{}, tokenize::load_tokenizer(golden_tokenizers / family)};
  outline.config.context = context;
  return outline.encoder();
}

}  // namespace

TEST_CASE("the ids of a text after a prompt are those of both less the prompt's", "[train]") {
  const nlohmann::json golden = parse::parse_json(parse::read_file(golden_tokenizers / "pairs.json"));
  const auto pairs = golden.at("pairs").get<std::vector<std::vector<std::string>>>();
  std::size_t families = 0;
  for (const auto& [family, wanted] : golden.items()) {
    if (family == "pairs") continue;
    const Model model = encoding_model(family);
    ++families;
    for (std::size_t i = 0; i < pairs.size(); ++i) {
      INFO(family << ": " << nlohmann::json(pairs[i]).dump(-1, ' ', true));
      const EncodedPair made = encode_pair(model, {pairs[i][0], pairs[i][1]});
      CHECK(made.prompt == wanted[i][0].get<Tokens>());
      CHECK(made.text == wanted[i][1].get<Tokens>());
    }
  }
  CHECK(families >= 11);
}

TEST_CASE("a prompt that is cut keeps the token that begins sequences", "[train]") {
  const Model model = encoding_model("llama2");
  const std::string prompt = "the baker opened the shop before sunrise";
  const Tokens whole = encode_prompt(model, prompt);
  const EncodedChoices cut =
      encode_choices(model, std::vector<PromptAndText>{{prompt, " and"}, {prompt, " or"}}, 4);
  Tokens wanted(whole.end() - 3, whole.end());
  wanted.insert(wanted.begin(), *model.tokenizer.bos());
  CHECK(cut.prompt == wanted);
  const Model without = encoding_model("gpt2");
  Tokens ids = encode_prompt(without, prompt);
  wanted = Tokens(ids.end() - 4, ids.end());
  shorten_prompt(without, ids, 4);
  CHECK(ids == wanted);
}

TEST_CASE("examples with equal ids of their answer choices share them", "[train]") {
  const Model model = encoding_model("llama2");
  const data::Task task = data::Task::parse(
      "prompt = '{text}'\noptions = ['No', 'Yes']\nlabel_field = 'label'\n[label_map]\n0 = 0\n1 = 1\n",
      "t/task.toml");
  const ExampleEncoder encoder(model, task, Purpose::scoring);
  const auto example = [&](const char* text) {
    return task.example(
        data::parse_json_line(nlohmann::json{{"text", text}, {"label", 0}}.dump(), "rows", 1));
  };
  const data::Example line = example("Was it warm?\n"), other = example("Was it cold?\n");
  const EncodedExample first = encoder(line, "rows:1");
  CHECK(first.options == encoder(other, "rows:2").options);
  CHECK(first.options->options[0] == encode_pair(model, {"x\n", "No"}).text);
  CHECK(first.options->options[0] != model.tokenizer.encode("No"));
}

TEST_CASE("a text that is one token with its prompt is refused", "[train]") {
  const Model model = encoding_model("gpt2");
  const EncodedChoices made = encode_choices(model, std::vector<PromptAndText>{{"th", "e"}}, 0);
  REQUIRE(made.options.options.front().empty());
  CHECK_THROWS_WITH(check_length(model, made.prompt.size(), made.options, "rows:1"),
                    contains("rows:1: options[0]: has zero tokens after the prompt"));
}

TEST_CASE("generated text keeps the blank that it begins with", "[train]") {
  for (const char* family : {"llama2", "mistral", "sentencepiece", "gpt2"}) {
    const Model model = encoding_model(family);
    const EncodedPair pair = encode_pair(model, {"the old", " bridge there"});
    Generation generation{pair.prompt, pair.prompt.size()};
    for (const std::int32_t id : pair.text) generation.add(model, id, {{}, 100});
    INFO(family);
    CHECK(generation.text == " bridge there");
  }
}

TEST_CASE("control tokens in prompts are read where the tokenizer is told to", "[train]") {
  Model model = encoding_model("qwen2");
  const std::string prompt = "<|im_start|>user\nHi<|im_end|>\n";
  const auto id = *model.tokenizer.id("<|im_start|>");
  CHECK(std::ranges::count(encode_prompt(model, prompt), id) == 0);
  model.tokenizer = model.tokenizer.with_special(true);
  CHECK(encode_prompt(model, prompt) == model.tokenizer.encode(prompt, true));
  CHECK(encode_pair(model, {"a", "<|im_start|>"}).text == Tokens{id});
}

TEST_CASE("a control token without a row in the embedding is refused only in a text", "[train]") {
  const Model model = encoding_model("qwen2");
  const auto id = *model.tokenizer.id("<|im_end|>");
  const tokenize::Tokenizer all = model.tokenizer.with_special(true);
  // The control tokens are the first of this vocabulary, so that no limit leaves out only them.
  CHECK_THROWS_WITH(all.with_rows(all.size() - 1), contains("only"));
  CHECK(all.with_rows(all.size()).encode("<|im_end|>") == Tokens{id});
}

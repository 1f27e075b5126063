/// @file Which parts of a conversation's text are answers.
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "catch.hpp"
#include "message.hpp"
#include "zofo/chat/answer_spans.hpp"

using namespace zofo::chat;

namespace {

std::vector<std::string> answers_in(const std::string& name, const std::string& messages,
                                    std::size_t first = 0) {
  std::ifstream file(std::filesystem::path(ZOFO_SOURCE_DIR) / "tests/golden/generators/chat_templates" /
                     (name + ".jinja"));
  const std::string source{std::istreambuf_iterator<char>(file), {}};
  ChatFormat format{ChatTemplate(source), {}};
  format.special_tokens.set("bos_token", "<s>");
  format.special_tokens.set("eos_token", "</s>");
  const Rendered rendered =
      render_with_answers(format, {value_of(nlohmann::ordered_json::parse(messages))}, first);
  std::vector<std::string> parts;
  for (const Span& each : rendered.answers)
    parts.push_back(rendered.text.substr(each.begin, each.end - each.begin));
  return parts;
}

const std::string two_turns =
    R"([{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"},
        {"role": "user", "content": "c"}, {"role": "assistant", "content": "d\ne"}])";

using Parts = std::vector<std::string>;

}  // namespace

TEST_CASE("an answer is what follows the generation prompt, to the end of the turn", "[chat]") {
  CHECK(answers_in("chatml", two_turns) == Parts{"b<|im_end|>\n", "d\ne<|im_end|>\n"});
  CHECK(answers_in("qwen2.5", two_turns) == Parts{"b<|im_end|>\n", "d\ne<|im_end|>\n"});
  CHECK(answers_in("llama2", two_turns) == Parts{" b </s>", " d\ne </s>"});
  CHECK(answers_in("llama3", two_turns) == Parts{"b<|eot_id|>", "d\ne<|eot_id|>"});
  CHECK(answers_in("mistral", two_turns) == Parts{" b</s>", " d\ne</s>"});
  CHECK(answers_in("gemma", two_turns) == Parts{"b<end_of_turn>\n", "d\ne<end_of_turn>\n"});
  CHECK(answers_in("gemma3", two_turns) == Parts{"b<end_of_turn>\n", "d\ne<end_of_turn>\n"});
  CHECK(answers_in("zephyr", two_turns) == Parts{"b</s>\n", "d\ne</s>\n"});
  CHECK(answers_in("olmo", two_turns) == Parts{"b</s>\n", "d\ne</s>\n"});
  CHECK(answers_in("marked", two_turns) == Parts{"b<|im_end|>", "d\ne<|im_end|>"});
}

TEST_CASE("a turn that the template writes differently at the end is found", "[chat]") {
  // Qwen3 writes reasoning only into the turns after the last question.
  CHECK(answers_in("qwen3", two_turns) == Parts{"b<|im_end|>\n", "<think>\n\n</think>\n\nd\ne<|im_end|>\n"});
  // DeepSeek's generation prompt begins a reasoning that the answers do not have.
  CHECK(answers_in("deepseek", two_turns) == Parts{"b</s>", "d\ne</s>"});
}

TEST_CASE("answers of a prompt are left out", "[chat]") {
  for (const char* name : {"chatml", "marked", "llama3"}) {
    INFO(name);
    CHECK(answers_in(name, two_turns, 2).size() == 1);
    CHECK(answers_in(name, two_turns, 2) == Parts{answers_in(name, two_turns)[1]});
  }
}

TEST_CASE("conversations without an answer that can be found are refused", "[chat]") {
  const auto refusal = [](const char* name, const char* messages) {
    return message([&] { (void)answers_in(name, messages); });
  };
  CHECK(contains(refusal("chatml", R"([{"role": "user", "content": "a"}])"),
                 "no message has the role 'assistant'"));
  CHECK(contains(refusal("chatml", R"([{"role": "assistant", "content": "a"}])"), "begins with an answer"));
  CHECK(refusal("llama2", R"([{"role": "user", "content": "a"}, {"role": "user", "content": "a"},
                              {"role": "assistant", "content": "b"}])") ==
        "Conversation roles must alternate user/assistant/user/assistant/...");
}

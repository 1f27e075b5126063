/// @file Requests as OpenAI's API reference describes them, and what is wrong with others.
#include "zofo/serve/request.hpp"

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "catch.hpp"
#include "contains.hpp"
#include "zofo/serve/api_error.hpp"

using namespace zofo;
using namespace zofo::serve;

namespace {

Request completion(const std::string& body) { return parse_request(Endpoint::completions, body, Limits{}); }
Request chat_request(const std::string& body) { return parse_request(Endpoint::chat, body, Limits{}); }

/// The error of a request that is refused.
ApiError refusal(Endpoint endpoint, const std::string& body) {
  try {
    parse_request(endpoint, body, Limits{});
  } catch (const ApiError& error) {
    return error;
  }
  FAIL("accepted: " << body);
  return {0, "", "", ""};
}

/// A body and what its refusal names.
struct Wrong {
  std::string body, param, part;
};

}  // namespace

TEST_CASE("what a request does not give is as in OpenAI's API", "[serve]") {
  const Request made = completion(R"({"model": "m", "prompt": "a"})");
  CHECK(made.model == "m");
  CHECK(std::get<std::string>(made.prompts.at(0)) == "a");
  CHECK(made.sampling.temperature == 1.0);
  CHECK(made.max_tokens == 16);
  CHECK(made.n == 1);
  CHECK_FALSE(made.seed);
  CHECK_FALSE(made.logprobs);
  CHECK_FALSE((made.echo || made.stream || made.include_usage));
  CHECK(made.stop.empty());
  CHECK(chat_request(R"({"messages": [{"role": "user", "content": "a"}]})").max_tokens ==
        Limits{}.max_tokens);
}

TEST_CASE("every field of a completion is read", "[serve]") {
  const Request made = completion(
      R"({"prompt": ["a", [1, 2]], "max_tokens": 0, "temperature": 0.5, "top_p": 0.25, "top_k": 3,
          "min_p": 0.125, "repetition_penalty": 1.5, "n": 2, "seed": -1, "stop": ["x", "yz"], "logprobs": 5,
          "echo": true, "stream": true, "stream_options": {"include_usage": true}, "user": "someone",
          "metadata": {"a": "b"}, "best_of": 2, "frequency_penalty": 0.0, "presence_penalty": 0,
          "logit_bias": {}, "suffix": null})");
  CHECK(std::get<std::string>(made.prompts.at(0)) == "a");
  CHECK(std::get<llm::Tokens>(made.prompts.at(1)) == llm::Tokens{1, 2});
  CHECK(made.max_tokens == 0);
  CHECK(made.end().max_tokens == 1);
  CHECK(made.sampling.temperature == 0.5);
  CHECK(made.sampling.top_p == 0.25);
  CHECK(made.sampling.top_k == 3);
  CHECK(made.sampling.min_p == 0.125);
  CHECK(made.sampling.repetition_penalty == 1.5);
  CHECK(made.n == 2);
  CHECK(made.seed == std::numeric_limits<std::uint64_t>::max());
  CHECK(made.stop == std::vector<std::string>{"x", "yz"});
  CHECK(made.logprobs == 5U);
  CHECK((made.echo && made.stream && made.include_usage));
}

TEST_CASE("the four forms of a prompt", "[serve]") {
  CHECK(completion(R"({"prompt": "a"})").prompts.size() == 1);
  CHECK(completion(R"({"prompt": ["a", "b"]})").prompts.size() == 2);
  CHECK(std::get<llm::Tokens>(completion(R"({"prompt": [7, 8]})").prompts.at(0)) == llm::Tokens{7, 8});
  const Request lists = completion(R"({"prompt": [[7], [8, 9]]})");
  CHECK(std::get<llm::Tokens>(lists.prompts.at(1)) == llm::Tokens{8, 9});
}

TEST_CASE("at temperature 0 the filters change nothing", "[serve]") {
  const Request made =
      completion(R"({"prompt": "a", "temperature": 0, "top_p": 0.5, "top_k": 7, "min_p": 0.5})");
  CHECK(made.sampling.takes_best());
  CHECK(made.sampling.top_p == 1.0);
}

TEST_CASE("parts of a message become one text and the template gets the other fields", "[serve]") {
  const Request made = chat_request(
      R"({"messages": [{"role": "system", "content": "s", "name": "n"}, {"role": "user", "content":
          [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}], "max_completion_tokens": 7,
          "max_tokens": 9, "logprobs": true, "top_logprobs": 2, "tools": [], "tool_choice": "none",
          "response_format": {"type": "text"}})");
  const auto& messages = std::get<chat::Conversation>(made.prompts.at(0)).messages;
  REQUIRE(messages.sequence() != nullptr);
  CHECK(*messages.sequence()->items.at(0).mapping()->find("name")->text() == "n");
  CHECK(*messages.sequence()->items.at(1).mapping()->find("content")->text() == "ab");
  CHECK(made.max_tokens == 7);
  CHECK(made.logprobs == 2U);
}

TEST_CASE("a wrong completion is refused by the field's name", "[serve]") {
  const std::vector<Wrong> list{
      {"", "", "broken JSON"},
      {"[1]", "", "must be a JSON object"},
      {R"({"prompt": "a", "prompt": "b"})", "", "duplicate key"},
      {"{\"prompt\": \"\xff\"}", "", "invalid UTF-8"},
      {R"({"prompt": "\ud800"})", "", "broken JSON"},
      {"{}", "prompt", "must be given"},
      {R"({"prompt": null})", "prompt", "must be given"},
      {R"({"prompt": 7})", "prompt", "list of texts"},
      {R"({"prompt": []})", "prompt", "list of texts"},
      {R"({"prompt": [[]]})", "prompt", "prompt[0]: has zero tokens"},
      {R"({"prompt": [1, "a"]})", "prompt", "integers only"},
      {R"({"prompt": ["a", 1]})", "prompt", "prompt[1] = 1"},
      {R"({"prompt": [-1]})", "prompt", "token -1"},
      {R"({"prompt": [4294967297]})", "prompt", "token 4294967297"},
      {R"({"prompt": [1.5]})", "prompt", "integers only"},
      {R"({"prompt": "a", "model": 3})", "model", "must be a string"},
      {R"({"prompt": "a", "max_tokens": -1})", "max_tokens", "[0, 4096]"},
      {R"({"prompt": "a", "max_tokens": 4097})", "max_tokens", "[0, 4096]"},
      {R"({"prompt": "a", "max_tokens": 1.5})", "max_tokens", "integer"},
      {R"({"prompt": "a", "temperature": "hot"})", "temperature", "must be a number"},
      {R"({"prompt": "a", "temperature": -1})", "temperature", "must be in [0"},
      {R"({"prompt": "a", "temperature": 1e-9})", "temperature", "[1e-6, 1e6]"},
      {R"({"prompt": "a", "top_p": 1.5})", "top_p", "must be in [0, 1]"},
      {R"({"prompt": "a", "min_p": true})", "min_p", "must be a number"},
      {R"({"prompt": "a", "top_k": -1})", "top_k", "integer"},
      {R"({"prompt": "a", "repetition_penalty": 0})", "repetition_penalty", "must be in"},
      {R"({"prompt": "a", "n": 0})", "n", "[1, 128]"},
      {R"({"prompt": "a", "n": 129})", "n", "[1, 128]"},
      {R"({"prompt": ["a","a","a","a","a","a","a","a","a"], "n": 128})", "n", "1152 answers"},
      {R"({"prompt": "a", "best_of": 3})", "best_of", "not support"},
      {R"({"prompt": "a", "seed": "x"})", "seed", "integer"},
      {R"({"prompt": "a", "stop": ""})", "stop", "empty"},
      {R"({"prompt": "a", "stop": [1]})", "stop", "list of texts"},
      {R"({"prompt": "a", "logprobs": true})", "logprobs", "[0, 20]"},
      {R"({"prompt": "a", "logprobs": 21})", "logprobs", "[0, 20]"},
      {R"({"prompt": "a", "echo": 1})", "echo", "true or false"},
      {R"({"prompt": "a", "stream_options": {"include_usage": true}})", "stream_options", "stream = true"},
      {R"({"prompt": "a", "stream": true, "stream_options": {"x": 1}})", "stream_options", "include_usage"},
      {R"({"prompt": "a", "suffix": "b"})", "suffix", "not support"},
      {R"({"prompt": "a", "logit_bias": {"5": 1}})", "logit_bias", "not support"},
      {R"({"prompt": "a", "frequency_penalty": 0.5})", "frequency_penalty", "not support"},
      {R"({"prompt": "a", "tempreature": 1})", "tempreature", "did you mean 'temperature'?"},
      {R"({"prompt": "a", "messages": []})", "messages", "no such field"}};
  for (const Wrong& each : list) {
    INFO(each.body);
    const ApiError error = refusal(Endpoint::completions, each.body);
    CHECK(error.status() == 400);
    CHECK(error.param() == each.param);
    CHECK_THAT(error.what(), contains(each.part));
  }
}

TEST_CASE("a wrong chat is refused by the field's name", "[serve]") {
  const std::string good = R"("messages": [{"role": "user", "content": "a"}])";
  const std::vector<Wrong> list{
      {"{}", "messages", "must be given"},
      {R"({"messages": []})", "messages", "at least one"},
      {R"({"messages": "a"})", "messages", "at least one"},
      {R"({"messages": ["a"]})", "messages", "messages[0] = \"a\""},
      {R"({"messages": [{"content": "a"}]})", "messages", "messages[0].role"},
      {R"({"messages": [{"role": "user", "content": 7}]})", "messages", "messages[0].content = 7"},
      {R"({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]})", "messages", "text only"},
      {R"({"messages": [{"role": "user", "content": "a", "n": 9999999999999999999}]})", "messages",
       "64 bits"},
      {"{" + good + R"(, "tools": [{"type": "function"}]})", "tools", "not support"},
      {"{" + good + R"(, "tool_choice": "required"})", "tool_choice", "not support"},
      {"{" + good + R"(, "response_format": {"type": "json_object"}})", "response_format", "not support"},
      {"{" + good + R"(, "reasoning_effort": "low"})", "reasoning_effort", "not support"},
      {"{" + good + R"(, "max_tokens": 0})", "max_tokens", "[1, 4096]"},
      {"{" + good + R"(, "max_completion_tokens": 5000})", "max_completion_tokens", "[1, 4096]"},
      {"{" + good + R"(, "logprobs": 3})", "logprobs", "true or false"},
      {"{" + good + R"(, "top_logprobs": 3})", "top_logprobs", "logprobs = true"},
      {"{" + good + R"(, "echo": true})", "echo", "no such field"},
      {"{" + good + R"(, "prompt": "a"})", "prompt", "no such field"}};
  for (const Wrong& each : list) {
    INFO(each.body);
    const ApiError error = refusal(Endpoint::chat, each.body);
    CHECK(error.status() == 400);
    CHECK(error.param() == each.param);
    CHECK_THAT(error.what(), contains(each.part));
  }
}

TEST_CASE("an error has the form of OpenAI's", "[serve]") {
  const nlohmann::json body = nlohmann::json::parse(ApiError(400, "n", "", "n = 0: \xff").body());
  const nlohmann::json& error = body.at("error");
  CHECK(error.at("message") == "n = 0: \xEF\xBF\xBD");
  CHECK(error.at("type") == "invalid_request_error");
  CHECK(error.at("param") == "n");
  CHECK(error.at("code").is_null());
  CHECK(nlohmann::json::parse(ApiError(503, "", "overloaded", "x").body()).at("error").at("type") ==
        "server_error");
}

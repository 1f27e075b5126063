/// @file Chat templates against transformers and Jinja (tests/golden/generators/chat.py), and their bounds.
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "catch.hpp"
#include "message.hpp"
#include "zofo/chat/chat_template.hpp"
#include "zofo/chat/render_chat.hpp"

using namespace zofo::chat;
using Json = nlohmann::ordered_json;

namespace {

const Json& golden_chat() {
  static const Json golden =
      Json::parse(std::ifstream(std::filesystem::path(ZOFO_SOURCE_DIR) / "tests/golden/chat.json"));
  return golden;
}

std::tm golden_time() {
  std::tm time{};
  time.tm_year = 124, time.tm_mon = 2, time.tm_mday = 5;
  time.tm_hour = 14, time.tm_min = 7, time.tm_sec = 9, time.tm_isdst = -1;
  std::mktime(&time);
  return time;
}

// What a rendering results in, in the form of the golden file.
template <class Render>
Json outcome(const Json& wanted, Render&& render) {
  try {
    return render();
  } catch (const TemplateException& raised) {
    return {{"raised", raised.what()}};
  } catch (const zofo::Error& error) {
    if (!wanted.is_object()) return {{"zofo", error.what()}};
    if (wanted.contains("raised")) return {{"not raised", error.what()}};
    if (wanted.contains("undefined") && !contains(error.what(), wanted["undefined"].get<std::string>()))
      return {{"other message", error.what()}};
    return wanted;
  }
}

std::string rendered(const std::string& source, const Json& variables = Json::object()) {
  return ChatTemplate(source).render(*value_of(variables).mapping(), golden_time()).text;
}

ChatFormat golden_format(const std::string& name) {
  return {ChatTemplate(golden_chat().at("templates").at(name).get<std::string>()),
          *value_of(golden_chat().at("tokens")).mapping()};
}

Conversation golden_conversation(const std::string& name) {
  const Json& chat = golden_chat().at("conversations").at(name);
  return {value_of(chat.at("messages")),
          chat.contains("tools") ? value_of(chat.at("tools")) : Value(nullptr)};
}

}  // namespace

TEST_CASE("conversations are written as by apply_chat_template", "[chat]") {
  Json before;
  for (const Json& each : golden_chat().at("cases")) {
    const auto name = each.at("template").get<std::string>(),
               chat = each.at("conversation").get<std::string>();
    const bool prompt = each.at("prompt").get<bool>();
    Json wanted = each.contains("result") ? each["result"] : before;
    if (each.contains("added")) wanted = before.get<std::string>() + each["added"].get<std::string>();
    if (!prompt) before = wanted;
    const Json found = outcome(wanted, [&] {
      return Json(render_chat(golden_format(name), golden_conversation(chat), prompt, golden_time()).text);
    });
    INFO(name << ", " << chat << ", prompt " << prompt);
    CHECK(found.dump() == wanted.dump());
  }
}

TEST_CASE("expressions and statements of templates are computed as by Jinja", "[chat]") {
  const Mapping variables = *value_of(golden_chat().at("variables")).mapping();
  for (const Json& each : golden_chat().at("snippets")) {
    const auto source = each[0].get<std::string>();
    INFO(source);
    const Json found =
        outcome(each[1], [&] { return Json(ChatTemplate(source).render(variables, golden_time()).text); });
    CHECK(found.dump() == each[1].dump());
  }
}

TEST_CASE("blocks of {% generation %} mark the answers", "[chat]") {
  const ChatFormat format = golden_format("marked");
  CHECK(format.form.marks_answers());
  CHECK_FALSE(golden_format("chatml").form.marks_answers());
  for (const auto& [chat, spans] : golden_chat().at("answers").items()) {
    Json found = Json::array();
    for (const Span& each : render_chat(format, golden_conversation(chat), false).answers)
      found.push_back({each.begin, each.end});
    INFO(chat);
    CHECK(found == spans);
  }
}

TEST_CASE("what a template may not use is refused by name and line", "[chat]") {
  const auto refusal = [](const std::string& source) { return message([&] { (void)rendered(source); }); };
  CHECK(refusal("a\n{% include 'x' %}") == "chat template, line 2: statement 'include' is not supported");
  CHECK(refusal("\n\n{{ 1 | uppper }}") ==
        "chat template, line 3: filter 'uppper' is not supported; did you mean 'upper'?");
  CHECK(contains(refusal("{{ 1 is nope }}"), "line 1: test 'nope' is not supported"));
  CHECK(contains(refusal("\n{{ 'a'.zfill(2) }}"), "line 2: method 'zfill' of texts is not supported"));
  CHECK(contains(refusal("\n{{ 'a' | trim(1, 2) }}"), "line 2"));
  CHECK(contains(refusal("{{ '%s' % 1 }}"), "formatting a text by % is not supported"));
  CHECK(contains(refusal("{{ [namespace()] }}"), "a namespace cannot be stored"));
  CHECK(contains(refusal("{{ strftime_now('%Ec') }}"), "strftime_now: '%E' is not supported"));
  CHECK(contains(refusal("{% for a in [1] %}\n\n{{ a.b.c }}{% endfor %}"),
                 "line 3: 'int object' has no attribute 'b'"));
  CHECK(contains(refusal("\xff"), "chat template"));
  CHECK(message([] { (void)value_of(Json::parse("[18446744073709551615]")); }) ==
        "18446744073709551615: an integer of a chat must fit into 64 bits with sign");
}

TEST_CASE("hostile templates end with an error", "[chat]") {
  const auto refused = [](const std::string& source) {
    return !message([&] { (void)rendered(source); }).empty();
  };
  const auto times = [](const std::string& text, int count) {
    std::string all;
    for (int i = 0; i < count; ++i) all += text;
    return all;
  };
  CHECK(refused("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"));
  CHECK(refused(
      "{% set ns = namespace(s='ab') %}{% for a in range(99) %}{% set ns.s = ns.s + ns.s %}{% endfor %}"));
  CHECK(
      refused("{% set ns = namespace(s=[]) %}{% for a in range(200) %}{% set ns.s = [ns.s] %}{% endfor %}"));
  CHECK(
      refused("{% set ns = namespace(s=[1]) %}{% for a in range(60) %}{% set ns.s = [ns.s, ns.s] %}{% endfor "
              "%}{{ ns.s }}"));
  CHECK(refused("{{ 'ab' * 9223372036854775807 }}"));
  CHECK(refused("{{ [1] * 4000000000 }}"));
  CHECK(refused("{{ 2 ** 64 }}"));
  CHECK(refused("{{ 9223372036854775807 + 1 }}"));
  CHECK(refused("{{ -9223372036854775807 - 2 }}"));
  CHECK(refused("{% macro m(n) %}{{ m(n) }}{% endmacro %}{{ m(1) }}"));
  CHECK(refused("{{ " + times("(", 100000) + "1" + times(")", 100000) + " }}"));
  CHECK(refused("{{ " + times("not ", 100000) + "1 }}"));
  CHECK(refused("{{ " + times("-", 100000) + "1 }}"));
  CHECK(refused("{{ 1" + times(" + 1", 100000) + " }}"));
  CHECK(refused("{{ 1" + times(" | abs", 100000) + " }}"));
  CHECK(refused("{{ a" + times(".a", 100000) + " }}"));
  CHECK(refused(times("{% if 1 %}", 100000)));
  CHECK(refused("{{ 1 | tojson(indent=1000000) }}"));
  CHECK(refused("{{ 'a' | replace('a', 'b' * 100000000) }}"));
  CHECK(refused(std::string(std::size_t{2} << 20U, ' ')));
  CHECK(rendered("{{ 1" + times(" + 1", 100) + " }}") == "101");
}

TEST_CASE("long conversations are within the bounds", "[chat]") {
  Json messages = Json::array();
  for (int i = 0; i < 20000; ++i)
    messages.push_back(
        {{"role", i % 2 == 0 ? "user" : "assistant"}, {"content", "text " + std::string(100, 'a')}});
  for (const char* name : {"chatml", "qwen2.5", "qwen3", "llama2", "llama3", "mistral", "gemma"}) {
    INFO(name);
    const std::string text = render_chat(golden_format(name), {value_of(messages)}, false).text;
    CHECK(text.size() > 20000 * 105);
  }
}

TEST_CASE("messages must be a list of objects", "[chat]") {
  const auto refusal = [](const char* messages) {
    return message(
        [&] { (void)render_chat(golden_format("chatml"), {value_of(Json::parse(messages))}, false); });
  };
  CHECK(refusal("[]") == "messages: must be a list of at least one message");
  CHECK(refusal("\"a\"") == "messages: must be a list of at least one message");
  CHECK(refusal("[\"a\"]") == "messages: a message is str: must be an object with role and content");
}

#include "catch.hpp"
#include "temporary_folder.hpp"
#include "zofo/data/task.hpp"

using namespace zofo::data;
namespace fs = std::filesystem;

namespace {

Example example(const TemporaryFolder& folder, const std::string& toml, const std::string& line) {
  const Task task = Task::load(folder.write("t/task.toml", toml));
  return examples(task, folder.write("rows.jsonl", line + "\n")).front();
}

const std::string cause =
    "kind = \"candidates\"\nprompt = \"{premise|open} {question}\"\ncandidates = [\"{c1|lower}\", "
    "\"{c2|lower}\"]\n"
    "continuation = \" {candidate}\"\nlabel_field = \"label\"\nlabel_map = {0 = 0, 1 = 1}\n"
    "values.question = {cause = \"because\", effect = \"so\"}\n";
const std::string gap =
    "kind = \"candidates\"\nprompt = \"{before}{candidate}\"\ncandidates = [\"{o1}\", \"{o2}\"]\n"
    "continuation = \"{after}\"\nlabel_field = \"answer\"\nlabel_map = {1 = 0, 2 = 1}\n"
    "gap = {field = \"s\", mark = \"_\"}\n";
const std::string entities =
    "kind = \"candidates\"\nprompt = \"{p}\\n{before}\"\ncandidates_field = \"e\"\nanswers_field = \"a\"\n"
    "continuation = \"{candidate}{after}\"\nmetric = \"f1\"\ngap = {field = \"q\", mark = \"@x\"}\n";
const std::string generated =
    "kind = \"generate\"\nprompt = \"Q: {q}\\nA:\"\ncontinuation = \" {answer}\\n\"\nanswers_field = "
    "\"a.text\"\n";

}  // namespace

TEST_CASE("candidates are fields of the line, and values are replaced by words") {
  const TemporaryFolder folder;
  const Example made = example(
      folder, cause,
      R"({"premise": "It rained.", "c1": "The street got wet.", "c2": "I ran.", "question": "effect", "label": 1})");
  REQUIRE(made.continuations.size() == 2);
  CHECK(made.continuations[0].prompt == "It rained so");
  CHECK(made.continuations[0].text == " the street got wet.");
  CHECK(made.continuations[1].text == " I ran.");
  CHECK(made.continuations[0].neutral == "so");
  CHECK(made.label == 1);
}

TEST_CASE("answers have fixed labels only if their texts are those of the task") {
  for (const auto& [name, fixed] : {std::pair{"copa", false},
                                    {"record", false},
                                    {"winogrande", false},
                                    {"squad", false},
                                    {"sst2", true},
                                    {"wsc", true}})
    CHECK(Task::load(fs::path(ZOFO_SOURCE_DIR) / "tasks" / name / "task.toml").fixed_labels() == fixed);
}

TEST_CASE("each candidate fills the gap, and the rest is the same") {
  const TemporaryFolder folder;
  const Example made = example(
      folder, gap, R"({"s": "Ann beat Bo because _ was fast.", "o1": "Ann", "o2": "Bo", "answer": "1"})");
  CHECK(made.continuations[0].prompt == "Ann beat Bo because Ann");
  CHECK(made.continuations[1].prompt == "Ann beat Bo because Bo");
  CHECK(made.continuations[0].text == " was fast.");
  CHECK(made.continuations[1].text == " was fast.");
  CHECK(made.label == 0);
}

TEST_CASE(
    "candidates of a list fill a gap, any accepted answer is right, and the continuation gets the blank") {
  const TemporaryFolder folder;
  const Example made =
      example(folder, entities,
              R"({"p": "P.", "q": "He met @x there.", "e": ["A", "B", "A", "C"], "a": ["C", "B"]})");
  REQUIRE(made.continuations.size() == 3);
  CHECK(made.continuations[0].prompt == "P.\nHe met");
  CHECK(made.continuations[1].text == " B there.");
  CHECK(made.right == std::vector<int>{1, 2});
  CHECK(made.label == 1);
  CHECK_FALSE(made.answer_only);
}

TEST_CASE(
    "examples without candidates are used only by the answer loss, and are otherwise removed with a note") {
  const TemporaryFolder folder;
  const std::string full = R"({"p": "P.", "q": "He met @x.", "e": ["A", "B"], "a": ["B"]})"
                           "\n";
  const std::string bare = R"({"p": "P.", "q": "He met @x.", "e": [], "a": ["B"]})"
                           "\n";
  folder.write("t/validation.jsonl", bare + full + bare);
  folder.write("t/train.jsonl", bare + full);
  const auto load = [&](const std::string& toml) {
    folder.write("t/task.toml", toml);
    return load_task((folder.path() / "t").string(), std::nullopt, folder.path());
  };
  const TaskData choosing = load(entities);
  CHECK(choosing.train.size() == 1);
  CHECK(choosing.validation.size() == 1);
  REQUIRE(choosing.notes.size() == 2);
  CHECK_THAT(choosing.notes[1], ContainsSubstring("2 of 3 examples have no candidates"));
  const TaskData answering = load("loss = \"answer\"\n" + entities);
  CHECK(answering.train.size() == 2);
  CHECK(answering.validation.size() == 1);
  folder.write("t/validation.jsonl", bare);
  CHECK_THAT(message_of([&] { load(entities); }), ContainsSubstring("none of its 1 examples has candidates"));
}

TEST_CASE("a generated answer has references, and the first is the training target") {
  const TemporaryFolder folder;
  const Example made = example(folder, generated, R"({"q": "who?", "a": {"text": ["Ann", "Ann Lee"]}})");
  CHECK(made.prompt == "Q: who?\nA:");
  CHECK(made.continuations.front().text == " Ann\n");
  CHECK(made.references == std::vector<std::string>{"Ann", "Ann Lee"});
}

TEST_CASE("errors of lines of these kinds name file and number") {
  const TemporaryFolder folder;
  const auto refused = [&](const std::string& toml, const std::string& line) {
    const std::string text = message_of([&] { example(folder, toml, line); });
    CHECK_THAT(text, ContainsSubstring("rows.jsonl:1: "));
    return text;
  };
  CHECK_THAT(refused(gap, R"({"s": "no mark", "o1": "A", "o2": "B", "answer": "1"})"),
             ContainsSubstring("has no '_'"));
  CHECK_THAT(refused(gap, R"({"s": "_ _", "o1": "A", "o2": "B", "answer": "1"})"),
             ContainsSubstring("more than once"));
  CHECK_THAT(refused(gap, R"({"s": "ends with _", "o1": "A", "o2": "B", "answer": "1"})"),
             ContainsSubstring("continuation is blank"));
  CHECK_THAT(refused(cause, R"({"premise": "P", "c1": "a", "c2": "b", "question": "why", "label": 0})"),
             ContainsSubstring("'why'") && ContainsSubstring("'cause', 'effect'"));
  CHECK_THAT(refused(entities, R"({"p": "P", "q": "@x.", "e": ["A"], "a": ["B"]})"),
             ContainsSubstring("none of the answers"));
  CHECK_THAT(refused(entities, R"({"p": "P", "q": "@x.", "e": [["A"]], "a": ["B"]})"),
             ContainsSubstring("holds array"));
  CHECK_THAT(refused(generated, R"({"q": "who?", "a": {"text": []}})"), ContainsSubstring("no answer"));
  CHECK_THAT(refused(generated, R"({"q": "who?", "a": "Ann"})"),
             ContainsSubstring("no field 'a.text': 'a' is string"));
}

TEST_CASE("keys of other kinds are errors") {
  const TemporaryFolder folder;
  const auto refused = [&](const std::string& toml) {
    return message_of([&] { Task::load(folder.write("task.toml", toml)); });
  };
  CHECK_THAT(refused("options = [\"a\", \"b\"]\n" + generated), ContainsSubstring("options: has no meaning"));
  CHECK_THAT(refused("loss = \"options\"\n" + generated), ContainsSubstring("loss: must be \"answer\""));
  CHECK_THAT(refused("metric = \"accuracy\"\n" + generated),
             ContainsSubstring("metric: must be exact_match or f1"));
  CHECK_THAT(refused("metric = \"f1\"\n" + cause), ContainsSubstring("answers_field must be given"));
  CHECK_THAT(refused("score = \"max\"\n" + cause),
             ContainsSubstring("score = \"max\": must be one of sum, mean"));
  CHECK_THAT(refused("candidates_field = \"e\"\n" + cause),
             ContainsSubstring("one of candidates and candidates_field"));
  CHECK_THAT(refused("kind = \"other\"\n"), ContainsSubstring("must be one of choice, candidates, generate"));
  CHECK_THAT(refused("gapp = 1\n" + gap), ContainsSubstring("task.toml:1: unknown key 'gapp'"));
}

TEST_CASE("one task has several templates") {
  const TemporaryFolder folder;
  const std::string toml =
      "prompt = \"{t} It was\"\noptions = [\" bad\", \" good\"]\nlabel_field = \"l\"\nlabel_map = {0 = 0, 1 "
      "= 1}\n"
      "[[templates]]\nname = \"short\"\nprompt = \"{t}:\"\n"
      "[[templates]]\nname = \"asked\"\nprompt = \"{t}?\\n\"\noptions = [\"No\", \"Yes\"]\n";
  const auto file = folder.write("task.toml", toml);
  CHECK(Task::load(file).template_names == std::vector<std::string>{"default", "short", "asked"});
  CHECK(Task::load(file).prompt.text() == "{t} It was");
  CHECK(Task::load(file, "short").choices.at(1) == " good");
  CHECK(Task::load(file, "asked").choices.at(1) == "Yes");
  CHECK_THAT(message_of([&] { Task::load(file, "none"); }),
             ContainsSubstring("must be one of default, short, asked"));
  const auto twice = folder.write("task.toml", toml + "[[templates]]\nname = \"short\"\nprompt = \"{t}\"\n");
  CHECK_THAT(message_of([&] { Task::load(twice); }), ContainsSubstring("the name 'short' is used twice"));
  const auto none = folder.write("task.toml", toml + "[[templates]]\nname = \"x\"\nprompt = \"t\"\n");
  CHECK_THAT(message_of([&] { Task::load(none); }),
             ContainsSubstring("template 'x'") && ContainsSubstring("must have a {field}"));
}

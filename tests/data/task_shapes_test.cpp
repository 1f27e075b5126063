#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "catch.hpp"
#include "temporary_folder.hpp"
#include "zofo/data/jsonl.hpp"
#include "zofo/data/task.hpp"

using namespace zofo::data;

namespace {

Task task_of(const std::string& toml) {
  const TemporaryFolder folder;
  return Task::load(folder.write("task.toml", toml));
}

Example example_of(const Task& task, const char* json) {
  return task.example({nlohmann::json::parse(json), "f.jsonl", 7});
}

std::string refusal(const std::string& toml, const char* json) {
  return message_of([&] { (void)example_of(task_of(toml), json); });
}

const std::string listed =
    "kind = \"candidates\"\nprompt = \"{question}\\n\"\ncandidates_field = \"choices\"\n"
    "continuation = \"{candidate}\"\nlabel_field = \"answer\"\n";
const std::string letters =
    "prompt = \"{question}\\nA. {choices[0]}\\nB. {choices[1]}\\nAnswer:\"\noptions = [\" A\", \" B\"]\n"
    "label_field = \"answer\"\n";
const std::string one_hot =
    "prompt = \"{text}:\"\noptions = [\" joy\", \" fear\", \" rage\"]\none_hot_fields = [\"joy\", \"fear\", "
    "\"rage\"]\n";
const std::string several =
    "prompt = \"{text}:\"\noptions = [\" no\", \" yes\"]\nlabel_field = [\"gold\", \"label\"]\n";

}  // namespace

TEST_CASE("a list of choices with an index or a letter as the answer") {
  const Task task = task_of(listed);
  for (const char* answer : {"2", "2.0", "\"2\"", "\"C\"", "\"c\""}) {
    const Example made = example_of(
        task,
        (R"({"question": "2 + 2?", "choices": ["3", "5", "4", "3"], "answer": )" + std::string(answer) + "}")
            .c_str());
    CHECK(made.label == 2);
    CHECK(made.right == std::vector<int>{2});
    REQUIRE(made.continuations.size() == 4);  // the same text twice does not shift the index
    CHECK(made.continuations[2].text == "4");
    CHECK(made.prompt.empty());
  }
  CHECK(example_of(task, R"({"question": "q", "choices": [1, 2.5], "answer": false})").label == 0);
  CHECK_THAT(refusal(listed, R"({"question": "q", "choices": ["a", "b"], "answer": 2})"),
             StartsWith("f.jsonl:7: label '2' (field 'answer')") && ContainsSubstring("0 to 1"));
  CHECK_THAT(refusal(listed, R"({"question": "q", "choices": ["a", "b"], "answer": "b!"})"),
             ContainsSubstring("'b!'"));
  CHECK_THAT(refusal(listed, R"({"question": "q", "choices": ["a"], "answer": 0})"),
             StartsWith("f.jsonl:7: field 'choices' has 1 candidates"));
  CHECK_THAT(refusal(listed, R"({"question": "q", "choices": ["a", null], "answer": 0})"),
             ContainsSubstring("null"));
}

TEST_CASE("a map gives labels that count from 1, a list gives labels by name") {
  const std::string from_one = listed + "[label_map]\n1 = 0\n2 = 1\n3 = 2\n";
  CHECK(example_of(task_of(from_one), R"({"question": "q", "choices": ["a", "b"], "answer": "2"})").label ==
        1);
  CHECK_THAT(refusal(from_one, R"({"question": "q", "choices": ["a", "b"], "answer": 3})"),
             ContainsSubstring("means candidate 2") && ContainsSubstring("'choices' has 2"));
  std::string named = listed + "labels_field = \"choices.label\"\n";
  named.replace(named.find("\"choices\""), 9, "\"choices.text\"");
  const char* row =
      R"({"question": "q", "choices": {"text": ["x", "y"], "label": ["1", "2"]}, "answer": 2.0})";
  CHECK(example_of(task_of(named), row).label == 1);
  CHECK_THAT(
      refusal(named,
              R"({"question": "q", "choices": {"text": ["x", "y"], "label": ["1", "2"]}, "answer": "C"})"),
      ContainsSubstring("'1', '2' (field 'choices.label')"));
  CHECK_THAT(
      refusal(named, R"({"question": "q", "choices": {"text": ["x", "y"], "label": ["1"]}, "answer": "1"})"),
      ContainsSubstring("1 labels for the 2 candidates"));
}

TEST_CASE("without a map a label is an answer choice, its index or its letter") {
  const Task task = task_of(letters);
  for (const char* answer : {"1", "\"B\"", "\"b\"", "true", "1.0"}) {
    const Example made = example_of(
        task, (R"({"question": "q", "choices": ["x", "y"], "answer": )" + std::string(answer) + "}").c_str());
    CHECK(made.label == 1);
    CHECK(made.prompt == "q\nA. x\nB. y\nAnswer:");
    CHECK(made.neutral == "A. \nB. \nAnswer:");
  }
  CHECK_THAT(refusal(letters, R"({"question": "q", "choices": ["x", "y"], "answer": "C"})"),
             StartsWith("f.jsonl:7: label 'C'"));
  const std::string digits = "prompt = \"{text}:\"\noptions = [\" 1\", \" 2\"]\nlabel_field = \"stars\"\n";
  CHECK_THAT(message_of([&] { task_of(digits); }),
             ContainsSubstring("label_map: must be given: the label '1' could mean"));
}

TEST_CASE("a field for each choice, one of which is 1") {
  const Task task = task_of(one_hot);
  CHECK(example_of(task, R"({"text": "t", "joy": 0, "fear": 1.0, "rage": false})").label == 1);
  CHECK(example_of(task, R"({"text": "t", "joy": "0", "fear": "0", "rage": "True"})").label == 2);
  CHECK_THAT(refusal(one_hot, R"({"text": "t", "joy": 0, "fear": 0, "rage": 0})"),
             StartsWith("f.jsonl:7: none of"));
  CHECK_THAT(refusal(one_hot, R"({"text": "t", "joy": 1, "fear": 0, "rage": 1})"),
             StartsWith("f.jsonl:7: both 'joy' and 'rage' are 1"));
  CHECK_THAT(refusal(one_hot, R"({"text": "t", "joy": 2, "fear": 0, "rage": 0})"),
             ContainsSubstring("field 'joy' is '2'"));
  CHECK_THAT(message_of([] { task_of(one_hot + "label_field = \"l\"\n"); }),
             ContainsSubstring("one_hot_fields"));
  std::string two = one_hot;
  CHECK_THAT(message_of([&] { task_of(two.replace(two.find(", \"rage\""), 8, "")); }),
             ContainsSubstring("2 given for 3 options"));
}

TEST_CASE("one of several fields has the label") {
  const Task task = task_of(several);
  CHECK(example_of(task, R"({"text": "t", "gold": "yes"})").label == 1);
  CHECK(example_of(task, R"({"text": "t", "gold": null, "label": 0})").label == 0);
  CHECK(example_of(task, R"({"text": "t", "gold": "no", "label": 0})").label == 0);
  CHECK_THAT(refusal(several, R"({"text": "t", "gold": "no", "label": 1})"),
             StartsWith("f.jsonl:7: the labels of 'gold' and 'label' differ"));
  CHECK_THAT(refusal(several, R"({"text": "t"})"), StartsWith("f.jsonl:7: no label in any of"));
}

TEST_CASE("class weights are read and checked") {
  CHECK(task_of(several + "class_weights = [1, 2.5]\n").class_weights.values ==
        std::vector<double>{1.0, 2.5});
  CHECK(task_of(several + "class_weights = \"balanced\"\n").class_weights.balanced);
  for (const char* bad : {"[1]", "[1, 0]", "[1, -1]", "[1, \"x\"]", "[1, inf]", "[1, nan]", "\"even\"", "3"})
    CHECK_THAT(message_of([&] { task_of(several + "class_weights = " + bad + "\n"); }),
               ContainsSubstring("class_weights"));
  CHECK_THAT(message_of([] { task_of(listed + "class_weights = \"balanced\"\n"); }),
             ContainsSubstring("no classes"));
}

TEST_CASE("an unknown key is refused with the nearest known one") {
  CHECK_THAT(message_of([] { task_of("\n" + several + "clas_weight = [1, 2]\n"); }),
             ContainsSubstring("task.toml:5: unknown key 'clas_weight'; did you mean 'class_weights'?"));
  CHECK_THAT(message_of([] { task_of(several + "[gap]\nfeild = \"a\"\nmark = \"b\"\n"); }),
             ContainsSubstring("unknown key 'gap.feild'; did you mean 'field'?"));
}

TEST_CASE("texts are replaced inside lists and objects") {
  const Task task = task_of(
      "prompt = \"{a.b} {l[0]}:\"\noptions = [\" no\", \" yes\"]\nlabel_field = \"y\"\n[replace]\nx = "
      "\"z\"\n");
  CHECK(example_of(task, R"({"a": {"b": "xx"}, "l": ["ox"], "y": 1})").prompt == "zz oz:");
}

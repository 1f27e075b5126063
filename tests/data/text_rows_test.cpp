/// @file Rows of free text, and the tasks that have them.
#include <fstream>

#include "catch.hpp"
#include "message.hpp"
#include "temporary_folder.hpp"
#include "zofo/data/infer_task.hpp"
#include "zofo/data/jsonl.hpp"
#include "zofo/data/task.hpp"
#include "zofo/data/text_rows.hpp"

using namespace zofo::data;

namespace {

Example text_row(const std::string& line) { return text_example(parse_json_line(line, "rows.jsonl", 7)); }

std::string text_row_refusal(const std::string& line) {
  return message([&] { (void)text_row(line); });
}

}  // namespace

TEST_CASE("rows of free text are read by their fields", "[data]") {
  const Example completion = text_row(R"({"prompt": "a: ", "completion": "b"})");
  CHECK(completion.continuations[0].prompt == "a: ");
  CHECK(completion.continuations[0].text == "b");
  CHECK(completion.line == 7);
  CHECK(text_row(R"({"text": "all"})").continuations[0].prompt.empty());
  const Example instruction = text_row(R"({"instruction": "Add.", "input": "1, 2", "output": "3"})");
  CHECK(instruction.continuations[0].prompt ==
        "### Instruction:\nAdd.\n\n### Input:\n1, 2\n\n### Response:\n");
  CHECK(text_row(R"({"instruction": "Hi.", "input": "", "output": "3"})").continuations[0].prompt ==
        "### Instruction:\nHi.\n\n### Response:\n");
}

TEST_CASE("conversations keep the order of their keys", "[data]") {
  const std::string messages = R"([{"role":"user","content":"z"},{"role":"assistant","content":"y","a":1}])";
  CHECK(text_row("{\"id\": 3, \"messages\": " + messages + "}").conversation ==
        "{\"messages\":" + messages + "}");
  const Example tools =
      text_row("{\"messages\": " + messages + R"(, "tools": [{"name": "f", "about": 1}], "text": "x"})");
  CHECK(tools.conversation == "{\"messages\":" + messages + R"(,"tools":[{"name":"f","about":1}]})");
  const Example split = text_row(
      R"({"prompt": [{"role":"user","content":"z"}], "completion": [{"role":"assistant","content":"y","a":1}]})");
  CHECK(split.conversation == "{\"messages\":" + messages + "}");
  CHECK(split.prompt_messages == 1);
  JsonLine csv{nlohmann::json::object(), "rows.csv", 2};  // its values are texts
  csv.fields["messages"] = messages;
  CHECK(text_example(csv).conversation == "{\"messages\":" + messages + "}");
}

TEST_CASE("rows that have nothing to learn are refused by line and field", "[data]") {
  CHECK(contains(text_row_refusal(R"({"question": "a"})"), "rows.jsonl:7: its fields are 'question'"));
  CHECK(text_row_refusal(R"({"text": " "})") == "rows.jsonl:7: field 'text': is blank");
  CHECK(text_row_refusal(R"({"messages": []})") ==
        "rows.jsonl:7: field 'messages': must be a list of messages");
  CHECK(text_row_refusal(R"({"messages": [{"from": "a"}]})") ==
        "rows.jsonl:7: field 'messages': a message must be an object with role and content");
  CHECK(contains(text_row_refusal(R"({"messages": [{"role": "user", "content": "a"}]})"),
                 "rows.jsonl:7: no message has the role 'assistant'"));
  CHECK(contains(text_row_refusal(R"({"prompt": 3, "completion": "x"})"), "rows.jsonl:7: field 'prompt'"));
}

TEST_CASE("a file of rows is a task with a tenth held out", "[data]") {
  const TemporaryFolder folder;
  std::ofstream file(folder.path() / "notes.jsonl");
  for (int i = 0; i < 40; ++i) file << "{\"text\": \"row " << i << "\"}\n";
  file.close();
  const std::string path = (folder.path() / "notes.jsonl").string();
  const TaskData data = load_task(path, std::nullopt, folder.path());
  CHECK(data.task.kind == Kind::text);
  CHECK(data.task.name == "notes");
  CHECK(data.train.size() == 36);
  CHECK(data.validation.size() == 4);
  CHECK(data.notes.size() == 1);
  CHECK(load_task({path, {}, folder.path()}, {"", validation_split, false}).validation.size() == 40);
  CHECK(contains(message([&] { (void)load_task(path, folder.path(), folder.path()); }),
                 "takes no data folder"));
}

TEST_CASE("task init recognises rows of free text", "[data]") {
  const TemporaryFolder folder;
  std::ofstream(folder.path() / "chat.jsonl") << "{\"messages\": [{\"role\": \"user\", \"content\": \"a\"}, "
                                                 "{\"role\": \"assistant\", \"content\": \"b\"}]}\n";
  TaskDraft draft = infer_task(read_rows(folder.path() / "chat.jsonl"), {});
  CHECK(draft.kind == Kind::text);
  draft.name = "chat";
  const Task task = Task::parse(task_toml(draft) + "max_length = 9\n", "chat/task.toml");
  CHECK(task.kind == Kind::text);
  CHECK(task.loss == Loss::tokens);
  CHECK(task.max_length == 9);
  CHECK(contains(message([&] { (void)Task::parse("kind = 'text'\nprompt = '{a}'\n", "x/task.toml"); }),
                 "prompt: has no meaning for kind \"text\""));
}

#include "zofo/data/infer_task.hpp"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "catch.hpp"
#include "temporary_folder.hpp"
#include "zofo/data/split_rows.hpp"

using namespace zofo::data;

namespace {

RowTable table_of(const std::string& name, const std::string& text) {
  const TemporaryFolder folder;
  return read_rows(folder.write(name, text));
}

// `count` rows of CSV under a header; "#" in the pattern is the row's number, "@" the same modulo 2.
RowTable repeated(const std::string& header, const std::string& pattern, int count = 12) {
  std::string text = header + "\n";
  for (int i = 0; i < count; ++i) {
    for (const char c : pattern)
      text += c == '#' ? std::to_string(i) : c == '@' ? std::to_string(i % 2) : std::string(1, c);
    text += "\n";
  }
  return table_of("rows.csv", text);
}

TaskDraft draft_of(const RowTable& table, const InferOptions& options = {}) {
  TaskDraft draft = infer_task(table, options);
  draft.name = "t";
  // What is inferred is a task, and every row of the table is an example of it.
  const Task task = Task::parse(task_toml(draft), "t/task.toml");
  CHECK(task.kind == draft.kind);
  for (const JsonLine& row : table.rows) (void)task.example(row);
  return draft;
}

Example first_example(const RowTable& table, const InferOptions& options = {}) {
  return Task::parse(task_toml(draft_of(table, options)), "t/task.toml").example(table.rows.at(1));
}

std::string refusal(const RowTable& table, const InferOptions& options = {}) {
  return message_of([&] { infer_task(table, options); });
}

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("rows keep their columns' order, their lines and their text") {
  const RowTable csv = table_of("a.csv", "z,a\n\"x\n\",\"1\"\"\"\ny,2\n");
  CHECK(csv.columns == Names{"z", "a"});
  CHECK(csv.rows[1].line == 4);
  CHECK(csv.json[0] == R"({"z":"x\n","a":"1\""})");
  const RowTable lines = table_of(
      "a.JSONL",
      "\xEF\xBB\xBF{\"z\": {\"k\": 1, \"b\": [2]}, \"a\": 1.50}\r\n\n{\"n\": 123456789012345678901234}");
  CHECK(lines.columns == Names{"z.k", "z.b", "a", "n"});
  CHECK(lines.json ==
        Names{"{\"z\": {\"k\": 1, \"b\": [2]}, \"a\": 1.50}", "{\"n\": 123456789012345678901234}"});
  CHECK(lines.rows[1].text("n") == "123456789012345678901234");
  CHECK_THAT(message_of([] { table_of("a.csv", "a,a\n1,2\n"); }),
             ContainsSubstring("a.csv:1: the column 'a' occurs twice"));
  CHECK_THAT(message_of([] { table_of("a.csv", "a,b\n1,\xFF\n"); }),
             ContainsSubstring("a.csv:2: invalid UTF-8"));
  CHECK_THAT(message_of([] { table_of("a.xlsx", "a"); }), ContainsSubstring("a.xlsx: must be CSV"));
}

TEST_CASE("a classification: label, prompt and words") {
  const TaskDraft draft = draft_of(repeated("id,text,age,label", "#,text #,4#,class_@"));
  CHECK(draft.kind == Kind::choice);
  CHECK(draft.label_column == "label");
  CHECK(draft.prompt_columns == Names{"text", "age"});
  CHECK(draft.prompt == "Text: {text}\nAge: {age}\nLabel:");
  CHECK(draft.options == Names{" class 0", " class 1"});
  CHECK(draft.left_out.size() == 1);
}

TEST_CASE("the label is the only column with few values, or must be named") {
  CHECK(draft_of(repeated("text,mood", "text #,m@")).label_column == "mood");
  const RowTable two = repeated("text,mood,place", "text #,m@,p@");
  CHECK_THAT(refusal(two), ContainsSubstring("'mood', 'place' have few different values"));
  CHECK(draft_of(two, {.label = "mood"}).left_out.front().second == "the same information as the label");
  CHECK_THAT(refusal(two, {.label = "mod"}), ContainsSubstring("no column 'mod'; did you mean 'mood'?"));
  CHECK_THAT(refusal(repeated("text,more", "text #,more #")),
             ContainsSubstring("which column is the label? None"));
  CHECK_THAT(refusal(repeated("text,label", "text #,same")),
             ContainsSubstring("all 12 rows have the label 'same'"));
  CHECK_THAT(refusal(repeated("label", "@")), ContainsSubstring("has only the column"));
  CHECK_THAT(refusal(table_of("r.csv", "text,label\na,x\nb,\n")),
             ContainsSubstring("r.csv:3: no label in column 'label'"));
  CHECK_THAT(refusal(repeated("text,score", "text #,0.#1")), ContainsSubstring("different numbers"));
}

TEST_CASE("numbers take the words of a column that goes with them; truth values are no and yes") {
  const RowTable named = table_of("r.csv", "text,label,label_text\na,1,good\nb,0,bad\nc,1,good\nd,0,bad\n");
  const TaskDraft draft = draft_of(named);
  CHECK(draft.options == Names{" bad", " good"});
  CHECK(draft.prompt_columns == Names{"text"});
  const RowTable truth =
      table_of("r.jsonl",
               "{\"t\": \"a\", \"label\": true}\n{\"t\": \"b\", \"label\": false}\n{\"t\": \"c\", \"label\": "
               "true}\n{\"t\": \"d\", \"label\": false}\n");
  CHECK(draft_of(truth).options == Names{" no", " yes"});
  const RowTable tens = table_of("r.csv", "text,stars\na,10\nb,9\nc,10\nd,9.0\n");
  CHECK(draft_of(tens).options == Names{" 9", " 10"});
}

TEST_CASE("choices of the rows: lists and columns, by index, letter, name or text") {
  const auto listed = [](const std::string& answer) {
    std::string text;
    for (int i = 0; i < 4; ++i)
      text += "{\"question\": \"q" + std::to_string(i) +
              "?\", \"choices\": [\"w\", \"x\", \"y\", \"z\"], \"answer\": " +
              (answer == "letter" ? "\"" + std::string(1, static_cast<char>('A' + i)) + "\""
               : answer == "text" ? "\"" + std::string(1, static_cast<char>('w' + i)) + "\""
                                  : std::to_string(i + (answer == "one" ? 1 : 0))) +
              "}\n";
    return table_of("r.jsonl", text);
  };
  for (const char* answer : {"zero", "one", "letter", "text"}) {
    INFO(answer);
    CHECK(first_example(listed(answer)).label == 1);
  }
  for (const char* labels : {"0,1", "1,2", "A,B", "option1,option2", "a1,b1"}) {
    INFO(labels);
    const std::string first(labels, std::string(labels).find(',')),
        second(std::string(labels).substr(first.size() + 1));
    std::string text = "q,option1,option2,answer\n";
    for (int i = 0; i < 6; ++i)
      text += "q" + std::to_string(i) + ",a1,b1," + (i % 2 == 0 ? first : second) + "\n";
    const RowTable table = table_of("r.csv", text);
    CHECK(draft_of(table).candidates == Names{"option1", "option2"});
    CHECK(first_example(table).label == 1);
  }
  const RowTable ambiguous =
      table_of("r.csv", "q,option1,option2,answer\nx,a,b,1\ny,c,d,1\nz,c,d,1\nw,c,d,1\n");
  CHECK_THROWS_AS(infer_task(ambiguous, {}), zofo::Error);
  const RowTable arc = table_of("r.jsonl",
                                "{\"question\": \"q\", \"choices\": {\"text\": [\"u\", \"v\"], \"label\": "
                                "[\"A\", \"B\"]}, \"answerKey\": \"A\"}\n"
                                "{\"question\": \"r\", \"choices\": {\"text\": [\"u\", \"v\"], \"label\": "
                                "[\"1\", \"2\"]}, \"answerKey\": \"2\"}\n");
  CHECK(draft_of(arc).labels_field == "choices.label");
  CHECK(first_example(arc).label == 1);
  CHECK_THAT(refusal(repeated("text,label", "text #,x@"), {.kind = Kind::candidates}),
             ContainsSubstring("--kind choice"));
}

TEST_CASE("generated answers end where none of them goes on") {
  const TaskDraft one = draft_of(repeated("question,answer", "q #,a #"));
  CHECK(one.kind == Kind::generate);
  CHECK(one.continuation == " {answer}\n");
  const TaskDraft lines = draft_of(table_of("r.csv", "question,answer\nq,\"a\nb\"\nr,c\n"));
  CHECK(lines.stop == "\n\n");
  CHECK(draft_of(repeated("text,label", "text #,x@"), {.kind = Kind::generate}).kind == Kind::generate);
  CHECK_THAT(refusal(repeated("question,answer", "q #,a #"), {.kind = Kind::choice}),
             ContainsSubstring("12 different values"));
}

TEST_CASE("names that a template or a file could misread") {
  const TaskDraft draft = draft_of(table_of("r.csv",
                                            "a{b,\"it's "
                                            "\"\"x\"\"\",\"two\nlines\",label\nx,y1,z,\"l'1\"\nx,y2,w,"
                                            "\"l\"\"2\"\nx,y3,w,\"l'1\"\nx,y4,w,\"l\"\"2\"\n"));
  CHECK(draft.prompt_columns == Names{"it's \"x\"", "two\nlines"});
  CHECK(draft.options == Names{" l\"2", " l'1"});
}

TEST_CASE("a split has a tenth of each class, and every row once") {
  std::vector<std::string> classes(100, "a");
  classes.insert(classes.end(), 20, "b");
  classes.insert(classes.end(), 3, "c");
  classes.insert(classes.end(), 2, "d");
  const SplitRows split = split_rows(classes, true, 7);
  const auto count = [&](const std::vector<std::size_t>& rows, const std::string& name) {
    return std::count_if(rows.begin(), rows.end(), [&](std::size_t i) { return classes[i] == name; });
  };
  for (const auto* part : {&split.validation, &split.test}) {
    CHECK(count(*part, "a") == 10);
    CHECK(count(*part, "b") == 2);
    CHECK(count(*part, "c") == 1);
    CHECK(count(*part, "d") == 0);
  }
  std::set<std::size_t> all(split.train.begin(), split.train.end());
  all.insert(split.validation.begin(), split.validation.end());
  all.insert(split.test.begin(), split.test.end());
  CHECK(all.size() == classes.size());
  CHECK(split.train.size() + split.validation.size() + split.test.size() == classes.size());
  CHECK(split_rows(classes, true, 7).test == split.test);
  CHECK(split_rows(classes, true, 8).test != split.test);
  CHECK(split_rows(classes, false, 7).test.empty());
}

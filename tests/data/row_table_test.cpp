#include "zofo/data/row_table.hpp"

#include <string>
#include <vector>

#include "catch.hpp"
#include "temporary_folder.hpp"
#include "zofo/data/task.hpp"

using namespace zofo::data;
using Names = std::vector<std::string>;

TEST_CASE("columns without a name have the names that pandas gives them") {
  const TemporaryFolder folder;
  // pandas 2.3: list(pd.read_csv(io.StringIO(header + "\n" + "1,2,3")).columns)
  const auto [header, names] = GENERATE(table<std::string, Names>({
      {",a,b", {"Unnamed: 0", "a", "b"}},
      {",Unnamed: 0,b", {"Unnamed: 0.1", "Unnamed: 0", "b"}},
      {"Unnamed: 0,,b", {"Unnamed: 0", "Unnamed: 1", "b"}},
      {"a,,", {"a", "Unnamed: 1", "Unnamed: 2"}},
      {",Unnamed: 0,Unnamed: 0.1", {"Unnamed: 0.2", "Unnamed: 0", "Unnamed: 0.1"}},
  }));
  const auto file = folder.write("t.csv", header + "\n1,2,3\n");
  const RowTable table = read_rows(file);
  CHECK(table.columns == names);
  CHECK(table.rows.at(0).text(names[0]) == "1");
  CHECK(read_row_lines(file).at(0).text(names[2]) == "3");
}

TEST_CASE("a name that occurs twice is refused") {
  const TemporaryFolder folder;
  CHECK_THAT(message_of([&] { read_rows(folder.write("t.csv", "a,b,a\n1,2,3\n")); }),
             ContainsSubstring("t.csv:1: the column 'a' occurs twice"));
}

TEST_CASE("the columns of JSON Lines have the order of their first appearance") {
  const TemporaryFolder folder;
  const auto file = folder.write("t.jsonl",
                                 "\xEF\xBB\xBF{\"z\": 1, \"m\": {\"y\": 2, \"b\": 3}, \"a\": 4} \r\n\n"
                                 "{\"a\": 5, \"z\": 6}\n{\"a\": 7, \"c\": {\"q\": 8}, \"b\": 9}\n");
  const RowTable table = read_rows(file);
  CHECK(table.columns == Names{"z", "m.y", "m.b", "a", "c.q", "b"});
  REQUIRE(table.rows.size() == 3);
  CHECK(table.rows[1].line == 3);
  CHECK(table.json[0] == R"({"z": 1, "m": {"y": 2, "b": 3}, "a": 4})");
  CHECK(table.json[1] == R"({"a": 5, "z": 6})");
}

TEST_CASE("a task reads the same examples from JSON Lines, CSV and TSV") {
  const TemporaryFolder folder;
  folder.write("t/task.toml",
               "prompt = \"{text} is\"\noptions = [\" bad\", \" good\"]\nlabel_field = \"label\"\n");
  const auto load = [&](const std::string& split = "validation") {
    return load_task((folder.path() / "t").string(), std::nullopt, folder.path(), "", split);
  };
  CHECK_THAT(message_of([&] { load(); }), ContainsSubstring("no train.jsonl, train.csv or train.tsv"));
  folder.write("t/train.csv", ",text,label\n0,\"a, b\",good\n1,c,0\n");
  CHECK_THAT(message_of([&] { load(); }),
             ContainsSubstring("validation.jsonl: no such file, nor validation.csv or validation.tsv"));
  folder.write("t/validation.tsv", "text\tlabel\nd\tB\n");
  folder.write("t/test.jsonl", "{\"text\": \"e\", \"label\": 0}\n");
  const TaskData data = load();
  CHECK(data.train_file == "train.csv");
  CHECK(data.held_out == "validation.tsv");
  REQUIRE(data.train.size() == 2);
  CHECK(data.train[0].prompt == "a, b is");
  CHECK(data.train[0].label == 1);
  CHECK(data.train[1].label == 0);
  CHECK(data.train[1].line == 3);
  CHECK(data.validation.at(0).label == 1);
  CHECK(data.notes.empty());
  CHECK(load("test").held_out == "test.jsonl");

  folder.write("t/train.jsonl", "{\"text\": \"f\", \"label\": 0}\n");
  const TaskData both = load();
  CHECK(both.train.size() == 1);
  REQUIRE(both.notes.size() == 1);
  CHECK_THAT(both.notes[0], ContainsSubstring("train.jsonl is read, not train.csv"));
  folder.write("t/validation.tsv", "text\tlabel\n");
  CHECK_THAT(message_of([&] { load(); }), ContainsSubstring("validation.tsv: a header but no rows"));
  folder.write("t/validation.tsv", "text\tlabel\nd\tB\ne\tF\n");
  CHECK_THAT(message_of([&] { load(); }), ContainsSubstring("validation.tsv:3: "));
  folder.write("t/validation.tsv", "text\tlabel\nd\xFF\tB\n");
  CHECK_THAT(message_of([&] { load(); }), ContainsSubstring("validation.tsv:2: invalid UTF-8"));
}

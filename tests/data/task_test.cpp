#include "zofo/data/task.hpp"

#include <algorithm>
#include <cstdlib>
#include <set>

#include "catch.hpp"
#include "temporary_folder.hpp"

using namespace zofo::data;
namespace fs = std::filesystem;

namespace {

const std::string good_task =
    "prompt = \"{text} It was\"\n"
    "options = [\" terrible\", \" great\"]\n"
    "label_field = \"label\"\n"
    "[label_map]\nnegative = 0\npositive = 1\n";

const std::string good_rows =
    "{\"text\": \"dull\", \"label\": \"negative\"}\n{\"text\": \"fine\", \"label\": \"positive\"}\n";

/// `text` with the first occurrence of `from` replaced.
std::string with(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

/// The definitions that come with the project, found from this file.
fs::path definitions() { return fs::path(ZOFO_SOURCE_DIR) / "tasks"; }

}  // namespace

TEST_CASE("a task file is read, and lines become examples") {
  const TemporaryFolder folder;
  const fs::path file = folder.write("movies/task.toml", good_task);
  const Task task = Task::load(file);
  CHECK(task.name == "movies");
  CHECK(task.choices == std::vector<std::string>{" terrible", " great"});
  CHECK(task.max_prompt_tokens == 0);
  const auto made = examples(task, folder.write("rows.jsonl", good_rows));
  REQUIRE(made.size() == 2);
  CHECK(made[0].prompt == "dull It was");
  CHECK(made[0].label == 0);
  CHECK(made[1].label == 1);
  CHECK(made[1].line == 2);
}

TEST_CASE("blanks at the end of a choice task's prompt go to its choices") {
  const TemporaryFolder folder;
  const std::string blank =
      with(with(good_task, "It was", "It was  "), "[\" terrible\", \" great\"]", "[\"terrible\", \"great\"]");
  const std::string more =
      "[[templates]]\nname = \"plain\"\nprompt = \"{text}\"\noptions = [\" bad\", \" good\"]\n"
      "[[templates]]\nname = \"same\"\nprompt = \"{text}: \"\nneutral = \"N/A: \"\n";
  const fs::path file = folder.write("task/task.toml", blank + more);
  const fs::path rows = folder.write("rows.jsonl", good_rows);
  const Task task = Task::load(file);
  CHECK(task.choices == std::vector<std::string>{"  terrible", "  great"});
  CHECK(examples(task, rows)[0].prompt == "dull It was");
  CHECK(!task.two_blanks);
  CHECK(Task::load(file, "plain").choices == std::vector<std::string>{" bad", " good"});
  const Task same = Task::load(file, "same");  // its prompt has one blank, and the choices are the task's
  CHECK(same.choices == std::vector<std::string>{" terrible", " great"});
  CHECK(examples(same, rows)[1].prompt == "fine:");
  CHECK(examples(same, rows)[1].neutral == "N/A:");
}

TEST_CASE("a blank on both sides of a prompt's end is noted") {
  const TemporaryFolder folder;
  folder.write("task/task.toml", with(good_task, "It was", "It was "));
  folder.write("task/train.jsonl", good_rows);
  const fs::path place = folder.write("task/validation.jsonl", good_rows).parent_path();
  const TaskData data = load_task(place.string(), {}, definitions());
  REQUIRE(data.notes.size() == 1);
  CHECK(data.notes[0].find("two follow each other") != std::string::npos);
  CHECK(data.task.choices == std::vector<std::string>{"  terrible", "  great"});
}

TEST_CASE("labels may be numbers or booleans") {
  const TemporaryFolder folder;
  const std::string map = "[label_map]\n0 = 1\ntrue = 0\n";
  const Task task =
      Task::load(folder.write("task.toml", good_task.substr(0, good_task.find("[label_map]")) + map));
  const auto made = examples(
      task, folder.write("r.jsonl", "{\"text\": \"a\", \"label\": 0}\n{\"text\": \"b\", \"label\": true}\n"));
  CHECK(made[0].label == 1);
  CHECK(made[1].label == 0);
}

TEST_CASE("a long prompt loses its first tokens, but not those that begin a sequence") {
  using Ids = std::vector<std::int32_t>;
  const auto kept = [](std::size_t most, std::size_t first) {
    Ids tokens{1, 2, 3, 4, 5};
    keep_last(tokens, most, first);
    return tokens;
  };
  CHECK(kept(3, 0) == Ids{3, 4, 5});
  CHECK(kept(3, 1) == Ids{1, 4, 5});
  CHECK(kept(1, 1) == Ids{1});
  CHECK(kept(1, 2) == Ids{1});
  for (const std::size_t most : {0, 5, 6}) CHECK(kept(most, 1) == Ids{1, 2, 3, 4, 5});
}

TEST_CASE("errors of a task file name file and key") {
  const TemporaryFolder folder;
  const auto message = [&](const std::string& content) {
    const fs::path file = folder.write("task.toml", content);
    const std::string text = message_of([&] { Task::load(file); });
    CHECK_THAT(text, StartsWith(file.string() + ":"));
    return text;
  };
  const std::string options = "[\" terrible\", \" great\"]";
  CHECK_THAT(message(with(good_task, options, "[]")), ContainsSubstring("options: 0 given"));
  CHECK_THAT(message(with(good_task, options, "[\" a\"]")), ContainsSubstring("options: 1 given"));
  CHECK_THAT(message(with(good_task, " great", "")),
             ContainsSubstring("options[1] = ''") && ContainsSubstring("blank"));
  CHECK_THAT(message(with(good_task, " great", " ")),
             ContainsSubstring("options[1] = ' '") && ContainsSubstring("blank"));
  CHECK_THAT(message(with(good_task, " great", " terrible")), ContainsSubstring("same as options[0]"));
  CHECK_THAT(message(with(good_task, "\" great\"", "3")), ContainsSubstring("options[1]: must be a string"));
  CHECK_THAT(message(with(good_task, options, "\"yes\"")), ContainsSubstring("options: must be a list"));
  CHECK_THAT(message(with(good_task, "positive = 1", "positive = 2")),
             ContainsSubstring("label_map.'positive' = 2"));
  CHECK_THAT(message(with(good_task, "positive = 1", "positive = -1")),
             ContainsSubstring("label_map.'positive' = -1"));
  CHECK_THAT(message(with(good_task, "positive = 1", "positive = \"x\"")),
             ContainsSubstring("must be an integer"));
  CHECK_THAT(message(with(good_task, "negative = 0\npositive = 1\n", "")),
             ContainsSubstring("label_map: must not be empty"));
  CHECK_THAT(message(with(good_task, "label_field = \"label\"\n", "")),
             ContainsSubstring("no key 'label_field'"));
  CHECK_THAT(message("tmplate = 1\n" + good_task),
             ContainsSubstring("unknown key 'tmplate'") && ContainsSubstring("max_prompt_tokens"));
  CHECK_THAT(message("max_prompt_tokens = -1\n" + good_task), ContainsSubstring("max_prompt_tokens = -1"));
  CHECK_THAT(message(with(good_task, "{text}", "{text")), ContainsSubstring("prompt: template"));
  CHECK_THAT(message(with(good_task, "{text}", "It")), ContainsSubstring("must have a {field}"));
  CHECK_THAT(message("prompt = \n"), ContainsSubstring("task.toml:1: "));
  CHECK_THAT(message("prompt = \"\xFF\"\n"), ContainsSubstring("task.toml:"));
  CHECK_THAT(message_of([&] { Task::load(folder.path() / "absent.toml"); }),
             ContainsSubstring("no such file"));
}

TEST_CASE("errors of a line name file and number") {
  const TemporaryFolder folder;
  const Task task = Task::load(folder.write("task.toml", good_task));
  const auto message = [&](const std::string& row) {
    return message_of([&] { examples(task, folder.write("rows.jsonl", good_rows + row)); });
  };
  const std::string location = (folder.path() / "rows.jsonl").string() + ":3: ";
  CHECK(message("{\"text\": \"a\", \"label\": \"mixed\"}") ==
        location + "label 'mixed' (field 'label'): must be one of 'negative', 'positive'");
  CHECK(message("{\"texts\": \"a\", \"label\": \"negative\"}") ==
        location + "no field 'text'; its fields are 'label', 'texts'");
  CHECK(message("{\"text\": \"a\"}") == location + "no field 'label'; its fields are 'text'");
  CHECK_THAT(message("{\"text\": \"a\", \"label\": null}"), StartsWith(location + "field 'label' is null"));
  CHECK_THAT(message("{broken"), StartsWith(location + "broken JSON"));
}

TEST_CASE("a blank prompt is an error") {
  const TemporaryFolder folder;
  const Task task = Task::load(folder.write("task.toml", with(good_task, "{text} It was", "{text}")));
  CHECK_THAT(message_of([&] {
               examples(task, folder.write("rows.jsonl", "{\"text\": \" \", \"label\": \"negative\"}"));
             }),
             ContainsSubstring("rows.jsonl:1: the prompt is blank"));
}

TEST_CASE("a task is found by folder or by name") {
  const TemporaryFolder folder;
  folder.write("tasks/mine/task.toml", good_task);
  folder.write("data/mine/train.jsonl", good_rows);
  folder.write("data/mine/validation.jsonl", good_rows + good_rows);
  folder.write("own/task.toml", good_task);
  folder.write("own/train.jsonl", good_rows);
  folder.write("own/validation.jsonl", good_rows);
  const fs::path tasks = folder.path() / "tasks", data = folder.path() / "data";

  SECTION("by name, with a folder of data sets or the data set itself") {
    for (const fs::path& given : {data, data / "mine"}) {
      const TaskData loaded = load_task("mine", given, tasks);
      CHECK(loaded.task.name == "mine");
      CHECK(loaded.train.size() == 2);
      CHECK(loaded.validation.size() == 4);
    }
  }
  SECTION("by folder, with the examples in it or elsewhere") {
    CHECK(load_task((folder.path() / "own").string(), std::nullopt, tasks).validation.size() == 2);
    CHECK(load_task((folder.path() / "own/").string(), std::nullopt, tasks).task.name == "own");
    CHECK(load_task((tasks / "mine").string() + "/", data, tasks).validation.size() == 4);
  }
  SECTION("errors") {
    CHECK_THAT(message_of([&] { load_task("other", data, tasks); }),
               ContainsSubstring("task 'other'") && ContainsSubstring("are: mine"));
    CHECK_THAT(message_of([&] { load_task("../tasks/other", data, tasks); }),
               ContainsSubstring("neither a folder"));
    CHECK_THAT(message_of([&] { load_task("mine", std::nullopt, tasks); }),
               ContainsSubstring("data folder must be given"));
    CHECK_THAT(message_of([&] { load_task("mine", folder.path(), tasks); }),
               ContainsSubstring("no train.jsonl in"));
    CHECK_THAT(message_of([&] { load_task("", data, tasks); }), ContainsSubstring("neither a folder"));
    fs::remove(data / "mine" / "validation.jsonl");
    CHECK_THAT(message_of([&] { load_task("mine", data, tasks); }),
               ContainsSubstring("validation.jsonl: no such file"));
  }
}

TEST_CASE("the project's task definitions are valid") {
  const std::set<std::string> expected{"ag_news",
                                       "boolq",
                                       "cb",
                                       "copa",
                                       "cr",
                                       "drop",
                                       "editorials",
                                       "emo",
                                       "emotion",
                                       "financial_phrasebank",
                                       "imdb",
                                       "movies",
                                       "mr",
                                       "mrpc",
                                       "multirc",
                                       "qnli",
                                       "poem_sentiment",
                                       "products",
                                       "qqp",
                                       "record",
                                       "rte",
                                       "squad",
                                       "sst2",
                                       "subj",
                                       "trec",
                                       "tweet_emotion",
                                       "tweets",
                                       "wic",
                                       "tweet_irony",
                                       "tweet_sentiment",
                                       "winogrande",
                                       "wsc"};
  std::set<std::string> found;
  for (const auto& entry : fs::directory_iterator(definitions())) {
    const Task task = Task::load(entry.path() / "task.toml");
    CHECK(task.name == entry.path().filename().string());
    found.insert(task.name);
    if (task.kind != Kind::choice) continue;
    CHECK(task.label_map.size() == task.choices.size());
    for (const std::string& name : task.template_names) {
      const Task worded = Task::load(entry.path() / "task.toml", name);
      CHECK(worded.choices.size() == task.choices.size());
      // Exactly one blank or line end separates prompt and choice.
      for (const std::string& choice : worded.choices)
        CHECK((choice.front() == ' ') != (worded.prompt.text().back() == '\n'));
    }
  }
  CHECK(found == expected);
}

TEST_CASE("the task definitions match the shared data sets") {
  const char* folder = std::getenv("ZOFO_DATA");
  if (folder == nullptr) {
    WARN("skipped: set ZOFO_DATA to the folder of data sets to run it");
    return;
  }
  // Numbers of training and validation examples, and of validation examples of each choice, from the data's
  // own README.
  struct Expected {
    std::string name;
    std::size_t train, validation;
    std::vector<std::ptrdiff_t> validation_labels;
  };
  const std::vector<Expected> sets{{"sst2", 2000, 872, {428, 444}},
                                   {"rte", 1967, 277, {146, 131}},
                                   {"cb", 200, 56, {23, 28, 5}},
                                   {"boolq", 2000, 1000, {378, 622}},
                                   {"trec", 2000, 500, {9, 138, 94, 65, 81, 113}},
                                   {"ag_news", 2000, 1000, {248, 254, 250, 248}},
                                   {"emotion", 2000, 1000, {285, 361, 84, 129, 106, 35}},
                                   {"subj", 2000, 1000, {500, 500}},
                                   {"wic", 2000, 638, {319, 319}},
                                   {"wsc", 448, 104, {66, 38}},
                                   {"copa", 300, 100, {55, 45}},
                                   {"winogrande", 2000, 768, {386, 382}},
                                   {"multirc", 1500, 799, {446, 353}},
                                   {"record", 160, 32, {}},
                                   {"squad", 2000, 587, {587}},
                                   {"drop", 2000, 1000, {1000}},
                                   {"mr", 2000, 1000, {504, 496}},
                                   {"cr", 2000, 800, {291, 509}},
                                   {"imdb", 1706, 245, {122, 123}},
                                   {"tweet_sentiment", 2000, 1000, {154, 440, 406}},
                                   {"tweet_emotion", 2000, 374, {160, 97, 28, 89}},
                                   {"tweet_irony", 2000, 955, {499, 456}},
                                   {"financial_phrasebank", 1259, 500, {69, 297, 134}},
                                   {"poem_sentiment", 892, 105, {19, 69, 17, 0}},
                                   {"emo", 2000, 1000, {858, 49, 41, 52}},
                                   {"mrpc", 2000, 408, {129, 279}},
                                   {"qnli", 2000, 1000, {506, 494}},
                                   {"qqp", 2000, 1000, {645, 355}}};
  for (const Expected& set : sets) {
    INFO(set.name);
    const TaskData loaded = load_task(set.name, fs::path(folder), definitions());
    CHECK(loaded.train.size() == set.train);
    CHECK(loaded.validation.size() == set.validation);
    for (std::size_t choice = 0; choice < set.validation_labels.size(); ++choice) {
      const auto is_choice = [choice](const Example& e) { return e.label == static_cast<int>(choice); };
      CHECK(std::count_if(loaded.validation.begin(), loaded.validation.end(), is_choice) ==
            set.validation_labels[choice]);
    }
  }
}

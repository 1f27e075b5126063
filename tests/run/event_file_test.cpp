// TensorBoard's event files: checksums and bytes against published vectors and the package tensorboard, and
// what a continued run leaves of them.
#include "zofo/run/event_file.hpp"

#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "catch.hpp"
#include "contains.hpp"
#include "zofo/core/error.hpp"
#include "zofo/parse/file.hpp"
#include "zofo/run/event_records.hpp"
#include "zofo/run/metrics_formats.hpp"

namespace fs = std::filesystem;
using zofo::llm::EventFiles;
using zofo::llm::Scalar;

namespace {

class EventFolder {
 public:
  EventFolder() { fs::create_directories(path); }
  ~EventFolder() { fs::remove_all(path); }
  EventFolder(const EventFolder&) = delete;
  EventFolder& operator=(const EventFolder&) = delete;

  [[nodiscard]] std::vector<fs::path> files() const {
    std::vector<fs::path> list;
    for (const auto& entry : fs::directory_iterator(path)) list.push_back(entry.path());
    std::ranges::sort(list);
    return list;
  }

  const fs::path path = fs::temp_directory_path() / ("zofo_events_" + std::to_string(getpid()));
};

// The messages of an event file, found by the lengths of its records; fails where a record is cut off.
std::vector<std::string> messages_of(const fs::path& file) {
  const std::string bytes = zofo::parse::read_file(file);
  std::vector<std::string> messages;
  for (std::size_t at = 0; at < bytes.size();) {
    std::uint64_t length = 0;
    REQUIRE(at + 12 <= bytes.size());
    std::memcpy(&length, bytes.data() + at, sizeof length);
    REQUIRE(at + 16 + length <= bytes.size());
    messages.push_back(bytes.substr(at + 12, length));
    at += 16 + length;
  }
  return messages;
}

}  // namespace

TEST_CASE("CRC-32C has the values of RFC 3720, appendix B.4", "[run]") {
  using zofo::llm::crc32c;
  std::string rising;
  for (char c = 0; c < 32; ++c) rising += c;
  CHECK(crc32c("") == 0);
  CHECK(crc32c("123456789") == 0xe3069283U);
  CHECK(crc32c(std::string(32, '\0')) == 0x8a9136aaU);
  CHECK(crc32c(std::string(32, '\xff')) == 0x62a8ab43U);
  CHECK(crc32c(rising) == 0x46dd794eU);
  CHECK(crc32c(std::string(rising.rbegin(), rising.rend())) == 0x113fdb5cU);
}

TEST_CASE("events have the bytes that the package tensorboard writes", "[run]") {
  const fs::path golden = fs::path(ZOFO_SOURCE_DIR) / "tests/golden/tensorboard";
  std::string bytes;
  for (const nlohmann::json& event : nlohmann::json::parse(std::ifstream(golden / "events.json"))) {
    const auto time = event.at("wall_time").get<double>();
    const auto step = event.value("step", std::uint64_t{0});
    if (event.contains("file_version")) {
      bytes += zofo::llm::event_record(zofo::llm::version_event(time));
    } else if (event.contains("start")) {
      bytes += zofo::llm::event_record(zofo::llm::start_event(time, step));
    } else {
      std::vector<Scalar> scalars;
      for (const nlohmann::json& pair : event.at("scalars")) scalars.push_back({pair[0], pair[1]});
      bytes += zofo::llm::event_record(zofo::llm::scalars_event(time, step, scalars));
    }
  }
  CHECK(bytes == zofo::parse::read_file(golden / "events.out.tfevents.golden"));
}

TEST_CASE("a run writes one event file, and none without numbers", "[run]") {
  const EventFolder folder;
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EventFiles off(folder.path, false);
  off.write(1, std::vector<Scalar>{{"a", 1.0}});
  EventFiles events(folder.path, true);
  events.write(1, std::vector<Scalar>{{"a", nan}});
  CHECK(folder.files().empty());
  CHECK(events.position().is_null());
  events.write(1, std::vector<Scalar>{{"a", 1.0}, {"b", nan}});
  events.write(2, std::vector<Scalar>{{"a", 0.5}});
  REQUIRE(folder.files().size() == 1);
  const fs::path file = folder.files().front();
  const std::vector<std::string> messages = messages_of(file);
  REQUIRE(messages.size() == 3);
  CHECK(messages[0].ends_with("brain.Event:2"));
  CHECK(messages[1].find('b') == std::string::npos);
  CHECK(events.position() == nlohmann::json{file.filename().string(), fs::file_size(file)});
}

TEST_CASE("a continued run cuts its event files and goes on in a new one", "[run]") {
  const EventFolder folder;
  const std::vector<Scalar> one{{"a", 1.0}};
  nlohmann::json saved;
  {
    EventFiles events(folder.path, true);
    events.write(1, one);
    events.write(2, one);
    saved = events.position();
    events.write(3, one);
  }
  const fs::path first = folder.files().front();
  std::ofstream(first, std::ios::app | std::ios::binary) << "torn";  // as a lost machine may leave it
  {
    EventFiles killed(folder.path, true);  // continued, and killed before it saved a state
    killed.continue_after(saved, 2);
    killed.write(3, one);
    CHECK(folder.files().size() == 2);
  }
  EventFiles events(folder.path, true);
  events.continue_after(saved, 2);
  CHECK(events.position() == saved);
  REQUIRE(folder.files() == std::vector<fs::path>{first});
  CHECK(messages_of(first).size() == 3);
  events.write(3, one);
  REQUIRE(folder.files().size() == 2);
  CHECK(folder.files().front() == first);  // readers take files in the order of their names
  const std::vector<std::string> messages = messages_of(folder.files().back());
  REQUIRE(messages.size() == 3);
  // step = 3, session_log {status: START}: readers forget steps from 3 on.
  CHECK(messages[1].substr(9) == std::string("\x10\x03\x3a\x02\x08\x01"));
  events.continue_after(nullptr, 0);  // the state of a run that had written nothing
  CHECK(folder.files().empty());
}

TEST_CASE("a saved position that is none is refused", "[run]") {
  const EventFolder folder;
  const fs::path other = folder.path / "state.bin";
  std::ofstream(other) << "kept";
  EventFiles events(folder.path, true);
  for (const nlohmann::json& position :
       {nlohmann::json(3), nlohmann::json{"state.bin", 0},
        nlohmann::json{"events.out.tfevents./../state.bin", 0}, nlohmann::json{"events.out.tfevents.1", -1},
        nlohmann::json{"events.out.tfevents.1"}})
    CHECK_THROWS_WITH(events.continue_after(position, 0), contains("saved state: log: events"));
  CHECK(zofo::parse::read_file(other) == "kept");
}

TEST_CASE("lines of metrics.jsonl as scalars and as rows of a table", "[run]") {
  const std::vector<std::string> tasks{"a", "b, \"c\""};
  const nlohmann::json step = {
      {"event", "step"}, {"step", 4}, {"upper", 0.5}, {"rho", nullptr}, {"tasks", {0, 1}}};
  CHECK(zofo::llm::steps_of(step) == 5);
  const std::vector<Scalar> scalars = zofo::llm::scalars_of(step, tasks);
  REQUIRE(scalars.size() == 1);
  CHECK(scalars[0].tag == "train/upper");
  CHECK(scalars[0].value == 0.5);
  const nlohmann::json after = {{"event", "after"}, {"step", 5}, {"loss", 0.25}, {"losses", {0.5, nullptr}}};
  CHECK(zofo::llm::steps_of(after) == 5);
  const std::vector<Scalar> scores = zofo::llm::scalars_of(after, tasks);
  REQUIRE(scores.size() == 2);
  CHECK(scores[0].tag == "result/loss");
  CHECK(scores[1].tag == "result/loss/a");

  const zofo::llm::MetricsTable table(true, tasks);
  CHECK(table.header().ends_with(
      ",tasks,loss/a,balanced_accuracy/a,\"loss/b, \"\"c\"\"\",\"balanced_accuracy/b, "
      "\"\"c\"\"\""));
  CHECK(table.row(step).ends_with(",0 1,,,,"));
  CHECK(table.row(after).starts_with("after,5,"));
  CHECK(table.row(after).ends_with(",0.5,,,"));
  CHECK(table.text(after.dump() + "\n" + step.dump() + "\n") ==
        table.header() + "\n" + table.row(after) + "\n" + table.row(step) + "\n");
}

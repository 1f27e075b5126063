#include "zofo/compare/processes.hpp"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "catch.hpp"
#include "contains.hpp"
#include "zofo/core/error.hpp"

using namespace zofo::compare;

namespace {

Command shell(const std::string& line) { return {"/bin/sh", {"-c", line}}; }

// The endings of commands, of which `at_once` run concurrently.
std::map<std::size_t, Ending> endings(const std::vector<Command>& commands, std::size_t at_once) {
  std::map<std::size_t, Ending> out;
  Batch batch;
  batch.count = commands.size();
  batch.at_once = at_once;
  batch.command = [&](std::size_t number, std::size_t) { return commands[number]; };
  batch.ended = [&](std::size_t number, const Ending& ending) { out[number] = ending; };
  Processes(batch).run();
  return out;
}

struct TemporaryFolder {
  std::filesystem::path path = [] {
    std::string name = (std::filesystem::temp_directory_path() / "zofo-compare-XXXXXX").string();
    return std::filesystem::path(mkdtemp(name.data()));
  }();
  ~TemporaryFolder() { std::filesystem::remove_all(path); }
};

std::string contents(const std::filesystem::path& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

TEST_CASE("processes that fail, are killed or do not exist have different endings", "[compare]") {
  auto ended = endings({shell("exit 0"), shell("exit 3"), shell("kill -9 $$"), {"/no/such/program", {}}}, 2);
  REQUIRE(ended.size() == 4);
  CHECK(ended[0].good());
  CHECK(ended[1].code == 3);
  CHECK(ended[1].text() == "exit code 3");
  CHECK(ended[2].signal == 9);
  CHECK(ended[2].text() == "killed by signal 9 (Killed)");
  CHECK_FALSE(ended[2].good());
  CHECK(ended[3].code == 127);
}

TEST_CASE("no more commands run at once than requested, each in its own slot", "[compare]") {
  for (const std::size_t at_once : {std::size_t{1}, std::size_t{3}}) {
    std::set<std::size_t> busy;
    std::map<std::size_t, std::size_t> slot_of;
    std::size_t most = 0, all = 0;
    Batch batch;
    batch.count = 7;
    batch.at_once = at_once;
    batch.command = [&](std::size_t number, std::size_t slot) {
      CHECK(slot < at_once);
      CHECK(busy.insert(slot).second);
      slot_of[number] = slot;
      most = std::max(most, busy.size());
      return shell("sleep 0.05");
    };
    batch.ended = [&](std::size_t number, const Ending& ending) {
      CHECK(ending.good());
      CHECK(busy.erase(slot_of[number]) == 1);
      ++all;
    };
    Processes(batch).run();
    CHECK(all == 7);
    CHECK(most == at_once);
  }
  CHECK_THROWS_WITH(endings({}, 0), contains("jobs = 0"));
  CHECK(endings({}, 2).empty());
}

TEST_CASE("output is written to files, variables replace existing ones", "[compare]") {
  const TemporaryFolder folder;
  setenv("ZOFO_TEST_KEPT", "kept", 1);
  setenv("ZOFO_TEST_CHANGED", "before", 1);
  Command command = shell("echo $ZOFO_TEST_KEPT $ZOFO_TEST_CHANGED; echo error >&2; cat");
  command.environment = {{"ZOFO_TEST_CHANGED", "now = 1"}};
  command.out = folder.path / "out";
  command.err = folder.path / "err";
  CHECK(run_one(command).good());  // and its standard input is empty
  CHECK(contents(command.out) == "kept now = 1\n");
  CHECK(contents(command.err) == "error\n");
  command.out = folder.path / "absent" / "out";
  CHECK(run_one(command).code == 127);
}

TEST_CASE("a stop interrupts running commands and starts no others", "[compare]") {
  std::size_t started = 0;
  std::vector<Ending> ended;
  bool stop = false;
  Batch batch;
  batch.count = 5;
  batch.at_once = 2;
  batch.command = [&](std::size_t number, std::size_t) {
    stop = ++started == 2;
    return number == 0 ? shell("trap 'exit 130' INT; while :; do sleep 0.02; done")
                       : Command{"/bin/sleep", {"60"}};
  };
  batch.ended = [&](std::size_t, const Ending& ending) { ended.push_back(ending); };
  batch.stop = [&] { return stop; };
  Processes(batch).run();
  CHECK(started == 2);
  REQUIRE(ended.size() == 2);
  const auto ended_by = [&](auto is) { return std::count_if(ended.begin(), ended.end(), is); };
  CHECK(ended_by([](const Ending& e) { return e.signal == SIGINT; }) >= 1);  // sleep, which has no handler
  CHECK(ended_by([](const Ending& e) { return e.good(); }) == 0);
}

TEST_CASE("after an exception no process is left", "[compare]") {
  const TemporaryFolder folder;
  Batch batch;
  batch.count = 2;
  batch.at_once = 2;
  batch.command = [&](std::size_t number, std::size_t) {
    if (number == 1) zofo::fail("no second");
    return shell("echo $$ > '" + (folder.path / "pid").string() + "'; exec sleep 60");
  };
  batch.ended = [](std::size_t, const Ending&) {};
  CHECK_THROWS_WITH(Processes(batch).run(), "no second");
  const std::string pid = contents(folder.path / "pid");  // empty if it was killed before it started
  if (!pid.empty()) CHECK_FALSE(std::filesystem::exists("/proc/" + pid.substr(0, pid.find('\n'))));
}

/// @file The queue of requests.
#include "zofo/serve/queue.hpp"

#include <memory>
#include <string>
#include <thread>

#include "catch.hpp"

using namespace zofo::serve;

namespace {

std::shared_ptr<Job> job(const std::string& id, std::size_t answers = 1) {
  auto made = std::make_shared<Job>();
  made->id = id;
  made->choices.resize(answers);
  return made;
}

/// "ID INDEX" of the next answer; "" if there is none.
std::string taken(Queue& queue) {
  const std::optional<Place> place = queue.take();
  return place ? place->job->id + " " + std::to_string(place->choice) : "";
}

}  // namespace

TEST_CASE("answers leave the queue in the order of their requests", "[serve]") {
  Queue queue(3);
  CHECK(queue.push(job("a", 2)) == Queue::Pushed::waits);
  CHECK(queue.push(job("b")) == Queue::Pushed::waits);
  CHECK(queue.push(job("c", 2)) == Queue::Pushed::waits);
  CHECK(queue.push(job("d")) == Queue::Pushed::full);
  CHECK(queue.size() == 3);
  CHECK(queue.wait());
  CHECK(taken(queue) == "a 0");
  CHECK(queue.push(job("d")) == Queue::Pushed::full);  // a still has an answer that waits
  CHECK(taken(queue) == "a 1");
  CHECK(queue.push(job("d")) == Queue::Pushed::waits);
  CHECK(taken(queue) == "b 0");
  CHECK(taken(queue) == "c 0");
  CHECK(taken(queue) == "c 1");
  CHECK(taken(queue) == "d 0");
  CHECK(taken(queue).empty());
}

TEST_CASE("an answer that is not accepted stays", "[serve]") {
  Queue queue(3);
  queue.push(job("a"));
  CHECK_FALSE(queue.take([](const Place& place) { return place.job->id == "b"; }));
  CHECK(queue.take([](const Place& place) { return place.job->id == "a"; }));
}

TEST_CASE("requests that have been given up are dropped", "[serve]") {
  Queue queue(3);
  const auto gone = job("a", 2), failed = job("b");
  queue.push(gone);
  queue.push(failed);
  queue.push(job("c"));
  CHECK(taken(queue) == "a 0");
  gone->cancel();
  failed->fail("why");
  CHECK(taken(queue) == "c 0");
}

TEST_CASE("closing ends the wait and fails what waits", "[serve]") {
  Queue queue(3);
  bool open = true;
  std::thread waiting([&] { open = queue.wait(); });
  queue.close("over");
  waiting.join();
  CHECK_FALSE(open);
  CHECK(queue.closed());
  CHECK(queue.push(job("a")) == Queue::Pushed::closed);

  Queue other(3);
  const auto waits = job("a");
  other.push(waits);
  other.close("over");
  waits->wait();
  CHECK(waits->failure == "over");
  CHECK(taken(other).empty());
}

TEST_CASE("a job is settled when all its answers are done", "[serve]") {
  const auto made = job("a", 2);
  made->choices[0].done = true;
  CHECK_FALSE(made->is_settled());
  made->choices[1].done = true;
  CHECK(made->is_settled());
  made->fail("late");  // changes nothing
  CHECK(made->failure.empty());
}

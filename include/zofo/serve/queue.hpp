/// @file The requests that wait for the model.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>

#include "zofo/serve/job.hpp"

namespace zofo::serve {

/// An answer that has to be generated.
struct Place {
  std::shared_ptr<Job> job;  ///< not null
  std::size_t choice = 0;    ///< index of the answer

  /// The answer.
  [[nodiscard]] Choice& answer() const { return job->choices[choice]; }
};

/// A bounded queue, first in, first out, for many threads.
class Queue {
 public:
  /// What became of a job.
  enum class Pushed : std::uint8_t { waits, full, closed };

  /// A queue of at most `most` jobs.
  explicit Queue(std::size_t most) : most_(most) {}

  /// Adds a job with at least one answer.
  Pushed push(std::shared_ptr<Job> job);
  /// Removes the next answer, if there is one and accept(place), where given, holds of it. Jobs that have
  /// been settled are dropped.
  std::optional<Place> take(const std::function<bool(const Place&)>& accept = {});
  /// Waits for a job. False when the queue is closed.
  bool wait();
  /// Ends wait(): jobs are no longer accepted, and those that wait fail with `why`.
  void close(const std::string& why);
  /// Whether it has been closed.
  [[nodiscard]] bool closed() const;
  /// Number of jobs that wait.
  [[nodiscard]] std::size_t size() const;

 private:
  mutable std::mutex mutex_;
  std::condition_variable news_;
  std::deque<std::shared_ptr<Job>> jobs_;
  std::size_t most_, next_ = 0;  // next_: the next answer of the first job
  bool closed_ = false;
};

}  // namespace zofo::serve

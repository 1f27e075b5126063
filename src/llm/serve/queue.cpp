#include "zofo/serve/queue.hpp"

#include <utility>

namespace zofo::serve {

Queue::Pushed Queue::push(std::shared_ptr<Job> job) {
  const std::lock_guard lock(mutex_);
  if (closed_) return Pushed::closed;
  if (jobs_.size() >= most_) return Pushed::full;
  jobs_.push_back(std::move(job));
  news_.notify_one();
  return Pushed::waits;
}

std::optional<Place> Queue::take(const std::function<bool(const Place&)>& accept) {
  const std::lock_guard lock(mutex_);
  while (!jobs_.empty() && jobs_.front()->is_settled()) {
    jobs_.pop_front();
    next_ = 0;
  }
  if (jobs_.empty()) return {};
  Place place{jobs_.front(), next_};
  if (accept && !accept(place)) return {};
  if (++next_ == place.job->choices.size()) {
    jobs_.pop_front();
    next_ = 0;
  }
  return place;
}

bool Queue::wait() {
  std::unique_lock lock(mutex_);
  news_.wait(lock, [this] { return closed_ || !jobs_.empty(); });
  return !closed_;
}

void Queue::close(const std::string& why) {
  std::deque<std::shared_ptr<Job>> jobs;
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    jobs.swap(jobs_);
    news_.notify_all();
  }
  for (const std::shared_ptr<Job>& each : jobs) each->fail(why);
}

bool Queue::closed() const {
  const std::lock_guard lock(mutex_);
  return closed_;
}

std::size_t Queue::size() const {
  const std::lock_guard lock(mutex_);
  return jobs_.size();
}

}  // namespace zofo::serve

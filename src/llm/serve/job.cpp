#include "zofo/serve/job.hpp"

#include <algorithm>

namespace zofo::serve {

bool Job::settled() const {
  return !failure.empty() || cancelled || std::ranges::all_of(choices, &Choice::done);
}

void Job::wait() const {
  std::unique_lock lock(mutex);
  news.wait(lock, [this] { return settled(); });
}

void Job::fail(const std::string& why) {
  const std::lock_guard lock(mutex);
  if (settled()) return;
  failure = why;
  news.notify_all();
}

void Job::cancel() {
  const std::lock_guard lock(mutex);
  cancelled = true;
  news.notify_all();
}

}  // namespace zofo::serve

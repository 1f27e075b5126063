// Threads for the connections of a server, started when they are needed.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace zofo::cli {

// At most `most` threads; further tasks wait for one.
class HttpThreads {
 public:
  explicit HttpThreads(std::size_t most) : most_(most) {}

  void add(std::function<void()> task) {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
    if (idle_ < tasks_.size() && threads_.size() < most_) threads_.emplace_back([this] { work(); });
    news_.notify_one();
  }
  // Returns when all tasks are done.
  void finish() {
    {
      const std::lock_guard lock(mutex_);
      finished_ = true;
      news_.notify_all();
    }
    for (std::thread& each : threads_) each.join();
    threads_.clear();
  }

 private:
  void work() {
    std::unique_lock lock(mutex_);
    while (true) {
      ++idle_;
      news_.wait(lock, [this] { return finished_ || !tasks_.empty(); });
      --idle_;
      if (tasks_.empty()) return;
      const std::function<void()> task = std::move(tasks_.front());
      tasks_.pop_front();
      lock.unlock();
      task();
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable news_;
  std::deque<std::function<void()>> tasks_;
  std::vector<std::thread> threads_;
  std::size_t most_, idle_ = 0;
  bool finished_ = false;
};

}  // namespace zofo::cli

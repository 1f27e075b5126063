/// @file What a server answers, without the protocol that carries it.
#pragma once

#include <atomic>
#include <cstdint>
#include <ctime>
#include <memory>
#include <string>
#include <string_view>

#include "zofo/serve/job.hpp"
#include "zofo/serve/limits.hpp"
#include "zofo/serve/queue.hpp"
#include "zofo/serve/request.hpp"
#include "zofo/serve/served_model.hpp"

namespace zofo::serve {

/// Makes jobs of requests and puts them into the queue. For many threads.
class Service {
 public:
  /// Borrows the queue.
  Service(ServedModel model, Queue& queue, const Limits& limits);

  /// A job for a request, which waits for the model. Throws ApiError for a request that cannot be answered,
  /// of status 503 where too many wait.
  std::shared_ptr<Job> submit(Endpoint endpoint, std::string_view body);

  ///@{
  /// The models that requests may name, and one of them, as JSON. The second throws ApiError of status 404.
  [[nodiscard]] std::string models() const;
  [[nodiscard]] std::string model(const std::string& name) const;
  ///@}
  /// The state of the server as JSON.
  [[nodiscard]] std::string health() const;

  ///@{
  /// What the constructor was given.
  [[nodiscard]] const llm::Model& served() const { return *model_.model; }
  [[nodiscard]] const Limits& limits() const { return limits_; }
  ///@}

 private:
  // Encodes the prompts.
  void add_choices(Job& job, const ServedName& name) const;

  ServedModel model_;
  Queue& queue_;
  Limits limits_;
  std::time_t started_;
  std::uint64_t first_;  // of the seeds and names of this process
  std::atomic<std::uint64_t> count_{0};
};

}  // namespace zofo::serve

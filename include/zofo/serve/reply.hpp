/// @file Answers in the form of OpenAI's API.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "zofo/lm/language_model.hpp"
#include "zofo/serve/job.hpp"

namespace zofo::serve {

/// The answer to a settled job as JSON. Throws ApiError of status 500 with the reason for a job that has
/// failed, of 503 for one that was given up when the server stopped.
std::string reply(const Job& job, const llm::Model& model);

/// The answers to a job as server-sent events while they are generated. For one thread.
class ReplyStream {
 public:
  /// Borrows the job and the model.
  ReplyStream(const Job& job, const llm::Model& model);

  /// Waits for news and returns the next events, each `data: JSON` and an empty line; the last is
  /// `data: [DONE]`. Empty when there are none after that.
  std::string next();

 private:
  // What has been sent of an answer.
  struct Sent {
    std::size_t text = 0;      // bytes
    std::size_t logprobs = 0;  // generated tokens with log-probabilities
    std::size_t offset = 0;    // characters, for the offsets of tokens
    bool begun = false, ended = false;
  };

  void add_news(std::size_t i, std::string& events);

  const Job& job_;
  const llm::Model& model_;
  std::vector<Sent> sent_;
  bool ended_ = false;
};

}  // namespace zofo::serve

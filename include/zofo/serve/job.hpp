/// @file A request that a model works on, and the answers so far.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <ctime>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "zofo/lm/generation_state.hpp"
#include "zofo/lm/sampler.hpp"
#include "zofo/lm/token_logprob.hpp"
#include "zofo/serve/request.hpp"

namespace zofo::serve {

/// One of the answers to a request.
struct Choice {
  llm::SampleKey key;          ///< of its random numbers
  std::size_t hidden = 0;      ///< tokens at the front that are no part of the prompt's text
  llm::Generation generation;  ///< the prompt's tokens and the text so far
  std::vector<llm::TokenLogprob> prompt_logprobs;  ///< of each token of the prompt, where they are asked for
  std::vector<llm::TokenLogprob> logprobs;  ///< of each generated token, the one that ended the text included
  bool done = false;                        ///< no token will be added
};

/// A request with its answers. One thread, the model's, changes the answers; others read them. Members after
/// `mutex` are guarded by it.
class Job {
 public:
  Request request;                       ///< what is asked for
  llm::EndOfText end;                    ///< of each answer
  std::string id;                        ///< of the answer
  std::string model;                     ///< name of the backbone or the adapter
  std::time_t created = 0;               ///< seconds since 1970
  int adapter = -1;                      ///< index; −1: none
  std::size_t prompt_tokens = 0;         ///< of all prompts, each counted once
  mutable std::mutex mutex;              ///< of what follows
  mutable std::condition_variable news;  ///< of a change of what follows
  std::vector<Choice> choices;           ///< those of a prompt one after the other; their number is constant
  std::string failure;                   ///< why the answers will not be completed; empty: they will
  bool cancelled = false;                ///< nobody waits for the answers any more

  /// Whether the alternatives of the prompt's tokens are asked for.
  [[nodiscard]] bool reads_prompt() const { return request.echo && request.logprobs.has_value(); }
  ///@{
  /// Whether no answer will change. The first needs a lock of the mutex.
  [[nodiscard]] bool settled() const;
  [[nodiscard]] bool is_settled() const {
    const std::lock_guard lock(mutex);
    return settled();
  }
  ///@}
  /// Waits until the job is settled.
  void wait() const;
  /// Ends the job with a reason, unless it has ended.
  void fail(const std::string& why);
  /// Ends the job: the model stops working on it.
  void cancel();
};

}  // namespace zofo::serve

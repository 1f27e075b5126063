/// @file Requests of OpenAI's API for texts, read from untrusted JSON.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "zofo/chat/render_chat.hpp"
#include "zofo/lm/generation_state.hpp"
#include "zofo/lm/sampling_options.hpp"
#include "zofo/lm/tokens.hpp"
#include "zofo/serve/limits.hpp"

namespace zofo::serve {

/// The two kinds of requests.
enum class Endpoint : std::uint8_t { completions, chat };

/// What an answer continues.
using Prompt = std::variant<std::string, llm::Tokens, chat::Conversation>;

/// A request.
struct Request {
  Endpoint endpoint = Endpoint::completions;  ///< which it was sent to
  std::string model = {};                     ///< name of the backbone or an adapter; "": the backbone
  std::vector<Prompt> prompts = {};           ///< at least one; of a chat one
  std::size_t n = 1;                          ///< answers of each
  std::size_t max_tokens = 16;                ///< of an answer; 0: only the prompt is read
  std::vector<std::string> stop = {};         ///< an answer ends before the first of them
  llm::SamplingOptions sampling = {};         ///< how tokens are chosen, without the seed
  std::optional<std::uint64_t> seed = {};     ///< of the random numbers; none: another one each time
  std::optional<std::size_t> logprobs = {};   ///< alternatives to report at each token; none: no report
  bool echo = false;                          ///< the answer begins with the prompt
  bool stream = false;                        ///< the answer is sent in parts
  bool include_usage = false;                 ///< a stream ends with the counts of tokens

  /// When an answer ends; at least one token.
  [[nodiscard]] llm::EndOfText end() const;
};

/// Reads a request. Options of the API that are not supported are accepted with the value that changes
/// nothing; fields that cannot change an answer are ignored. Throws ApiError of status 400 that names the
/// field for everything else.
Request parse_request(Endpoint endpoint, std::string_view body, const Limits& limits);

}  // namespace zofo::serve

/// @file Requests to a server: one that is accepted is within its limits, with options that can be used; a
/// refusal is an ApiError of status 400 whose body is JSON. The first byte selects the endpoint.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <variant>

#include "fuzz.hpp"
#include "zofo/parse/json.hpp"
#include "zofo/serve/api_error.hpp"
#include "zofo/serve/request.hpp"
#include "zofo/tokenize/utf8.hpp"

using namespace zofo::serve;
using zofo::fuzz::accepts, zofo::fuzz::demand;

namespace {

void check_prompt(const Prompt& prompt) {
  if (const auto* text = std::get_if<std::string>(&prompt))
    demand(!zofo::tokenize::utf8::first_invalid(*text), "a prompt is UTF-8");
  if (const auto* ids = std::get_if<zofo::llm::Tokens>(&prompt))
    demand(!ids->empty() && std::ranges::min(*ids) >= 0, "ids are not negative");
  if (const auto* chat = std::get_if<zofo::chat::Conversation>(&prompt))
    demand(chat->messages.sequence() != nullptr && !chat->messages.sequence()->items.empty(),
           "a chat has messages");
}

void check_request(const Request& request, const Limits& limits) {
  demand(!request.prompts.empty() && request.n >= 1, "a request has an answer");
  demand(request.prompts.size() * request.n <= limits.max_choices, "answers are bounded");
  demand(request.max_tokens <= limits.max_tokens, "tokens are bounded");
  demand(!request.logprobs || *request.logprobs <= most_logprobs, "alternatives are bounded");
  demand(request.endpoint == Endpoint::completions || request.prompts.size() == 1, "a chat is one prompt");
  demand(accepts([&] { request.end().check(); }), "the end of an answer can be used");
  demand(accepts([&] { request.sampling.check(); }), "the sampling can be used");
  for (const Prompt& each : request.prompts) check_prompt(each);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = zofo::fuzz::as_text(data, size);
  if (text.empty()) return 0;
  const Endpoint endpoint = text[0] == 'c' ? Endpoint::chat : Endpoint::completions;
  const Limits limits;
  try {
    check_request(parse_request(endpoint, text.substr(1), limits), limits);
  } catch (const ApiError& error) {
    demand(error.status() == 400, "a refusal has status 400");
    demand(accepts([&] { zofo::parse::parse_json(error.body()); }), "a refusal is JSON");
  }
  return 0;
}

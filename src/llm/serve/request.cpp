#include "zofo/serve/request.hpp"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "llm/serve/fields.hpp"
#include "llm/serve/messages.hpp"
#include "zofo/core/error.hpp"
#include "zofo/serve/api_error.hpp"

namespace zofo::serve {
namespace {

using Ordered = nlohmann::ordered_json;

bool all_integers(const Ordered& list) {
  return std::ranges::all_of(list, [](const Ordered& each) { return each.is_number_integer(); });
}

// Ids as they are; the model's vocabulary bounds them later.
llm::Tokens ids_of(const Ordered& list, const std::string& place) {
  llm::Tokens ids;
  if (list.empty()) refuse("prompt", "{}: has zero tokens: must have at least 1", place);
  if (!all_integers(list)) refuse("prompt", "{}: must hold integers only", place);
  for (const Ordered& each : list) {
    const bool fits = each.is_number_unsigned() &&
                      each.get<std::uint64_t>() <= std::uint64_t{std::numeric_limits<std::int32_t>::max()};
    if (!fits) refuse("prompt", "{}: token {}: must be a token of the model", place, shown_value(each));
    ids.push_back(each.get<std::int32_t>());
  }
  return ids;
}

// A text, a list of ids, a list of texts or a list of lists of ids.
std::vector<Prompt> read_prompts(Fields& fields, std::size_t most) {
  const Ordered* value = fields.find("prompt");
  if (value == nullptr) refuse("prompt", "prompt: must be given");
  std::vector<Prompt> prompts;
  if (value->is_string()) {
    prompts.emplace_back(value->get<std::string>());
    return prompts;
  }
  if (!value->is_array() || value->empty())
    refuse("prompt",
           "prompt = {}: must be a text, a list of texts, a list of token ids or a list of such lists",
           shown_value(*value));
  if (value->front().is_number()) {
    prompts.emplace_back(ids_of(*value, "prompt"));
    return prompts;
  }
  if (value->size() > most)
    refuse("prompt", "prompt: {} prompts: a request may have {}", value->size(), most);
  for (const Ordered& each : *value) {
    const std::string place = fmt::format("prompt[{}]", prompts.size());
    if (each.is_string())
      prompts.emplace_back(each.get<std::string>());
    else if (each.is_array())
      prompts.emplace_back(ids_of(each, place));
    else
      refuse("prompt", "{} = {}: must be a text or a list of token ids", place, shown_value(each));
  }
  return prompts;
}

std::vector<std::string> read_stops(Fields& fields) {
  const Ordered* value = fields.find("stop");
  if (value == nullptr) return {};
  std::vector<std::string> stops;
  const auto add = [&](const Ordered& each) {
    if (!each.is_string() || each.get_ref<const std::string&>().empty())
      refuse("stop", "stop = {}: must be a text, or a list of texts, none of them empty",
             shown_value(*value));
    stops.push_back(each.get<std::string>());
  };
  if (!value->is_array()) {
    add(*value);
    return stops;
  }
  if (value->size() > most_stops)
    refuse("stop", "stop: {} texts: must be at most {}", value->size(), most_stops);
  for (const Ordered& each : *value) add(each);
  return stops;
}

llm::SamplingOptions read_sampling(Fields& fields) {
  llm::SamplingOptions options;
  constexpr std::size_t most_tokens = std::numeric_limits<std::int32_t>::max();
  options.temperature = fields.number("temperature", 1.0, 0.0, 1e6);
  options.top_p = fields.number("top_p", 1.0, 0.0, 1.0);
  options.top_k = fields.count("top_k", 0, 0, most_tokens);
  options.min_p = fields.number("min_p", 0.0, 0.0, 1.0);
  options.repetition_penalty = fields.number("repetition_penalty", 1.0, 1e-6, 1e6);
  if (options.temperature == 0.0) {  // of any of the filtered tokens the most probable one is taken
    options.top_p = 1.0;
    options.top_k = 0;
    options.min_p = 0.0;
  }
  try {
    options.check();
  } catch (const Error& error) {
    throw ApiError(400, "temperature", "", error.what());
  }
  return options;
}

std::optional<std::uint64_t> read_seed(Fields& fields) {
  const Ordered* value = fields.find("seed");
  if (value == nullptr) return {};
  if (!value->is_number_integer()) refuse("seed", "seed = {}: must be an integer", shown_value(*value));
  if (value->is_number_unsigned()) return value->get<std::uint64_t>();
  return static_cast<std::uint64_t>(value->get<std::int64_t>());
}

bool read_include_usage(Fields& fields, bool stream) {
  const Ordered* value = fields.find("stream_options");
  if (value == nullptr) return false;
  if (!stream) refuse("stream_options", "stream_options: is for stream = true only");
  bool include = false;
  if (!value->is_object())
    refuse("stream_options", "stream_options = {}: must be an object", shown_value(*value));
  for (const auto& [name, option] : value->items()) {
    const bool known = name == "include_usage" || name == "include_obfuscation";
    if (!known || !option.is_boolean())
      refuse("stream_options", "stream_options: {} = {}: only include_usage is known, true or false",
             shown_value(name), shown_value(option));
    if (name == "include_usage") include = option.get<bool>();
  }
  return include;
}

void read_completion(Fields& fields, const Limits& limits, Request& request) {
  request.prompts = read_prompts(fields, limits.max_choices);
  request.max_tokens =
      fields.count("max_tokens", std::min<std::size_t>(16, limits.max_tokens), 0, limits.max_tokens);
  if (fields.find("logprobs") != nullptr) request.logprobs = fields.count("logprobs", 0, 0, most_logprobs);
  request.echo = fields.boolean("echo", false);
  fields.not_supported("suffix", {""});
  fields.not_supported("best_of", {request.n});
}

void read_chat(Fields& fields, const Limits& limits, Request& request) {
  request.prompts.emplace_back(read_messages(fields));
  const std::size_t old_name = fields.count("max_tokens", limits.max_tokens, 1, limits.max_tokens);
  request.max_tokens = fields.count("max_completion_tokens", old_name, 1, limits.max_tokens);
  const bool report = fields.boolean("logprobs", false);
  const bool has_top = fields.find("top_logprobs") != nullptr;
  const std::size_t top = fields.count("top_logprobs", 0, 0, most_logprobs);
  if (has_top && !report) refuse("top_logprobs", "top_logprobs = {}: is for logprobs = true only", top);
  if (report) request.logprobs = top;
  const Ordered none = Ordered::array();
  fields.not_supported("tools", {none});
  fields.not_supported("functions", {none});
  fields.not_supported("tool_choice", {"none", "auto"});
  fields.not_supported("function_call", {"none", "auto"});
  fields.not_supported("response_format", {Ordered{{"type", "text"}}});
  fields.not_supported("modalities", {Ordered::array({"text"})});
  for (const char* name : {"audio", "prediction", "reasoning_effort", "verbosity", "web_search_options"})
    fields.not_supported(name, {});
  fields.ignore({"parallel_tool_calls"});
}

}  // namespace

llm::EndOfText Request::end() const { return {stop, std::max<std::size_t>(max_tokens, 1)}; }

Request parse_request(Endpoint endpoint, std::string_view body, const Limits& limits) {
  Fields fields(body);
  Request request;
  request.endpoint = endpoint;
  request.model = fields.text("model");
  request.n = fields.count("n", 1, 1, most_samples);
  request.stop = read_stops(fields);
  request.sampling = read_sampling(fields);
  request.seed = read_seed(fields);
  request.stream = fields.boolean("stream", false);
  request.include_usage = read_include_usage(fields, request.stream);
  if (endpoint == Endpoint::chat)
    read_chat(fields, limits, request);
  else
    read_completion(fields, limits, request);
  fields.not_supported("frequency_penalty", {0, 0.0});
  fields.not_supported("presence_penalty", {0, 0.0});
  fields.not_supported("logit_bias", {Ordered::object()});
  fields.not_supported("store", {false});
  fields.ignore({"user", "metadata", "service_tier", "safety_identifier", "prompt_cache_key"});
  fields.refuse_unknown();
  if (request.prompts.size() * request.n > limits.max_choices)
    refuse("n", "n = {}: for {} prompts these are {} answers: a request may have {}", request.n,
           request.prompts.size(), request.prompts.size() * request.n, limits.max_choices);
  return request;
}

}  // namespace zofo::serve

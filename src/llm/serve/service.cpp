#include "zofo/serve/service.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <random>
#include <utility>

#include "zofo/lm/prompt_tokens.hpp"
#include "zofo/parse/json.hpp"
#include "zofo/serve/api_error.hpp"

namespace zofo::serve {
namespace {

nlohmann::json model_fields(const ServedName& name, std::time_t started) {
  return {{"id", name.name}, {"object", "model"}, {"created", started}, {"owned_by", "zofo"}};
}

// The ids of a prompt of a request.
llm::Tokens encoded(const llm::Model& model, const Prompt& prompt, std::size_t reserved,
                    const std::string& place, std::size_t most) {
  if (const auto* text = std::get_if<std::string>(&prompt))
    return llm::checked_prompt(model, reserved, *text, place, most);
  if (const auto* ids = std::get_if<llm::Tokens>(&prompt))
    return llm::checked_tokens(model, reserved, *ids, place, most);
  return llm::checked_chat(model, reserved, std::get<chat::Conversation>(prompt), place, most);
}

// Throws ApiError if the answers of a request would take too much memory.
void check_memory(const Job& job, std::size_t prompt_tokens) {
  const Request& request = job.request;
  const std::size_t answers = request.n * request.prompts.size();
  const std::size_t each = 1 + request.logprobs.value_or(0);
  const std::size_t tokens = (request.n * prompt_tokens + answers * request.max_tokens) * each;
  if (tokens > most_request_tokens)
    throw ApiError(400, "", "",
                   fmt::format("request: {} tokens of prompts, answers and alternatives: must be at most {}: "
                               "lower n, max_tokens or logprobs, or send fewer prompts",
                               tokens, most_request_tokens));
}

}  // namespace

Service::Service(ServedModel model, Queue& queue, const Limits& limits)
    : model_(std::move(model)), queue_(queue), limits_(limits), started_(std::time(nullptr)) {
  limits_.check();
  std::random_device random;
  first_ = (std::uint64_t{random()} << 32U) ^ random();
}

void Service::add_choices(Job& job, const ServedName& name) const {
  const llm::Model& model = *model_.model;
  const bool chat = job.request.endpoint == Endpoint::chat;
  const std::vector<Prompt>& prompts = job.request.prompts;
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    const std::string field = chat ? "messages" : "prompt";
    const std::string place = prompts.size() > 1 ? fmt::format("prompt[{}]", i) : field;
    llm::Tokens ids;
    try {
      ids = encoded(model, prompts[i], name.reserved, place, limits_.max_prompt_tokens);
    } catch (const Error& error) {
      throw ApiError(400, field, "", error.what());
    }
    job.prompt_tokens += ids.size();
    check_memory(job, job.prompt_tokens);
    // The token that begins every sequence is not written in a text.
    const bool text = std::holds_alternative<std::string>(prompts[i]);
    const bool begins =
        text && model.tokenizer.bos() && ids.size() > 1 && ids.front() == *model.tokenizer.bos();
    for (std::uint32_t sample = 0; sample < job.request.n; ++sample) {
      Choice choice;
      choice.key = {static_cast<std::uint32_t>(i), sample};
      choice.hidden = begins ? 1 : 0;
      choice.generation = {ids, ids.size(), name.reserved};
      choice.generation.sample = sample;
      job.choices.push_back(std::move(choice));
    }
  }
}

std::shared_ptr<Job> Service::submit(Endpoint endpoint, std::string_view body) {
  auto job = std::make_shared<Job>();
  job->request = parse_request(endpoint, body, limits_);
  const ServedName& name = model_.find(job->request.model);
  const std::uint64_t number = first_ + count_.fetch_add(1);
  job->request.sampling.seed = job->request.seed.value_or(number);
  job->end = job->request.end();
  job->id = fmt::format("{}-{:016x}", endpoint == Endpoint::chat ? "chatcmpl" : "cmpl", number);
  job->model = name.name;
  job->created = std::time(nullptr);
  job->adapter = name.adapter;
  add_choices(*job, name);
  switch (queue_.push(job)) {
    case Queue::Pushed::waits:
      return job;
    case Queue::Pushed::full:
      throw ApiError(
          503, "", "overloaded",
          fmt::format("{} requests wait already: try again later (--max-queue)", limits_.max_queue));
    default:
      throw ApiError(503, "", "stopping", "the server is stopping");
  }
}

std::string Service::models() const {
  nlohmann::json list = nlohmann::json::array();
  for (const ServedName& each : model_.names) list.push_back(model_fields(each, started_));
  return parse::json_text({{"object", "list"}, {"data", list}});
}

std::string Service::model(const std::string& name) const {
  return parse::json_text(model_fields(model_.find(name), started_));
}

std::string Service::health() const {
  return parse::json_text({{"status", "ok"}, {"waiting", queue_.size()}});
}

}  // namespace zofo::serve

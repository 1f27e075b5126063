#include "zofo/serve/reply.hpp"

#include <nlohmann/json.hpp>
#include <utility>

#include "llm/serve/token_text.hpp"
#include "zofo/parse/json.hpp"
#include "zofo/serve/api_error.hpp"
#include "zofo/train/generate_sequences.hpp"

namespace zofo::serve {
namespace {

using Json = nlohmann::json;

bool is_chat(const Job& job) { return job.request.endpoint == Endpoint::chat; }

const char* finish_reason(const llm::Generation& generation) {
  const bool stopped = generation.ending == llm::Ending::stop || generation.ending == llm::Ending::control;
  return stopped ? "stop" : "length";
}

Json usage_of(const Job& job) {
  std::size_t generated = 0;
  for (const Choice& each : job.choices) generated += each.generation.generated();
  return {{"prompt_tokens", job.prompt_tokens},
          {"completion_tokens", generated},
          {"total_tokens", job.prompt_tokens + generated}};
}

Json head_of(const Job& job, const char* object) {
  return {{"id", job.id}, {"object", object}, {"created", job.created}, {"model", job.model}};
}

// The status of the error that a job without answers gets.
ApiError error_of(const Job& job) {
  const bool stops = job.failure.empty();
  return {stops ? 503 : 500, "", stops ? "stopping" : "", stops ? "the server is stopping" : job.failure};
}

Json choice_of(const Job& job, const llm::Model& model, std::size_t i) {
  const Choice& choice = job.choices[i];
  const bool echo = job.request.echo;
  Json fields = {{"index", i}, {"finish_reason", finish_reason(choice.generation)}, {"logprobs", nullptr}};
  if (is_chat(job)) {
    fields["message"] = {{"role", "assistant"}, {"content", choice.generation.text}, {"refusal", nullptr}};
    if (job.request.logprobs) fields["logprobs"] = chat_logprobs(model, choice, 0);
    return fields;
  }
  fields["text"] = (echo ? prompt_text(model, choice) : "") + choice.generation.text;
  std::size_t offset = 0;
  if (job.request.logprobs) fields["logprobs"] = completion_logprobs(model, choice, 0, echo, offset);
  return fields;
}

std::string event(const Json& data) { return "data: " + parse::json_text(data) + "\n\n"; }

}  // namespace

std::string reply(const Job& job, const llm::Model& model) {
  const std::lock_guard lock(job.mutex);
  if (!job.failure.empty() || job.cancelled) throw error_of(job);
  Json object = head_of(job, is_chat(job) ? "chat.completion" : "text_completion");
  object["choices"] = Json::array();
  for (std::size_t i = 0; i < job.choices.size(); ++i) object["choices"].push_back(choice_of(job, model, i));
  object["usage"] = usage_of(job);
  return parse::json_text(object);
}

ReplyStream::ReplyStream(const Job& job, const llm::Model& model)
    : job_(job), model_(model), sent_(job.choices.size()) {}

void ReplyStream::add_news(std::size_t i, std::string& events) {
  const Choice& choice = job_.choices[i];
  Sent& sent = sent_[i];
  if (sent.ended) return;
  const bool chat = is_chat(job_);
  const auto add = [&](Json fields) {
    Json chunk = head_of(job_, chat ? "chat.completion.chunk" : "text_completion");
    fields["index"] = i;
    chunk["choices"] = Json::array({std::move(fields)});
    if (job_.request.include_usage) chunk["usage"] = nullptr;
    events += event(chunk);
  };
  const bool begins = !sent.begun;
  if (begins && chat)
    add({{"delta", {{"role", "assistant"}, {"content", ""}}},
         {"logprobs", nullptr},
         {"finish_reason", nullptr}});
  const std::size_t settled =
      choice.done ? choice.generation.text.size() : llm::settled_bytes(choice.generation, job_.end);
  const bool echoes = begins && job_.request.echo;
  // The prompt's log-probabilities are there when an answer begins or has ended.
  if (echoes && job_.reads_prompt() && choice.prompt_logprobs.empty() && !choice.done) return;
  sent.begun = true;
  std::string text = echoes ? prompt_text(model_, choice) : "";
  if (settled > sent.text) text += choice.generation.text.substr(sent.text, settled - sent.text);
  sent.text = std::max(sent.text, settled);
  const bool unreported = job_.request.logprobs && (choice.logprobs.size() > sent.logprobs || echoes);
  if (text.empty() && !choice.done) return;
  if (!text.empty() || unreported) {
    Json logprobs = nullptr;
    if (unreported) {
      logprobs = chat ? chat_logprobs(model_, choice, sent.logprobs)
                      : completion_logprobs(model_, choice, sent.logprobs, echoes, sent.offset);
      sent.logprobs = choice.logprobs.size();
    }
    Json fields = {{"logprobs", std::move(logprobs)}, {"finish_reason", nullptr}};
    if (chat)
      fields["delta"] = {{"content", text}};
    else
      fields["text"] = text;
    add(std::move(fields));
  }
  if (!choice.done) return;
  sent.ended = true;
  Json last = {{"logprobs", nullptr}, {"finish_reason", finish_reason(choice.generation)}};
  if (chat)
    last["delta"] = Json::object();
  else
    last["text"] = "";
  add(std::move(last));
}

std::string ReplyStream::next() {
  if (ended_) return "";
  std::unique_lock lock(job_.mutex);
  std::string events;
  while (true) {
    const bool settled = job_.settled();
    for (std::size_t i = 0; i < job_.choices.size(); ++i) add_news(i, events);
    if (settled) break;
    if (!events.empty()) return events;
    job_.news.wait(lock);
  }
  ended_ = true;
  if (!job_.failure.empty() || job_.cancelled) return events + "data: " + error_of(job_).body() + "\n\n";
  if (job_.request.include_usage) {
    Json chunk = head_of(job_, is_chat(job_) ? "chat.completion.chunk" : "text_completion");
    chunk["choices"] = Json::array();
    chunk["usage"] = usage_of(job_);
    events += event(chunk);
  }
  return events + "data: [DONE]\n\n";
}

}  // namespace zofo::serve

/// @file A whole server without HTTP: the answers are those of the functions behind `zofo generate` and `zofo
/// score`, in any company.
#include "zofo/serve/engine.hpp"

#include <atomic>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "catch.hpp"
#include "contains.hpp"
#include "train/tiny_fixture.hpp"
#include "zofo/lm/evaluate.hpp"
#include "zofo/lm/prompt_tokens.hpp"
#include "zofo/serve/api_error.hpp"
#include "zofo/serve/reply.hpp"
#include "zofo/serve/service.hpp"
#include "zofo/train/generate_sequences.hpp"
#include "zofo/train/impl/run_model.hpp"

using namespace zofo;
using namespace zofo::serve;
using nlohmann::json;

namespace {

/// A running server of the tiny model.
class Server {
 public:
  explicit Server(const testing::TinyFixture& tiny, Limits limits = {}, std::size_t sequences = 0)
      : queue_(limits.max_queue) {
    thread_ = std::thread([this, &tiny, limits, sequences] {
      llm::CpuDevice device;
      answer_requests(device, tiny.model(), {"tiny", {}, {}, {sequences}}, queue_,
                      [&](const ServedModel& served) -> std::shared_ptr<void> {
                        service_ = std::make_unique<Service>(served, queue_, limits);
                        opened_ = true;
                        return nullptr;
                      });
    });
    while (!opened_) std::this_thread::yield();
  }
  ~Server() {
    queue_.close("over");
    thread_.join();
  }

  std::shared_ptr<Job> submit(const json& request, Endpoint endpoint = Endpoint::completions) {
    return service_->submit(endpoint, request.dump());
  }
  json answer(const std::shared_ptr<Job>& job) {
    job->wait();
    return json::parse(reply(*job, service_->served()));
  }
  json answer(const json& request) { return answer(submit(request)); }
  Service& service() { return *service_; }

 private:
  Queue queue_;
  std::unique_ptr<Service> service_;
  std::atomic<bool> opened_ = false;
  std::thread thread_;
};

const std::vector<std::string> prompts{
    " stone river superb :", " awful",  " table north seven glass", "a",
    " light light",          " paper:", " green field best yes",    "no no no no no"};

json greedy(const std::string& prompt, std::size_t tokens) {
  return {{"prompt", prompt}, {"max_tokens", tokens}, {"temperature", 0}};
}

/// As JSON has it, where incomplete characters are replaced.
std::string as_json(const std::string& text) {
  return json::parse(json(text).dump(-1, ' ', false, json::error_handler_t::replace)).get<std::string>();
}

/// The texts of a stream of events, one for each answer, and the number of events with text.
std::vector<std::string> streamed(const Job& job, const llm::Model& model, std::size_t& events) {
  std::vector<std::string> texts(job.choices.size());
  ReplyStream stream(job, model);
  std::string all;
  for (std::string part = stream.next(); !part.empty(); part = stream.next()) all += part;
  REQUIRE(all.ends_with("data: [DONE]\n\n"));
  for (std::size_t at = 0; at < all.size();) {
    REQUIRE(all.compare(at, 6, "data: ") == 0);
    const std::size_t end = all.find("\n\n", at);
    const std::string data = all.substr(at + 6, end - at - 6);
    at = end + 2;
    if (data == "[DONE]") continue;
    const json chunk = json::parse(data);
    for (const json& choice : chunk.at("choices")) {
      const std::string text = choice.at("text");
      texts.at(choice.at("index")) += text;
      events += text.empty() ? 0 : 1;
    }
  }
  return texts;
}

}  // namespace

TEST_CASE("a server's texts are those of generate, together and alone", "[serve]") {
  const testing::TinyFixture tiny("serve_texts");
  llm::CpuDevice device;
  llm::RunModel<llm::CpuDevice> direct(device, tiny.model());
  Server server(tiny, {}, 3);  // fewer at once than requests
  std::vector<std::shared_ptr<Job>> jobs;
  for (std::size_t i = 0; i < prompts.size(); ++i) jobs.push_back(server.submit(greedy(prompts[i], 5 + i)));
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    llm::GenerateOptions options;
    options.end = {{}, 5 + i};
    const llm::Generation expected = llm::generate(direct, std::span(&prompts[i], 1), options).front();
    for (const json& got : {server.answer(jobs[i]), server.answer(greedy(prompts[i], 5 + i))}) {
      CHECK(got.at("choices").at(0).at("text") == as_json(expected.text));
      const bool length = expected.ending == llm::Ending::length;
      CHECK(got.at("choices").at(0).at("finish_reason") == (length ? "length" : "stop"));
      CHECK(got.at("usage").at("completion_tokens") == expected.generated());
      CHECK(got.at("usage").at("prompt_tokens") == expected.prompt);
    }
  }
}

TEST_CASE("sampled texts are keyed as those of generate", "[serve]") {
  const testing::TinyFixture tiny("serve_samples");
  llm::CpuDevice device;
  llm::RunModel<llm::CpuDevice> direct(device, tiny.model());
  llm::GenerateOptions options;
  options.end = {{"e"}, 9};
  options.num_return_sequences = 2;
  options.sampling = {1.5, 40, 0.9, 0.01, 1.1, 7};
  const auto expected = llm::generate(direct, std::span(prompts), options);
  Server server(tiny);
  const json got = server.answer({{"prompt", prompts},
                                  {"max_tokens", 9},
                                  {"stop", "e"},
                                  {"n", 2},
                                  {"temperature", 1.5},
                                  {"top_k", 40},
                                  {"top_p", 0.9},
                                  {"min_p", 0.01},
                                  {"repetition_penalty", 1.1},
                                  {"seed", 7}});
  REQUIRE(got.at("choices").size() == expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    CHECK(got.at("choices").at(i).at("index") == i);
    CHECK(got.at("choices").at(i).at("text") == as_json(expected[i].text));
  }
  const json other = server.answer({{"prompt", prompts[0]}, {"max_tokens", 40}});
  CHECK(server.answer({{"prompt", prompts[0]}, {"max_tokens", 40}}).at("choices") != other.at("choices"));
}

TEST_CASE("log-probabilities of a prompt are those of the transformer", "[serve]") {
  const testing::TinyFixture tiny("serve_logprobs");
  const llm::Model model = tiny.model();
  model::Transformer transformer(model.parameters.config(), peft::Lora(model.parameters.config(), {}));
  Server server(tiny);
  for (const std::size_t most : {0, 1, 3}) {
    const json got = server.answer(
        {{"prompt", prompts}, {"echo", true}, {"logprobs", 2}, {"max_tokens", most}, {"temperature", 0}});
    for (std::size_t i = 0; i < prompts.size(); ++i) {
      const llm::Tokens ids = llm::checked_prompt(model, 0, prompts[i], "prompt", 0);
      model::Batch batch;
      batch.add(ids, -1);
      for (std::uint32_t p = 0; p + 1 < ids.size(); ++p) batch.targets.push_back({0, p, ids[p + 1]});
      const std::vector<double> expected = transformer.log_probabilities(model.parameters, batch, {});
      const json& choice = got.at("choices").at(i);
      const json& logprobs = choice.at("logprobs");
      CHECK(logprobs.at("token_logprobs").at(0).is_null());
      CHECK(logprobs.at("top_logprobs").at(0).is_null());
      for (std::size_t p = 1; p < ids.size(); ++p)
        CHECK(logprobs.at("token_logprobs").at(p).get<double>() == Approx(expected.at(p - 1)).epsilon(1e-5));
      std::string text;
      for (std::size_t p = 0; p < ids.size(); ++p) {
        CHECK(logprobs.at("text_offset").at(p) == text.size());
        text += logprobs.at("tokens").at(p).get<std::string>();
      }
      CHECK(text == prompts[i]);
      CHECK(choice.at("text").get<std::string>().starts_with(prompts[i]));
      // lm-evaluation-harness removes the last token, which must be there.
      CHECK(logprobs.at("token_logprobs").size() >= ids.size() + std::min<std::size_t>(most, 1));
    }
  }
}

TEST_CASE("the most probable token is among the alternatives of a greedy text", "[serve]") {
  const testing::TinyFixture tiny("serve_top");
  Server server(tiny);
  json request = greedy(prompts[0], 6);
  const json plain = server.answer(request);
  request["logprobs"] = 3;
  const json got = server.answer(request).at("choices").at(0);
  CHECK(got.at("text") == plain.at("choices").at(0).at("text"));
  const json& logprobs = got.at("logprobs");
  for (std::size_t i = 0; i < logprobs.at("tokens").size(); ++i) {
    double highest = -INFINITY, sum = 0.0;
    for (const auto& [token, logprob] : logprobs.at("top_logprobs").at(i).items()) {
      highest = std::max(highest, logprob.get<double>());
      sum += std::exp(logprob.get<double>());
    }
    CHECK(logprobs.at("token_logprobs").at(i) == highest);
    CHECK(sum <= 1.0 + 1e-6);
  }
}

TEST_CASE("a stream has the text of the whole answer", "[serve]") {
  const testing::TinyFixture tiny("serve_stream");
  Server server(tiny);
  std::size_t events = 0;
  for (const bool echo : {false, true})
    for (const bool logprobs : {false, true}) {
      json request{
          {"prompt", prompts}, {"max_tokens", 20}, {"seed", 3}, {"stop", {"e", "ab"}}, {"echo", echo}};
      if (logprobs) request["logprobs"] = 1;
      const json whole = server.answer(request);
      request["stream"] = true;
      const auto job = server.submit(request);
      const std::vector<std::string> texts = streamed(*job, server.service().served(), events);
      for (std::size_t i = 0; i < texts.size(); ++i) CHECK(whole.at("choices").at(i).at("text") == texts[i]);
    }
  CHECK(events > 4 * prompts.size());
}

TEST_CASE("what does not fit the model is refused", "[serve]") {
  const testing::TinyFixture tiny("serve_refused");
  Server server(tiny);
  const auto refusal = [&](const json& request, int status, Endpoint endpoint = Endpoint::completions) {
    try {
      server.submit(request, endpoint);
    } catch (const ApiError& error) {
      CHECK(error.status() == status);
      return std::string(error.what());
    }
    return std::string();
  };
  CHECK_THAT(refusal(greedy(std::string(300, 'a'), 1), 400), contains("--max-prompt-tokens 256"));
  CHECK_THAT(refusal({{"prompt", {1, 100000}}}, 400), contains("token 100000: must be in [0, "));
  json large = greedy("a", 4096);
  large["n"] = 100;
  large["logprobs"] = 20;
  CHECK_THAT(refusal(large, 400), contains("8603700 tokens of prompts, answers and alternatives"));
  CHECK_THAT(refusal(greedy("", 1), 400), contains("prompt: must not be empty"));
  CHECK_THAT(refusal({{"prompt", "a"}, {"model", "other"}}, 404), contains("must be one of tiny"));
  CHECK_THAT(refusal({{"messages", {{{"role", "user"}, {"content", "a"}}}}}, 400, Endpoint::chat),
             contains("no chat template"));
  CHECK(server.answer(greedy(std::string(256, 'a'), 9)).at("choices").at(0).at("finish_reason") == "length");
}

TEST_CASE("a cancelled request gives its place to the others", "[serve]") {
  const testing::TinyFixture tiny("serve_cancel");
  Server server(tiny, {}, 1);
  const auto long_one = server.submit({{"prompt", "a"}, {"max_tokens", 250}, {"stream", true}});
  const auto waits = server.submit(greedy("b", 250));
  long_one->cancel();
  waits->cancel();
  CHECK(server.answer(greedy(prompts[0], 3)).at("usage").at("completion_tokens") == 3);
  CHECK_THROWS_AS(reply(*waits, server.service().served()), ApiError);
}

TEST_CASE("a full queue refuses", "[serve]") {
  const testing::TinyFixture tiny("serve_full");
  Limits limits;
  limits.max_queue = 1;
  Server server(tiny, limits, 1);
  std::vector<std::shared_ptr<Job>> jobs;
  int refused = 0;
  for (int i = 0; i < 50; ++i) {
    try {
      jobs.push_back(server.submit(greedy("a", 100)));
    } catch (const ApiError& error) {
      CHECK(error.status() == 503);
      ++refused;
    }
  }
  CHECK(refused > 40);
  for (const auto& each : jobs) CHECK(server.answer(each).at("choices").size() == 1);
}

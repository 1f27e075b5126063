/// @file Templates of train/predict.hpp, for a program with its own device.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "zofo/data/request_lines.hpp"
#include "zofo/lm/calibrate.hpp"
#include "zofo/lm/encode_examples.hpp"
#include "zofo/lm/evaluate.hpp"
#include "zofo/lm/generate.hpp"
#include "zofo/lm/packed_losses.hpp"
#include "zofo/train/impl/generate_sequences.hpp"
#include "zofo/train/impl/run_model.hpp"
#include "zofo/train/predict.hpp"

namespace zofo::llm {

namespace detail {

/// A row that waits for its answer.
struct PredictRequest {
  std::shared_ptr<const data::Example> example;  ///< borrowed by `encoded`
  bool labelled = false;
  EncodedExample encoded;
};

/// A row as a request. Throws Error starting with file and line.
PredictRequest predict_request(const ExampleEncoder& encoder, const data::Task& task,
                               const data::JsonLine& row);

/// The answer to a row with these scores; adds it to the predictions.
std::string choice_answer(const data::Task& task, const PredictRequest& request,
                          std::span<const double> scores, Predictions& predictions);

/// The answer to a row with this text; adds it to the predictions.
std::string text_answer(const data::Task& task, const PredictRequest& request, const Generation& generation,
                        Predictions& predictions);

}  // namespace detail

template <class Device>
Predictions predict_rows(RunModel<Device>& model, const data::TaskData& data, data::RowSource& rows,
                         const PredictOptions& options, const std::function<void(const std::string&)>& write,
                         const std::function<void()>& flush) {
  using Requests = std::vector<detail::PredictRequest>;
  using Backend = typename Device::Backend;
  auto& of = model.state();
  const data::Task& task = data.task;
  const bool generates = task.kind == data::Kind::generate;
  const ExampleEncoder encoder(of.model, task, Purpose::scoring, data.demonstrations, of.reserved());
  Predictions predictions;
  const auto full = [&](const Requests& requests) {
    if (generates) return requests.size() >= 8 * Backend::max_batch_sequences;
    std::size_t tokens = 0;
    for (const detail::PredictRequest& each : requests) tokens += packed_tokens(each.encoded);
    return tokens >= Backend::max_batch_tokens;
  };
  const auto answer = [&](const Requests& requests) {
    std::vector<std::string> answers;
    if (generates) {
      std::vector<Tokens> prompts;
      for (const detail::PredictRequest& each : requests) prompts.push_back(each.encoded.before_answer());
      const GenerateOptions limits{.end = {{task.stop}, task.max_new_tokens}};
      const auto texts = generate(model, std::span<const Tokens>(prompts), limits);
      for (std::size_t i = 0; i < requests.size(); ++i)
        answers.push_back(detail::text_answer(task, requests[i], texts[i], predictions));
      return answers;
    }
    std::vector<EncodedExample> examples;
    for (const detail::PredictRequest& each : requests) examples.push_back(each.encoded);
    if (options.calibrate)
      calibrate(*of.transformer, of.theta, of.adapter_or_null(), encoder, examples, data.held_out);
    const auto scores = score_examples(*of.transformer, of.theta, of.adapter_or_null(), std::span(examples));
    for (std::size_t i = 0; i < requests.size(); ++i)
      answers.push_back(detail::choice_answer(task, requests[i], scores[i], predictions));
    return answers;
  };
  predictions.errors = data::answer_requests(
      rows,
      [&](const nlohmann::json& fields) { return options.row_fields ? fields : nlohmann::json::object(); },
      [&](const data::JsonLine& row) { return detail::predict_request(encoder, task, row); }, full, answer,
      [&](const std::string& line) {
        ++predictions.rows;
        write(line);
      },
      flush);
  return predictions;
}

}  // namespace zofo::llm

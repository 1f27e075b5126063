/// @file A model on any device, behind one interface.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "device/device.hpp"
#include "zofo/data/row_source.hpp"
#include "zofo/data/task.hpp"
#include "zofo/lm/generation_state.hpp"
#include "zofo/lm/language_model.hpp"
#include "zofo/lm/scores.hpp"
#include "zofo/model/config.hpp"
#include "zofo/tokenize/tokenizer.hpp"
#include "zofo/train/evaluate_model.hpp"
#include "zofo/train/generate_sequences.hpp"
#include "zofo/train/predict.hpp"
#include "zofo/train/run_model.hpp"

namespace zofo::python {

/// A model, or the result of a run, on a device. Its functions need no GIL; only one may run at a time. They
/// are those of llm::RunModel and throw Error as these do.
class LoadedModel {
 public:
  LoadedModel() = default;
  LoadedModel(const LoadedModel&) = delete;
  LoadedModel& operator=(const LoadedModel&) = delete;
  virtual ~LoadedModel() = default;

  /// llm::evaluate.
  virtual llm::Scores evaluate(const data::TaskData& data, const llm::EvaluateOptions& options) = 0;
  /// Answers to {"prompt", "options"} objects, each a line of JSON (llm::answer_requests). `between` is
  /// called between two passes.
  virtual std::vector<std::string> score(std::span<const std::string> lines,
                                         const std::function<void()>& between) = 0;
  /// llm::predict_rows.
  virtual llm::Predictions predict(const data::TaskData& data, data::RowSource& rows,
                                   const llm::PredictOptions& options,
                                   const std::function<void(const std::string&)>& write,
                                   const std::function<void()>& flush) = 0;
  /// llm::generate.
  virtual std::vector<llm::Generation> generate(std::span<const std::string> prompts,
                                                const llm::GenerateOptions& options,
                                                const llm::TokenObserver& on_token) = 0;
  /// The transformer's configuration.
  [[nodiscard]] virtual const model::Config& config() const = 0;
  /// Whether there is an adapter.
  [[nodiscard]] virtual bool has_adapter() const = 0;
  /// The tokenizer, which several threads may use.
  [[nodiscard]] virtual const tokenize::Tokenizer& tokenizer() const = 0;
};

/// Puts a loaded model with its parts on a device that it opens. Throws Error as llm::RunModel does, or where
/// the device cannot be opened.
std::unique_ptr<LoadedModel> put_on(cli::Device device, llm::Model model, const llm::ModelParts& parts);

}  // namespace zofo::python

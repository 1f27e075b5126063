#include "zofo/train/predict.hpp"

#include "zofo/train/impl/predict.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "zofo/core/error.hpp"
#include "zofo/data/classification_report.hpp"
#include "zofo/data/metrics.hpp"
#include "zofo/lm/choice_loss.hpp"
#include "zofo/parse/json.hpp"

namespace zofo::llm {

namespace detail {

namespace {

std::string without_blanks(const std::string& text) {
  const std::size_t begin = std::min(text.find_first_not_of(" \t\r\n"), text.size());
  return text.substr(begin, text.find_last_not_of(" \t\r\n") + 1 - begin);
}

// The texts that a row is answered with: those of its file for candidates, else the answer choices.
std::vector<std::string> choice_texts(const data::Task& task, const data::Example& example) {
  std::vector<std::string> texts = example.answers.empty() ? task.choices : example.answers;
  for (std::string& text : texts) text = without_blanks(text);
  return texts;
}

std::vector<double> softmax(std::span<const double> scores) {
  const double most = *std::ranges::max_element(scores);
  std::vector<double> values;
  double sum = 0.0;
  for (const double score : scores) sum += values.emplace_back(std::exp(score - most));
  for (double& value : values) value /= sum;
  return values;
}

}  // namespace

PredictRequest predict_request(const ExampleEncoder& encoder, const data::Task& task,
                               const data::JsonLine& row) {
  require(task.kind != data::Kind::text,
          "task {}: rows of free text have no answer to predict: zofo generate answers "
          "messages",
          task.name);
  PredictRequest request;
  request.labelled = task.labelled(row);
  request.example =
      std::make_shared<const data::Example>(request.labelled ? task.example(row) : task.unlabelled(row));
  require(!request.example->answer_only, "{}: field '{}' has no candidates to choose from", row.location(),
          task.candidates_field);
  const std::string location = row.location();
  request.encoded = task.kind == data::Kind::generate ? encoder.only_prompt(*request.example, location)
                                                      : encoder(*request.example, location);
  return request;
}

std::string choice_answer(const data::Task& task, const PredictRequest& request,
                          std::span<const double> scores, Predictions& predictions) {
  const data::Example& example = *request.example;
  const std::vector<std::string> texts = choice_texts(task, example);
  const auto best = static_cast<std::size_t>(std::ranges::max_element(scores) - scores.begin());
  nlohmann::json answer = {{"answer", texts[best]},
                           {"index", best},
                           {"choices", texts},
                           {"scores", scores},
                           {"probabilities", softmax(scores)}};
  if (!request.labelled) return parse::json_text(answer);
  const int label = matched_label(request.encoded, static_cast<int>(best));
  answer["correct"] = label == static_cast<int>(best);
  predictions.labels.push_back(label);
  predictions.predictions.push_back(static_cast<int>(best));
  predictions.loss += score_loss(*request.encoded.options, scores, example.label);
  if (!example.references.empty()) {
    const data::AnswerScore score =
        data::answer_score(task.answer_rule, example.answers[best], example.references);
    ++predictions.compared;
    predictions.answers.exact_match += score.exact_match;
    predictions.answers.f1 += score.f1;
  }
  return parse::json_text(answer);
}

std::string text_answer(const data::Task& task, const PredictRequest& request, const Generation& generation,
                        Predictions& predictions) {
  const std::string line = to_json_line(generation);
  if (!request.labelled) return line;
  nlohmann::json answer = nlohmann::json::parse(line);
  const data::AnswerScore score =
      data::answer_score(task.answer_rule, generation.text, request.example->references);
  answer["exact_match"] = score.exact_match;
  answer["f1"] = score.f1;
  ++predictions.compared;
  predictions.answers.exact_match += score.exact_match;
  predictions.answers.f1 += score.f1;
  return parse::json_text(answer);
}

}  // namespace detail

namespace {

// The names of the classes; empty if the choices differ between rows.
std::vector<std::string> class_names(const data::Task& task) {
  if (!task.fixed_labels()) return {};
  std::vector<std::string> names = task.choices;
  for (const data::Template& each : task.candidates) names.push_back(each.text());
  for (std::string& name : names) name = detail::without_blanks(name);
  return names;
}

data::AnswerScore mean_answers(const Predictions& p) {
  const auto count = static_cast<double>(p.compared);
  return {p.answers.exact_match / count, p.answers.f1 / count};
}

std::string title(const Predictions& p, const PredictionSource& source) {
  std::string text = source.split.empty() ? source.file : fmt::format("{} ({})", source.split, source.file);
  text += fmt::format(": {} rows, {} labelled", p.rows, p.labelled());
  if (p.errors > 0) text += fmt::format(", {} answered by an error", p.errors);
  return text + "\n";
}

std::string class_table(const data::ClassificationReport& report, const std::vector<std::string>& names) {
  std::size_t width = 5;
  for (const std::string& name : names) width = std::max(width, name.size());
  std::string text =
      fmt::format("{:<{}}{:>11}{:>9}{:>9}{:>9}\n", "class", width, "precision", "recall", "F1", "support");
  for (std::size_t c = 0; c < names.size(); ++c) {
    const data::ClassFigures& each = report.classes[c];
    text += fmt::format("{:<{}}{:>11.4f}{:>9.4f}{:>9.4f}{:>9}\n", names[c], width, each.precision,
                        each.recall, each.f1, each.support);
  }
  constexpr std::size_t most = 20;  // a wider matrix does not fit a terminal
  if (names.size() > most) return text + "the confusion matrix is in the file of --metrics\n";
  text += fmt::format("{:<{}}", "label \\ answer", std::max<std::size_t>(width, 14));
  for (const std::string& name : names) text += fmt::format("  {:>5}", name);
  text += "\n";
  for (std::size_t c = 0; c < names.size(); ++c) {
    text += fmt::format("{:<{}}", names[c], std::max<std::size_t>(width, 14));
    for (std::size_t j = 0; j < names.size(); ++j)
      text += fmt::format("  {:>{}}", report.confusion[c][j], std::max<std::size_t>(names[j].size(), 5));
    text += "\n";
  }
  return text;
}

}  // namespace

nlohmann::json metrics_json(const data::Task& task, const Predictions& p, const PredictionSource& source) {
  nlohmann::json out = {{"task", task.name},
                        {"file", source.file},
                        {"rows", p.rows},
                        {"errors", p.errors},
                        {"labelled", p.labelled()},
                        {"split", nullptr},
                        {"template", task.template_name}};
  if (!source.split.empty()) out["split"] = source.split;
  if (p.compared > 0) {
    const data::AnswerScore answers = mean_answers(p);
    out["exact_match"] = answers.exact_match;
    out["f1"] = answers.f1;
  }
  if (p.labels.empty()) return out;
  out["accuracy"] = data::accuracy(p.labels, p.predictions);
  out["loss"] = p.loss / static_cast<double>(p.labels.size());
  const std::vector<std::string> names = class_names(task);
  if (names.empty()) return out;
  const data::ClassificationReport report =
      data::classification_report(p.labels, p.predictions, static_cast<int>(names.size()));
  out["macro_f1"] = report.macro_f1;
  out["balanced_accuracy"] = report.balanced_accuracy;
  out["confusion"] = report.confusion;
  out["classes"] = nlohmann::json::array();
  for (std::size_t c = 0; c < names.size(); ++c)
    out["classes"].push_back({{"name", names[c]},
                              {"precision", report.classes[c].precision},
                              {"recall", report.classes[c].recall},
                              {"f1", report.classes[c].f1},
                              {"support", report.classes[c].support}});
  return out;
}

std::string metrics_table(const data::Task& task, const Predictions& p, const PredictionSource& source) {
  std::string text = title(p, source);
  if (p.compared > 0) {
    const data::AnswerScore answers = mean_answers(p);
    text += fmt::format("exact match {:.4f}, F1 {:.4f}\n", answers.exact_match, answers.f1);
  }
  if (p.labels.empty()) return text;
  text += fmt::format("accuracy {:.4f}, ", data::accuracy(p.labels, p.predictions));
  const double loss = p.loss / static_cast<double>(p.labels.size());
  const std::vector<std::string> names = class_names(task);
  if (names.empty()) return text + fmt::format("loss {:.4f}\n", loss);
  const data::ClassificationReport report =
      data::classification_report(p.labels, p.predictions, static_cast<int>(names.size()));
  text += fmt::format("macro-F1 {:.4f}, balanced accuracy {:.4f}, loss {:.4f}\n", report.macro_f1,
                      report.balanced_accuracy, loss);
  return text + class_table(report, names);
}

}  // namespace zofo::llm

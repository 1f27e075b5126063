#include "zofo/train/fingerprints.hpp"

#include <nlohmann/json.hpp>

#include "zofo/core/hash.hpp"
#include "zofo/run/fingerprint.hpp"

namespace zofo::llm {
namespace {

std::string hash_of_training_examples(const RunTask& task) {
  std::string parts;
  for (const auto* part : {&task.selection, &task.examples.upper, &task.examples.lower})
    parts += hash_of_examples(*part);
  if (!task.examples.unseen.empty()) parts += hash_of_examples(task.examples.unseen);
  return zofo::hash_text(zofo::Hash64().update(parts).value());
}

}  // namespace

nlohmann::json fingerprints(const std::string& model, const std::vector<RunTask>& tasks) {
  nlohmann::json fields = {{"model", model}};
  for (const RunTask& task : tasks) {
    fields["task " + task.name() + ": training rows"] = hash_of_training_examples(task);
    fields["task " + task.name() + ": validation rows"] = hash_of_examples(task.held_out);
  }
  return fields;
}

nlohmann::json fingerprints_as_saved(const nlohmann::json& saved, const std::string& model,
                                     const std::vector<RunTask>& tasks) {
  const RunTask& first = tasks.front();
  if (saved.contains("training rows"))  // version 1: one task
    return {{"model", model},
            {"training rows", hash_of_training_examples(first)},
            {"validation rows", hash_of_examples(first.held_out)}};
  bool second = false;
  for (const auto& [field, value] : saved.items())
    second = second || (field.starts_with("task ") && field.find(": ") == std::string::npos);
  if (!second) return fingerprints(model, tasks);
  nlohmann::json fields = {{"model", model}};
  for (const RunTask& task : tasks)
    fields["task " + task.name()] = hash_of_examples(task.examples.upper) +
                                    hash_of_examples(task.examples.lower) +
                                    hash_of_examples(task.examples.unseen) + hash_of_examples(task.held_out);
  return fields;
}

}  // namespace zofo::llm

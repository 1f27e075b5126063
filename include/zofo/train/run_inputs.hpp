/// @file The model and the task that a user names, or that the folder of a run names instead.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "zofo/data/task.hpp"
#include "zofo/lm/language_model.hpp"
#include "zofo/train/input_paths.hpp"

namespace zofo::llm {

/// What stands before the name of an input in messages: a program's flags start with dashes.
inline constexpr std::string_view flag_dashes = "--";

/// The path of the model: the given one, or the run's. Throws Error if neither is given, or the run's model
/// is not where it was. `dashes` stand before the names of the inputs in messages.
std::string choose_model(const std::string& model, const std::string& run,
                         std::string_view dashes = flag_dashes);

/// Whether a run recognised control tokens in texts (RunOptions::special); false without a run.
bool reads_special(const std::string& run);

/// Loads the model that choose_model names. One whose weights are not those that the run started with is an
/// Error, or a call of `warn` with a message if it was given. Its tokenizer recognises control tokens in
/// texts if `special` is set or the run did so.
Model load_chosen_model(const std::string& model, const std::string& run,
                        const std::function<void(const std::string&)>& warn, bool special,
                        std::string_view dashes = flag_dashes);

/// A task, and how its prompts are made.
struct TaskChoice {
  data::TaskPlace place;                         ///< where it is
  std::string template_name = {};                ///< prompt template; "": the first
  std::size_t max_prompt_tokens = 0;             ///< longer prompts keep their last tokens; 0: no limit
  std::vector<std::string> demonstrations = {};  ///< of the run
  std::size_t max_length = 0;  ///< rows of free text are cut to so many tokens; 0: the task's limit

  /// The task under a template ("": the chosen one), with the examples of a split ("": none). Prompts are
  /// limited to `max_tokens` too (0: not), and `count` demonstrations (0: those of the run) are sampled by
  /// the seed from the training examples. Throws Error as data::load_task.
  [[nodiscard]] data::TaskData load(const std::string& name, const std::string& split, std::size_t max_tokens,
                                    std::size_t count, std::uint64_t seed) const;
};

/// The task of `paths`, or that of the run with its template, demonstrations and longest prompt. Throws Error
/// if neither is given, or the run has several. `dashes` as choose_model.
TaskChoice choose_task(const InputPaths& paths, const std::string& run,
                       std::string_view dashes = flag_dashes);

}  // namespace zofo::llm

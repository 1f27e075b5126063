#include "zofo/lm/generator.hpp"

#include "zofo/core/error.hpp"

namespace zofo::llm {

std::vector<Tokens> prompts_of(std::span<const EncodedExample> examples) {
  std::vector<Tokens> prompts;
  for (const EncodedExample& example : examples) prompts.push_back(example.before_answer());
  return prompts;
}

data::AnswerScore evaluate_generated(const Generator& generator, std::span<const EncodedExample> examples,
                                     const data::Task& task) {
  require(!examples.empty(), "examples to evaluate: 0: must be at least 1");
  const std::vector<Tokens> prompts = prompts_of(examples);
  const std::vector<std::string> texts = generator(prompts, {{task.stop}, task.max_new_tokens});
  require(texts.size() == examples.size(), "generator: {} texts for {} prompts", texts.size(),
          examples.size());
  data::AnswerScore sum;
  for (std::size_t i = 0; i < examples.size(); ++i) {
    const data::AnswerScore score =
        data::answer_score(task.answer_rule, texts[i], examples[i].source->references);
    sum.exact_match += score.exact_match;
    sum.f1 += score.f1;
  }
  const auto count = static_cast<double>(examples.size());
  return {sum.exact_match / count, sum.f1 / count};
}

}  // namespace zofo::llm

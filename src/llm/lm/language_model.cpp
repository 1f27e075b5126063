#include "zofo/lm/language_model.hpp"

#include "zofo/core/error.hpp"
#include "zofo/parse/file.hpp"

namespace zofo::llm {

chat::ChatFormat ChatSource::format(bool with_tools) const {
  require(!text.empty(), "{}: the model has no chat template, which conversations need", file);
  return parse::with_path(file, [&] {
    chat::ChatFormat made{chat::ChatTemplate(with_tools && !tools_text.empty() ? tools_text : text), {}};
    for (const auto& [name, token] : special_tokens) made.special_tokens.set(name, token);
    return made;
  });
}

}  // namespace zofo::llm

// A generated text on standard output while it is generated.
#pragma once

#include <cstddef>

#include "cli.hpp"
#include "zofo/train/generate_sequences.hpp"

namespace zofo::cli {

class StreamedText {
 public:
  explicit StreamedText(const llm::EndOfText& end) : end_(end) {}

  // Prints what no later token changes.
  void show(const llm::Generation& generation) {
    const std::size_t settled = llm::settled_bytes(generation, end_);
    if (settled <= shown_) return;
    write_text(generation.text.substr(shown_, settled - shown_));
    flush_output();
    shown_ = settled;
  }

  // Prints the rest of the ended text and a line end.
  void finish(const llm::Generation& generation) { write_text(generation.text.substr(shown_) + "\n"); }

 private:
  const llm::EndOfText& end_;
  std::size_t shown_ = 0;
};

}  // namespace zofo::cli

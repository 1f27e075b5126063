/// @file A language model: the weights of a transformer and its tokenizer.
#pragma once

#include "zofo/model/parameters.hpp"
#include "zofo/tokenize/tokenizer.hpp"

namespace zofo::llm {

/// A loaded model. Its tokenizer has a beginning-of-text token if the model's sequences start with one.
struct Model {
  model::Parameters parameters;   ///< the weights in fp32
  tokenize::Tokenizer tokenizer;  ///< text to token ids and back
};

}  // namespace zofo::llm

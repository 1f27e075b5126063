/// @file A language model: the weights of a transformer and the tokenizer that goes with them.
#pragma once

#include "zofo/model/parameters.hpp"
#include "zofo/tokenize/tokenizer.hpp"

namespace zofo::llm {

/// A loaded model. Its tokenizer knows the token that every sequence starts with, if the model asks for one.
struct Model {
  model::Parameters parameters;
  tokenize::Tokenizer tokenizer;
};

}  // namespace zofo::llm

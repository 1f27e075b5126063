/// @file Reads the tokens of a `tokenizer.json`: `model`, `added_tokens` and `post_processor`.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "zofo/tokenize/added_tokens.hpp"
#include "zofo/tokenize/bpe.hpp"
#include "zofo/tokenize/json_path.hpp"
#include "zofo/tokenize/merge_table.hpp"
#include "zofo/tokenize/vocabulary.hpp"

namespace zofo::tokenize {

/// Adds the tokens of an object {token: id} to `vocabulary`. Throws Error naming the JSON path when the value
/// is not such an object, or when Vocabulary refuses a token or an id.
void read_vocabulary(const JsonPath& place, Vocabulary& vocabulary);

/// Reads merges in either form, ["a b"] or [["a", "b"]]. Throws Error naming the JSON path.
std::vector<Merge> read_merges(const JsonPath& place);

/// Reads the options of a BPE model whose vocabulary has been read; `byte_level` is from the pre-tokenizer.
/// Throws Error naming the JSON path and the value that is not supported.
BpeOptions read_bpe_options(const JsonPath& model, const Vocabulary& vocabulary, bool byte_level);

/// Reads `added_tokens`, and adds to `vocabulary` each token that it lacks. Throws Error naming the JSON path
/// for a repeated or empty token, an id of another token, or an id that differs from the model's.
std::vector<AddedToken> read_added_tokens(const JsonPath& document, Vocabulary& vocabulary);

/// Reads `post_processor` and returns the token that it puts before every text, if any. Throws Error naming
/// the JSON path when it puts tokens elsewhere.
std::optional<std::int32_t> read_post_processor(const JsonPath& document, const Vocabulary& vocabulary);

}  // namespace zofo::tokenize

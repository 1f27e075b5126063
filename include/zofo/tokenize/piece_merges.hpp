/// @file The merges of a SentencePiece model with byte pairs, which stores only pieces and scores.
#pragma once

#include <vector>

#include "zofo/tokenize/merge_table.hpp"
#include "zofo/tokenize/sentencepiece_model.hpp"

namespace zofo::tokenize {

/// The merges by rank, with which a byte-pair model has the ids of `model`: each division of a piece into
/// two, sorted by the score of the piece. Throws Error naming the piece for which no such list exists: pieces
/// of the same score, of more than 512 bytes, with a character that is no piece, or unused ones that a merge
/// makes.
std::vector<Merge> piece_merges(const SentencePieceModel& model);

}  // namespace zofo::tokenize

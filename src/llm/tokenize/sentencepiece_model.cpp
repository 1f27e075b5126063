#include "zofo/tokenize/sentencepiece_model.hpp"

#include <bit>
#include <cmath>
#include <cstddef>

#include "zofo/core/error.hpp"
#include "zofo/tokenize/protobuf.hpp"
#include "zofo/tokenize/utf8.hpp"

namespace zofo::tokenize {

namespace {

Piece read_piece(std::string_view message) {
  Piece piece;
  for_each_field(message, [&](const ProtoField& field) {
    if (field.number == 1) piece.text = field.bytes;
    if (field.number == 2) piece.score = std::bit_cast<float>(static_cast<std::uint32_t>(field.value));
    if (field.number == 3) piece.type = field.value;
  });
  return piece;
}

void read_trainer(std::string_view message, SentencePieceModel& model) {
  for_each_field(message, [&](const ProtoField& field) {
    require(field.number != 24 || field.value == 0,
            "trainer_spec.treat_whitespace_as_suffix: is not supported");
    if (field.number == 3) model.model_type = field.value;
    if (field.number == 35) model.byte_fallback = field.value != 0;
  });
}

void read_normalizer_spec(std::string_view message, SentencePieceModel& model) {
  for_each_field(message, [&](const ProtoField& field) {
    require(field.number != 2 || field.bytes.empty(),
            "normalizer_spec.precompiled_charsmap has {} bytes: only the identity is supported",
            field.bytes.size());
    if (field.number == 3) model.add_dummy_prefix = field.value != 0;
    if (field.number == 4) model.remove_extra_whitespaces = field.value != 0;
    if (field.number == 5) model.escape_whitespaces = field.value != 0;
  });
}

}  // namespace

void SentencePieceModel::check() const {
  require(model_type == 1 || model_type == 2,
          "trainer_spec.model_type = {}: must be 1 (unigram) or 2 (byte pairs)", model_type);
  require(!pieces.empty(), "pieces: the model has none");
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    utf8::require_valid(pieces[i].text, fmt::format("piece {}", i));
    require(!pieces[i].text.empty(), "piece {}: is empty", i);
    require(std::isfinite(pieces[i].score), "piece {} = '{}': score {}: must be finite", i, pieces[i].text,
            pieces[i].score);
    require(pieces[i].type >= 1 && pieces[i].type <= 6, "piece {} = '{}': type {}: must be in [1, 6]", i,
            pieces[i].text, pieces[i].type);
  }
}

std::string SentencePieceModel::serialized() const {
  ProtoWriter model, trainer, normalizer;
  for (const Piece& piece : pieces) {
    ProtoWriter written;
    written.bytes(1, piece.text);
    written.real(2, piece.score);
    written.varint(3, piece.type);
    model.bytes(1, written.str());
  }
  trainer.varint(3, model_type);
  trainer.varint(35, byte_fallback);
  normalizer.varint(3, add_dummy_prefix);
  normalizer.varint(4, remove_extra_whitespaces);
  normalizer.varint(5, escape_whitespaces);
  model.bytes(2, trainer.str());
  model.bytes(3, normalizer.str());
  return model.str();
}

SentencePieceModel parse_sentencepiece_model(std::string_view bytes) {
  SentencePieceModel model;
  for_each_field(bytes, [&](const ProtoField& field) {
    if (field.number == 1) model.pieces.push_back(read_piece(field.bytes));
    if (field.number == 2) read_trainer(field.bytes, model);
    if (field.number == 3) read_normalizer_spec(field.bytes, model);
  });
  model.check();
  return model;
}

}  // namespace zofo::tokenize

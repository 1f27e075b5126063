/// @file Any tokenizer as a value.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace zofo::tokenize {

/// Text <-> ids, without the tokens that begin and end sequences. Threads may call const members
/// concurrently.
template <class C>
concept Codec = requires(const C& codec, std::string_view text, std::span<const std::int32_t> ids) {
  { codec.encode(text, true) } -> std::same_as<std::vector<std::int32_t>>;
  { codec.decode(ids, true) } -> std::same_as<std::string>;
  { codec.size() } -> std::convertible_to<std::size_t>;
  { codec.id(text) } -> std::same_as<std::optional<std::int32_t>>;
};

/// The tokens that mark a model's sequences.
struct SequenceMarks {
  std::optional<std::int32_t> bos;           ///< begins every sequence
  std::optional<std::int32_t> eos;           ///< ends generation; encode() does not append it
  std::vector<std::int32_t> more_ends = {};  ///< other tokens that end generation
};

/// A codec and its marks. Copies share the codec, so they are cheap; threads may share it too.
class Tokenizer {
 public:
  /// Throws Error naming the mark that is not a token of the codec.
  template <class C>
    requires Codec<std::remove_cvref_t<C>>
  explicit Tokenizer(C&& codec, SequenceMarks marks = {})
      : codec_(std::make_shared<Held<std::remove_cvref_t<C>>>(std::forward<C>(codec))),
        marks_(std::move(marks)) {
    check_marks();
  }

  /// The same tokenizer, whose encode(text) recognises control tokens written in a text or not.
  [[nodiscard]] Tokenizer with_special(bool parse_special) const {
    Tokenizer other = *this;
    other.parse_special_ = parse_special;
    return other;
  }

  /// The same tokenizer of a model whose embedding has `rows` rows. Throws Error unless the tokens of larger
  /// ids are control tokens, of which a text needs none.
  [[nodiscard]] Tokenizer with_rows(std::size_t rows) const;

  /// The ids that a model of this tokenizer can generate are below it: size(), or the rows of its embedding.
  [[nodiscard]] std::size_t rows() const { return std::min(size(), rows_); }

  /// The ids of `text` (valid UTF-8), without bos. Control tokens written in the text are recognised as
  /// with_special() states, by default not. Throws Error with the byte position when `text` is not valid
  /// UTF-8, and naming a token of it for which the model's embedding has no row.
  [[nodiscard]] std::vector<std::int32_t> encode(std::string_view text) const;

  /// The same with control tokens recognised or not, independent of with_special(), and with any ids.
  [[nodiscard]] std::vector<std::int32_t> encode(std::string_view text, bool parse_special) const {
    return codec_->encode(text, parse_special);
  }

  /// The text of the ids, control tokens spelled out; ids that end inside a character give invalid UTF-8. A
  /// space that the tokenizer puts before every text is removed, unless the ids continue a text: then all
  /// spaces stay. Throws Error for an id outside the vocabulary.
  [[nodiscard]] std::string decode(std::span<const std::int32_t> ids, bool continues = false) const {
    return codec_->decode(ids, continues);
  }

  /// Whether the spelling of a token is read as this token only where control tokens are recognised.
  [[nodiscard]] bool is_control(std::int32_t id) const;

  /// One more than the largest id.
  [[nodiscard]] std::size_t size() const { return codec_->size(); }

  /// The id of a token in the vocabulary's own spelling, if there is one.
  [[nodiscard]] std::optional<std::int32_t> id(std::string_view token) const { return codec_->id(token); }

  /// The token that the model expects before every sequence, if any.
  [[nodiscard]] std::optional<std::int32_t> bos() const { return marks_.bos; }

  /// The token that ends generation, if it is known; the first, if there are several.
  [[nodiscard]] std::optional<std::int32_t> eos() const { return marks_.eos; }

  /// Whether a token ends generation.
  [[nodiscard]] bool ends(std::int32_t id) const {
    return id == marks_.eos || std::ranges::find(marks_.more_ends, id) != marks_.more_ends.end();
  }

 private:
  struct Interface {
    Interface() = default;
    Interface(const Interface&) = delete;
    Interface& operator=(const Interface&) = delete;
    virtual ~Interface() = default;
    virtual std::vector<std::int32_t> encode(std::string_view, bool) const = 0;
    virtual std::string decode(std::span<const std::int32_t>, bool) const = 0;
    virtual std::size_t size() const = 0;
    virtual std::optional<std::int32_t> id(std::string_view) const = 0;
  };

  template <class C>
  struct Held final : Interface {
    explicit Held(C source) : codec(std::move(source)) {}
    std::vector<std::int32_t> encode(std::string_view text, bool parse_special) const override {
      return codec.encode(text, parse_special);
    }
    std::string decode(std::span<const std::int32_t> ids, bool continues) const override {
      return codec.decode(ids, continues);
    }
    std::size_t size() const override { return codec.size(); }
    std::optional<std::int32_t> id(std::string_view token) const override { return codec.id(token); }
    C codec;
  };

  void check_marks() const;
  [[nodiscard]] bool has(std::int32_t id) const;

  std::shared_ptr<const Interface> codec_;
  SequenceMarks marks_;
  bool parse_special_ = false;
  std::size_t rows_ = std::numeric_limits<std::size_t>::max();
};

}  // namespace zofo::tokenize

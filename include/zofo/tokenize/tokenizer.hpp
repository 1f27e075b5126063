/// @file Any tokenizer as a value.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
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
  { codec.decode(ids) } -> std::same_as<std::string>;
  { codec.size() } -> std::convertible_to<std::size_t>;
  { codec.id(text) } -> std::same_as<std::optional<std::int32_t>>;
};

/// The tokens that mark a model's sequences.
struct SequenceMarks {
  std::optional<std::int32_t> bos;  ///< begins every sequence
  std::optional<std::int32_t> eos;  ///< ends generation; encode() does not append it
};

/// A codec and its marks. Copies share the codec, so they are cheap; threads may share it too.
class Tokenizer {
 public:
  /// Throws Error naming the mark that is not a token of the codec.
  template <class C>
    requires Codec<std::remove_cvref_t<C>>
  explicit Tokenizer(C&& codec, SequenceMarks marks = {})
      : codec_(std::make_shared<Held<std::remove_cvref_t<C>>>(std::forward<C>(codec))), marks_(marks) {
    check_marks();
  }

  /// The ids of `text` (valid UTF-8), without bos. Control tokens written in the text are recognised only
  /// with `parse_special`. Throws Error with the byte position when `text` is not valid UTF-8.
  [[nodiscard]] std::vector<std::int32_t> encode(std::string_view text, bool parse_special = false) const {
    return codec_->encode(text, parse_special);
  }

  /// The text of the ids, control tokens spelled out; ids that end inside a character give invalid UTF-8.
  /// Throws Error for an id outside the vocabulary.
  [[nodiscard]] std::string decode(std::span<const std::int32_t> ids) const { return codec_->decode(ids); }

  /// One more than the largest id.
  [[nodiscard]] std::size_t size() const { return codec_->size(); }

  /// The id of a token in the vocabulary's own spelling, if there is one.
  [[nodiscard]] std::optional<std::int32_t> id(std::string_view token) const { return codec_->id(token); }

  /// The token that the model expects before every sequence, if any.
  [[nodiscard]] std::optional<std::int32_t> bos() const { return marks_.bos; }

  /// The token that ends generation, if it is known.
  [[nodiscard]] std::optional<std::int32_t> eos() const { return marks_.eos; }

 private:
  struct Interface {
    Interface() = default;
    Interface(const Interface&) = delete;
    Interface& operator=(const Interface&) = delete;
    virtual ~Interface() = default;
    virtual std::vector<std::int32_t> encode(std::string_view, bool) const = 0;
    virtual std::string decode(std::span<const std::int32_t>) const = 0;
    virtual std::size_t size() const = 0;
    virtual std::optional<std::int32_t> id(std::string_view) const = 0;
  };

  template <class C>
  struct Held final : Interface {
    explicit Held(C source) : codec(std::move(source)) {}
    std::vector<std::int32_t> encode(std::string_view text, bool parse_special) const override {
      return codec.encode(text, parse_special);
    }
    std::string decode(std::span<const std::int32_t> ids) const override { return codec.decode(ids); }
    std::size_t size() const override { return codec.size(); }
    std::optional<std::int32_t> id(std::string_view token) const override { return codec.id(token); }
    C codec;
  };

  void check_marks() const;

  std::shared_ptr<const Interface> codec_;
  SequenceMarks marks_;
};

}  // namespace zofo::tokenize

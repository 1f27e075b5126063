#include "zofo/train/tiny_model.hpp"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <map>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "zofo/checkpoint/gguf_writer.hpp"
#include "zofo/core/random.hpp"
#include "zofo/run/run_directory.hpp"
#include "zofo/tokenize/byte_alphabet.hpp"

namespace zofo::llm {
namespace {

constexpr std::array<std::string_view, 12> tiny_words{"stone", "river", "cloud", "paper", "green", "table",
                                                      "north", "seven", "glass", "sound", "light", "field"};
constexpr std::array<std::string_view, 4> tiny_bad{"awful", "dull", "poor", "worst"};
constexpr std::array<std::string_view, 4> tiny_good{"superb", "bright", "fine", "best"};
constexpr std::array<std::string_view, 2> tiny_options{"no", "yes"};

// All bytes, then every prefix of " word" with the merges that build it letter by letter.
struct TinyVocabulary {
  std::vector<std::string> tokens;
  std::vector<std::string> merges;

  TinyVocabulary() {
    for (int byte = 0; byte < 256; ++byte)
      tokens.push_back(alphabet_.letter(static_cast<unsigned char>(byte)));
    for (auto word : tiny_words) add(word);
    for (auto word : tiny_bad) add(word);
    for (auto word : tiny_good) add(word);
    for (auto word : tiny_options) add(word);
  }

 private:
  void add(std::string_view word) {
    std::string left = alphabet_.letter(' ');
    for (char c : word) {
      const std::string right = alphabet_.letter(static_cast<unsigned char>(c));
      const std::string both = left + right;
      if (seen_.emplace(both, true).second) {
        tokens.push_back(both);
        merges.push_back(left + " " + right);
      }
      left = both;
    }
  }
  tokenize::ByteAlphabet alphabet_;
  std::map<std::string, bool> seen_;
};

}  // namespace

void write_tiny_model(const std::filesystem::path& path, const TinyModel& shape) {
  const TinyVocabulary vocabulary;
  const auto vocab = static_cast<std::uint32_t>(vocabulary.tokens.size());
  const std::uint32_t head_dim = shape.width / shape.heads;
  checkpoint::GgufWriter file;
  file.string("general.architecture", "llama");
  file.string("general.name", "zofo-tiny");
  file.unsigned_integer("llama.embedding_length", shape.width);
  file.unsigned_integer("llama.block_count", shape.layers);
  file.unsigned_integer("llama.attention.head_count", shape.heads);
  file.unsigned_integer("llama.attention.head_count_kv", shape.kv_heads);
  file.unsigned_integer("llama.feed_forward_length", shape.ffn);
  file.unsigned_integer("llama.context_length", shape.context);
  file.unsigned_integer("llama.rope.dimension_count", head_dim);
  file.unsigned_integer("llama.vocab_size", vocab);
  file.number("llama.rope.freq_base", 10000.0F);
  file.number("llama.attention.layer_norm_rms_epsilon", 1e-5F);
  file.string("tokenizer.ggml.model", "gpt2");
  file.string("tokenizer.ggml.pre", "gpt-2");
  file.strings("tokenizer.ggml.tokens", vocabulary.tokens);
  file.strings("tokenizer.ggml.merges", vocabulary.merges);
  file.integers("tokenizer.ggml.token_type", std::vector<std::int32_t>(vocab, 1));

  std::uint32_t stream = 0;
  const auto random = [&](const std::string& name, std::uint64_t in, std::uint64_t out, double deviation) {
    std::vector<float> values(in * out);
    normals(Direction{shape.seed, 0, 0}, stream++, 0, values.data(), values.size());
    for (float& value : values) value *= static_cast<float>(deviation);
    file.tensor(name + ".weight", std::array<std::uint64_t, 2>{in, out}, values);
  };
  const auto ones = [&](const std::string& name) {
    file.tensor(name + ".weight", std::array<std::uint64_t, 1>{shape.width},
                std::vector<float>(shape.width, 1.0F));
  };
  const double by_width = 1.0 / std::sqrt(shape.width);
  const std::uint64_t keys = std::uint64_t{shape.kv_heads} * head_dim;
  random("token_embd", shape.width, vocab, 0.2);
  for (std::uint32_t layer = 0; layer < shape.layers; ++layer) {
    const std::string block = "blk." + std::to_string(layer) + ".";
    ones(block + "attn_norm");
    random(block + "attn_q", shape.width, shape.width, by_width);
    random(block + "attn_k", shape.width, keys, by_width);
    random(block + "attn_v", shape.width, keys, by_width);
    random(block + "attn_output", shape.width, shape.width, by_width);
    ones(block + "ffn_norm");
    random(block + "ffn_gate", shape.width, shape.ffn, by_width);
    random(block + "ffn_up", shape.width, shape.ffn, by_width);
    random(block + "ffn_down", shape.ffn, shape.width, 0.5 / std::sqrt(shape.ffn));
  }
  ones("output_norm");
  file.write(path);
}

namespace {

// Examples in which one marker word among neutral ones determines the label.
std::string tiny_examples(std::size_t count, std::uint32_t seed) {
  std::mt19937 random(seed);
  const auto pick = [&](const auto& words) { return words[random() % words.size()]; };
  std::string out;
  for (std::size_t i = 0; i < count; ++i) {
    const bool good = random() % 2 == 1;
    const std::size_t length = 4 + random() % 4;
    const std::size_t marker = random() % length;
    std::string text;
    for (std::size_t j = 0; j < length; ++j) {
      if (j > 0) text += ' ';
      if (j == marker)
        text += good ? pick(tiny_good) : pick(tiny_bad);
      else
        text += pick(tiny_words);
    }
    out += fmt::format("{{\"text\": \"{}\", \"label\": {}}}\n", text, good ? 1 : 0);
  }
  return out;
}

}  // namespace

void write_tiny_task(const std::filesystem::path& path, std::size_t train, std::size_t validation) {
  const RunFolder folder(path);
  folder.write(
      "task.toml",
      "name = \"tiny\"\nprompt = \" {text} :\"\noptions = [\" no\", \" yes\"]\nlabel_field = \"label\"\n"
      "[label_map]\n0 = 0\n1 = 1\n");
  folder.write("train.jsonl", tiny_examples(train, 1));
  folder.write("validation.jsonl", tiny_examples(validation, 2));
}

}  // namespace zofo::llm

/// @file Exports are loaded again unchanged, and a merged adapter computes the same as a separate one.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "catch.hpp"
#include "contains.hpp"
#include "data/temporary_folder.hpp"
#include "hub.hpp"
#include "zofo/checkpoint/gguf_writer.hpp"
#include "zofo/checkpoint/safetensors_index.hpp"
#include "zofo/checkpoint/widen.hpp"
#include "zofo/model_io/export_gguf.hpp"
#include "zofo/model_io/export_hugging_face.hpp"
#include "zofo/model_io/load_model.hpp"
#include "zofo/model_io/merge_lora.hpp"
#include "zofo/parse/file.hpp"
#include "zofo/tokenize/from_gguf.hpp"
#include "zofo/tokenize/gguf_tokenizer.hpp"
#include "zofo/tokenize/load_tokenizer.hpp"
#include "zofo/train/tiny_model.hpp"

using namespace zofo;
using namespace zofo::llm;
using checkpoint::GgmlType;
using checkpoint::SafetensorsType;

namespace {

bool same_parameters(const model::Parameters& a, const model::Parameters& b) {
  return a.config() == b.config() && a.values().size() == b.values().size() &&
         std::memcmp(a.values().data(), b.values().data(), a.values().size_bytes()) == 0;
}

bool all_of(const model::Parameters& got, const model::Parameters& original, auto&& rounded) {
  for (std::size_t i = 0; i < got.values().size(); ++i)
    if (got.values()[i] != rounded(original.values()[i])) return false;
  return got.config() == original.config();
}

float through_bf16(float value) {
  return checkpoint::bfloat16_to_float(checkpoint::float_to_bfloat16(value));
}

/// A file with the tokenizer for the exports.
struct TokenizerSource {
  TokenizerSource() { write_tiny_model(folder.path() / "tiny.gguf"); }
  [[nodiscard]] checkpoint::GgufFile file() const {
    return checkpoint::GgufFile(folder.path() / "tiny.gguf");
  }
  TemporaryFolder folder;
};

}  // namespace

TEST_CASE("every family is read back from a Hugging Face folder bit for bit", "[train]") {
  for (const char* name : hub::names) {
    const model::Parameters theta = load_hugging_face(hub::folder(name));
    const TemporaryFolder folder;
    write_hugging_face(folder.path(), theta, SafetensorsType::F32, {{"bos_token_id", 1}});
    INFO(name);
    CHECK(same_parameters(load_hugging_face(folder.path()), theta));
    const TemporaryFolder narrow;
    write_hugging_face(narrow.path(), theta, SafetensorsType::BF16, {{"bos_token_id", 1}});
    CHECK(all_of(load_hugging_face(narrow.path()), theta, through_bf16));
  }
}

TEST_CASE("every family is read back from a GGUF file", "[train]") {
  const TokenizerSource source;
  for (const char* name : hub::names) {
    const model::Parameters theta = load_hugging_face(hub::folder(name));
    const TemporaryFolder folder;
    INFO(name);
    write_gguf(folder.path() / "f32", theta, GgmlType::F32, source.file());
    CHECK(same_parameters(load_backbone(folder.path() / "f32"), theta));
    write_gguf(folder.path() / "bf16", theta, GgmlType::BF16, source.file());
    const model::Parameters narrow = load_backbone(folder.path() / "bf16");
    CHECK(narrow.config() == theta.config());
    for (std::size_t i = 0; i < theta.tensors().size(); ++i) {
      const model::Tensor& tensor = theta.tensors()[i];
      const bool wide = tensor.rows == 1 || tensor.name == "position_embd";
      bool same = true;
      for (std::uint64_t j = 0; j < tensor.size(); ++j)
        same &= narrow.data(i)[j] == (wide ? theta.data(i)[j] : through_bf16(theta.data(i)[j]));
      CHECK(same);
    }
    CHECK_THROWS_AS(write_gguf(folder.path() / "f32", theta, GgmlType::F32, source.file()), Error);
  }
}

// llama.cpp's converter keeps Hugging Face's order of q and k of qwen2, and permutes those of llama.
TEST_CASE("GGUF files of qwen2 hold Hugging Face's rows", "[train]") {
  const TokenizerSource source;
  const TemporaryFolder folder;
  write_gguf(folder.path() / "q", load_hugging_face(hub::folder("qwen2")), GgmlType::F32, source.file());
  const checkpoint::GgufFile file(folder.path() / "q");
  const checkpoint::SafetensorsFolder original(hub::folder("qwen2"));
  for (const char* part : {"weight", "bias"}) {
    const std::string name_there = fmt::format("model.layers.1.self_attn.q_proj.{}", part);
    std::vector<float> a(original.tensor(name_there).elements), b(a.size());
    original.read(name_there, a);
    file.read(fmt::format("blk.1.attn_q.{}", part), b);
    CHECK(a == b);
  }
  CHECK(file.string("general.architecture") == "qwen2");
}

TEST_CASE("a GGUF file keeps the tokenizer, and Q8_0 the values within half a step", "[train]") {
  const TokenizerSource source;
  const TemporaryFolder folder;
  const Model model = load_model(source.folder.path() / "tiny.gguf");
  write_gguf(folder.path() / "q8", model.parameters, GgmlType::Q8_0, source.file());
  const Model again = load_model(folder.path() / "q8");
  CHECK(again.parameters.config() == model.parameters.config());
  CHECK(again.tokenizer.encode(" a bright stone") == model.tokenizer.encode(" a bright stone"));
  // A block's step is d = max|x|/127, rounded to a half: |x − d q| ≤ d/2 + 127 d 2^-11.
  for (std::size_t i = 0; i < model.parameters.tensors().size(); ++i) {
    const float* x = model.parameters.data(i);
    const float* y = again.parameters.data(i);
    double worst = 0.0;
    for (std::uint64_t block = 0; block < model.parameters.tensors()[i].size(); block += 32) {
      float largest = 0.0F;
      for (std::uint64_t j = block; j < block + 32; ++j) largest = std::max(largest, std::abs(x[j]));
      for (std::uint64_t j = block; j < block + 32; ++j)
        worst = std::max(worst, std::abs(static_cast<double>(x[j]) - static_cast<double>(y[j])) * 127.0 /
                                    static_cast<double>(largest));
    }
    CHECK(worst <= 0.5 + 127.0 / 2048.0);
    const bool vector = model.parameters.tensors()[i].rows == 1;
    CHECK((worst == 0.0) == vector);
  }
}

TEST_CASE("rotary factors of other scalings than Llama 3's are refused", "[train]") {
  const TokenizerSource source;
  const TemporaryFolder folder;
  const auto path = folder.path() / "scaled";
  write_gguf(path, load_hugging_face(hub::folder("llama3")), GgmlType::F32, source.file());
  std::ifstream in(path, std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(in), {}};
  const auto broken = [&](const std::string& key, std::size_t skip, auto value) {
    std::string changed = bytes;
    const std::size_t at = changed.find(key);
    REQUIRE(at != std::string::npos);
    std::memcpy(changed.data() + at + key.size() + skip, &value, sizeof value);
    folder.write("broken", changed);
    return message_of([&] { load_backbone(folder.path() / "broken"); });
  };
  CHECK_THAT(broken("zofo.rope.high_freq_factor", 4, 5.0F), ContainsSubstring("rope_freqs.weight"));
  CHECK_THAT(broken("zofo.rope.original_context", 4, std::uint32_t{17}),
             ContainsSubstring("rope_freqs.weight"));
  CHECK_THAT(broken("zofo.rope.low_freq_factor", 4, -1.0F), ContainsSubstring("low_freq_factor = -1"));
  CHECK_THAT(broken("llama.rope.dimension_count", 4, std::uint32_t{4}), ContainsSubstring("partial rotary"));
}

TEST_CASE("a merged adapter computes the same as a separate one", "[train]") {
  for (const char* name : {"llama", "qwen2", "opt"}) {
    model::Parameters theta = load_hugging_face(hub::folder(name));
    std::vector<std::string> targets{"q", "k", "v", "o", "up", "down"};
    if (theta.config().gated()) targets.emplace_back("gate");
    const peft::Lora lora(theta.config(), {4, 6.0F, targets});
    Eigen::VectorXf adapter(static_cast<Eigen::Index>(lora.size()));
    for (Eigen::Index i = 0; i < adapter.size(); ++i)
      adapter[i] = 0.3F * std::sin(1.7F * static_cast<float>(i));
    const auto log_probabilities = [&](const Eigen::VectorXf* separate) {
      model::Batch batch;
      batch.add(std::vector<int>{3, 61, 17, 0, 42}, separate == nullptr ? -1 : 0);
      for (int token = 0; token < 64; ++token) batch.targets.push_back({0, 4, token});
      std::vector<const Eigen::VectorXf*> adapters;
      if (separate != nullptr) adapters.push_back(separate);
      return model::Transformer(theta.config(), lora).log_probabilities(theta, batch, adapters);
    };
    const std::vector<double> plain = log_probabilities(nullptr);
    const std::vector<double> expected = log_probabilities(&adapter);
    merge_lora(theta, lora, adapter);
    const std::vector<double> merged = log_probabilities(nullptr);
    double change = 0.0, error = 0.0;
    for (std::size_t i = 0; i < plain.size(); ++i) {
      change = std::max(change, std::abs(expected[i] - plain[i]));
      error = std::max(error, std::abs(expected[i] - merged[i]));
    }
    INFO(name);
    CHECK(change > 0.1);
    CHECK(error < 1e-4);
    CHECK_THROWS_AS(merge_lora(theta, lora, Eigen::VectorXf(adapter.head(5))), Error);
  }
}

TEST_CASE("a folder with a copied tokenizer is a model", "[train]") {
  const auto tokenizer = hub::folder("").parent_path().parent_path() / "tokenizers" / "gpt2";
  const TemporaryFolder folder;
  CHECK(copy_tokenizer(tokenizer, folder.path()) == 1);
  const auto size = static_cast<std::uint32_t>(load_tokenizer(folder.path()).size());
  model::Config c = load_hugging_face(hub::folder("llama")).config();
  c.vocab = size;
  write_hugging_face(folder.path(), model::Parameters(c), SafetensorsType::BF16, nlohmann::json::object());
  const Model model = load_model(folder.path());
  CHECK(model.parameters.config() == c);
  const std::string text = "Two words";
  CHECK(model.tokenizer.encode(text) == tokenize::load_tokenizer(tokenizer).encode(text));
  c.vocab = size - 1;
  write_hugging_face(folder.path(), model::Parameters(c), SafetensorsType::BF16, nlohmann::json::object());
  CHECK_THAT(message_of([&] { load_model(folder.path()); }),
             ContainsSubstring(
                 fmt::format("the tokenizer has {} tokens but the embedding only {} rows", size, size - 1)));
}

TEST_CASE("a shape that no config.json describes is refused", "[train]") {
  model::Config c = load_hugging_face(hub::folder("opt")).config();
  c.norm_eps = 1e-6F;
  CHECK_THAT(message_of([&] { hugging_face_config(c, SafetensorsType::F32, nlohmann::json::object()); }),
             ContainsSubstring("norm_eps = 1e-06"));
}

namespace {

/// A golden tokenizer as a folder, without the tokens that strip blanks or match single words: GGUF cannot
/// represent them.
struct GoldenTokenizer {
  explicit GoldenTokenizer(const std::string& family)
      : golden(hub::folder("").parent_path().parent_path() / "tokenizers" / family) {
    document = nlohmann::json::parse(parse::read_file(golden / "tokenizer.json"));
    nlohmann::json kept = nlohmann::json::array();
    for (const nlohmann::json& token : document["added_tokens"]) {
      const bool plain = !token["lstrip"] && !token["rstrip"] && !token["single_word"];
      if (plain)
        kept.push_back(token);
      else
        omitted.push_back(token["content"]);
    }
    document["added_tokens"] = kept;
  }
  /// The tokenizer, written to and read from a GGUF file for a model of `rows` embeddings.
  [[nodiscard]] tokenize::Tokenizer through_gguf(std::size_t rows) const {
    const TemporaryFolder folder;
    write(folder);
    checkpoint::GgufWriter file;
    tokenize::read_gguf_tokenizer(folder.path()).write(file, rows);
    file.write(folder.path() / "file");
    return tokenize::from_gguf(checkpoint::GgufFile(folder.path() / "file"));
  }
  [[nodiscard]] std::string refusal() const {
    const TemporaryFolder folder;
    write(folder);
    return message_of([&] { tokenize::read_gguf_tokenizer(folder.path()); });
  }
  void write(const TemporaryFolder& folder) const { folder.write("tokenizer.json", document.dump()); }

  std::filesystem::path golden;
  nlohmann::json document;
  std::vector<std::string> omitted;
};

}  // namespace

TEST_CASE("a folder's tokenizer written as GGUF has the reference's ids", "[train]") {
  for (const std::string family : {"smollm2", "llama3", "qwen2"}) {
    const GoldenTokenizer source(family);
    REQUIRE(source.omitted.size() == 2);
    const auto texts = nlohmann::json::parse(parse::read_file(source.golden.parent_path() / "texts.json"));
    const auto wanted = nlohmann::json::parse(parse::read_file(source.golden / "ids.json"));
    const tokenize::Tokenizer tokenizer = source.through_gguf(600);
    CHECK(tokenizer.size() == 600);
    CHECK(tokenizer.bos() ==
          (wanted["bos"].is_null() ? std::nullopt : std::optional(wanted["bos"].get<std::int32_t>())));
    std::size_t compared = 0;
    for (std::size_t i = 0; i < texts.size(); ++i) {
      const auto text = texts[i].get<std::string>();
      const auto ids = wanted["plain"][i].get<std::vector<std::int32_t>>();
      // The reference composes characters (NFC), the tokenizer of a GGUF file does not.
      const bool composed = family == "qwen2" && tokenizer.decode(ids) != text;
      if (composed || std::ranges::any_of(source.omitted, [&](const std::string& token) {
            return text.find(token) != std::string::npos;
          }))
        continue;
      ++compared;
      INFO(family << ": " << text);
      CHECK(tokenizer.encode(text) == ids);
    }
    CHECK(compared > 50);
  }
}

TEST_CASE("ids without a token get names that no token has", "[train]") {
  GoldenTokenizer source("llama3");
  source.document["model"]["vocab"]["[PAD579]"] = 590;
  const tokenize::Tokenizer tokenizer = source.through_gguf(600);
  CHECK(tokenizer.id("[PAD579]") == 590);
  CHECK(tokenizer.id("[PAD579]_") == 579);
  CHECK(tokenizer.id("[PAD599]") == 599);
}

TEST_CASE("errors of tokenizers that GGUF cannot represent name the field", "[train]") {
  const auto refusal_of = [](const std::string& family, auto&& change) {
    GoldenTokenizer source(family);
    change(source.document);
    return source.refusal();
  };
  const auto nothing = [](const nlohmann::json&) {};
  CHECK_THAT(refusal_of("tekken", nothing), contains("tokenizer.json: pre_tokenizer = "));
  CHECK_THAT(refusal_of("llama2", nothing), contains("pre_tokenizer"));
  CHECK_THAT(refusal_of("llama3", [](auto& json) { json["normalizer"] = {{"type", "NFC"}}; }),
             contains("normalizer = "));
  CHECK_THAT(refusal_of("llama3", [](auto& json) { json["model"]["ignore_merges"] = false; }),
             contains("model.ignore_merges: must be true"));
  CHECK_THAT(refusal_of("llama3", [](auto& json) { json["pre_tokenizer"] = nullptr; }),
             contains("pre_tokenizer"));
  CHECK_THAT(refusal_of("smollm2", [](auto& json) { json["added_tokens"][2]["lstrip"] = true; }),
             contains("added_tokens[2].lstrip = true"));
  const TemporaryFolder empty;
  CHECK_THAT(message_of([&] { tokenize::read_gguf_tokenizer(empty.path()); }),
             contains("tokenizer.json: does not exist"));
  CHECK_THAT(message_of([] { static_cast<void>(GoldenTokenizer("llama3").through_gguf(100)); }),
             contains("tokens but the embedding only 100 rows"));
}

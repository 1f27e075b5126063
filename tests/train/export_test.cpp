/// @file Exports are loaded again unchanged, and a merged adapter computes the same as a separate one.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "catch.hpp"
#include "data/temporary_folder.hpp"
#include "hub.hpp"
#include "zofo/checkpoint/dequantize.hpp"
#include "zofo/checkpoint/gguf_writer.hpp"
#include "zofo/checkpoint/safetensors_index.hpp"
#include "zofo/checkpoint/widen.hpp"
#include "zofo/model_io/export_gguf.hpp"
#include "zofo/model_io/export_hugging_face.hpp"
#include "zofo/model_io/load_model.hpp"
#include "zofo/model_io/merge_lora.hpp"
#include "zofo/parse/file.hpp"
#include "zofo/tokenize/load_tokenizer.hpp"
#include "zofo/train/tiny_model.hpp"

using namespace zofo;
using namespace zofo::llm;
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

// The checkpoint in a shape that GGUF's keys describe: llama.cpp assumes some of its numbers, and Mistral's
// files are LLaMA's. Gains of Gemma are multiples of 1/256 here, so that adding 1 and taking it away changes
// no bit.
model::Parameters describable(const char* name) {
  const model::Parameters theta = load_hugging_face(hub::folder(name));
  model::Config c = theta.config();
  if (c.architecture == model::Architecture::mistral) c.architecture = model::Architecture::llama;
  if (c.gain_offset > 0.0F) c.attention_scale = 0.0F;
  if (c.architecture == model::Architecture::smollm3)
    for (std::size_t l = 0; l < c.layers; ++l) c.kinds[l].rope = model::LayerRope::global;
  if (c.architecture == model::Architecture::smollm3 || c.architecture == model::Architecture::llama)
    c.kinds.clear();
  if (c.kinds.empty() && std::string(name) == "mistral-layers") c.window = 0;
  model::Parameters made(c);
  std::ranges::copy(theta.values(), made.values().begin());
  for (std::size_t i = 0; i < made.tensors().size() && c.gain_offset > 0.0F; ++i)
    if (made.tensors()[i].name.ends_with("norm"))
      for (std::uint64_t j = 0; j < made.tensors()[i].size(); ++j)
        made.data(i)[j] = std::round(made.data(i)[j] * 256.0F) / 256.0F;
  return made;
}

TEST_CASE("every family is read back from a GGUF file", "[train]") {
  const TokenizerSource source;
  for (const char* name : hub::names) {
    const model::Parameters theta = describable(name);
    const TemporaryFolder folder;
    INFO(name);
    write_gguf(folder.path() / "f32", theta, GgufFileType::f32, source.file());
    CHECK(same_parameters(load_backbone(folder.path() / "f32"), theta));
    write_gguf(folder.path() / "bf16", theta, GgufFileType::bf16, source.file());
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
    CHECK_THROWS_AS(write_gguf(folder.path() / "f32", theta, GgufFileType::f32, source.file()), Error);
  }
}

TEST_CASE("shapes that GGUF's keys do not describe are refused", "[train]") {
  const TokenizerSource source;
  const TemporaryFolder folder;
  const auto refusal = [&](const char* name) {
    const model::Parameters theta = load_hugging_face(hub::folder(name));
    return message_of([&] { write_gguf(folder.path() / "f32", theta, GgufFileType::f32, source.file()); });
  };
  CHECK_THAT(refusal("mistral-layers"), ContainsSubstring("windows of some layers"));
  CHECK_THAT(refusal("smollm3"),
             ContainsSubstring("layer 1: llama.cpp assumes no rotary positions in every fourth"));
  CHECK_THAT(refusal("gemma2"), ContainsSubstring("attention_scale = 0.3333"));
  CHECK_THAT(refusal("gemma3"), ContainsSubstring("attention_scale = 0.3333"));
}

// llama.cpp's converter keeps Hugging Face's order of q and k of qwen2, and permutes those of llama.
TEST_CASE("GGUF files of qwen2 hold Hugging Face's rows", "[train]") {
  const TokenizerSource source;
  const TemporaryFolder folder;
  write_gguf(folder.path() / "q", load_hugging_face(hub::folder("qwen2")), GgufFileType::f32, source.file());
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
  write_gguf(folder.path() / "q8", model.parameters, GgufFileType::q8_0, source.file());
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

// The types that llama.cpp's llama-quant.cpp chooses (llama_tensor_get_type_impl and tensor_type_fallback).
TEST_CASE("weights have the storage types of llama.cpp's files", "[train]") {
  model::Config c;
  c.vocab = 100, c.width = 256, c.layers = 16, c.heads = c.kv_heads = 4, c.head_dim = 64, c.ffn = 512;
  c.context = 64, c.tied = false;
  const auto type = [&](GgufFileType file, const std::string& name) -> std::string {
    const model::Layout layout(c);
    for (const model::Tensor& weight : layout.tensors())
      if (weight.name == name)
        return std::string(checkpoint::find_format(stored_type(file, c, weight))->name);
    return "missing";
  };
  const auto sixth = [&](const std::string& name) {  // blocks whose weight is Q6_K in a file of Q4_K_M
    std::vector<std::uint32_t> blocks;
    for (std::uint32_t i = 0; i < c.layers; ++i)
      if (type(GgufFileType::q4_k_m, fmt::format("blk.{}.{}", i, name)) == "Q6_K") blocks.push_back(i);
    return blocks;
  };
  const std::vector<std::uint32_t> more_bits{0, 1, 4, 7, 10, 13, 14, 15};
  CHECK(sixth("attn_v") == more_bits);
  CHECK(sixth("ffn_down") == more_bits);
  CHECK(sixth("attn_q").empty());
  CHECK(type(GgufFileType::q4_k_m, "blk.2.ffn_down") == "Q4_K");
  CHECK(type(GgufFileType::q4_k_m, "token_embd") == "Q4_K");
  CHECK(type(GgufFileType::q4_k_m, "output") == "Q6_K");
  CHECK(type(GgufFileType::q4_k_m, "output_norm") == "F32");
  CHECK(type(GgufFileType::q4_0, "output") == "Q6_K");
  CHECK(type(GgufFileType::q4_0, "token_embd") == "Q4_0");
  CHECK(type(GgufFileType::q6_k, "token_embd") == "Q6_K");
  CHECK(type(GgufFileType::q8_0, "output") == "Q8_0");
  CHECK(type(GgufFileType::f16, "output") == "F16");
  c.tied = true;
  CHECK(type(GgufFileType::q4_k_m, "token_embd") == "Q6_K");
  CHECK(type(GgufFileType::q4_0, "token_embd") == "Q6_K");
  c.width = 96, c.head_dim = 24, c.ffn = 40;  // neither blocks of 256, nor those of 32 in ffn_down
  CHECK(type(GgufFileType::q4_k_m, "blk.0.attn_q") == "Q5_0");
  CHECK(type(GgufFileType::q4_k_m, "blk.0.attn_v") == "Q8_0");
  CHECK(type(GgufFileType::q4_k_m, "token_embd") == "Q8_0");
  CHECK(type(GgufFileType::q4_0, "token_embd") == "Q8_0");
  CHECK(type(GgufFileType::q4_0, "blk.0.attn_q") == "Q4_0");
  CHECK(type(GgufFileType::q6_k, "blk.0.ffn_down") == "F32");
  CHECK(type(GgufFileType::q4_k_m, "blk.0.ffn_down") == "F32");
  c.width = 256, c.head_dim = 64, c.ffn = 256, c.layers = 80, c.kv_heads = 2;  // Llama 70B's marks
  CHECK(type(GgufFileType::q4_k_m, "blk.10.attn_v") == "Q5_K");
  CHECK(type(GgufFileType::q4_k_m, "blk.12.attn_v") == "Q6_K");
}

TEST_CASE("files of all types are read back near their weights", "[train]") {
  const TokenizerSource source;
  model::Config c = load_hugging_face(hub::folder("llama")).config();
  c.width = 256, c.head_dim = 64, c.heads = 4, c.kv_heads = 2, c.ffn = 256;
  model::Parameters theta(c);
  for (std::size_t i = 0; i < theta.values().size(); ++i)
    theta.values()[i] = 0.02F * std::sin(1.7F * static_cast<float>(i)) + 0.01F;
  const TemporaryFolder folder;
  const std::vector<std::pair<GgufFileType, float>> largest{{GgufFileType::f16, 2e-5F},
                                                            {GgufFileType::q8_0, 2e-4F},
                                                            {GgufFileType::q6_k, 1e-3F},
                                                            {GgufFileType::q4_0, 2.3e-3F},
                                                            {GgufFileType::q4_k_m, 2e-3F}};
  for (const auto& [type, off] : largest) {
    INFO(info(type).name);
    const auto path = folder.path() / info(type).name;
    write_gguf(path, theta, type, source.file());
    const checkpoint::GgufFile file(path);
    CHECK(file.unsigned_integer("general.file_type") == info(type).number);
    CHECK(file.has("general.quantization_version") == (type != GgufFileType::f16));
    const model::Parameters again = load_backbone(path);
    CHECK(again.config() == c);
    float worst = 0.0F;
    for (std::size_t i = 0; i < theta.values().size(); ++i)
      worst = std::max(worst, std::abs(theta.values()[i] - again.values()[i]));
    CHECK(worst <= off);
    CHECK(worst > 0.0F);
  }
  theta.data(0)[0] = 1e9F;
  CHECK_THAT(message_of([&] { write_gguf(folder.path() / "x", theta, GgufFileType::f16, source.file()); }),
             ContainsSubstring(
                 "weight 'token_embd.weight': value 1000000000: F16 stores magnitudes of at most 65504"));
  CHECK_FALSE(std::filesystem::exists(folder.path() / "x"));
}

TEST_CASE("rotary factors of other scalings than Llama 3's are refused", "[train]") {
  const TokenizerSource source;
  const TemporaryFolder folder;
  const auto path = folder.path() / "scaled";
  write_gguf(path, load_hugging_face(hub::folder("llama3")), GgufFileType::f32, source.file());
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
  CHECK_THAT(broken("llama.rope.dimension_count", 4, std::uint32_t{4}),
             ContainsSubstring("4 values: must be 2"));
}

TEST_CASE("a merged adapter computes the same as a separate one", "[train]") {
  for (const char* name : {"llama", "qwen2", "opt", "qwen3", "gemma2", "phi3", "olmo2", "granite"}) {
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
  CHECK_FALSE(has_tokenizer(folder.path()));
  CHECK(copy_tokenizer(tokenizer, folder.path()) == 1);
  CHECK(has_tokenizer(folder.path()));
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

TEST_CASE("chat templates and the settings of generation are copied with a tokenizer", "[train]") {
  const TemporaryFolder from, to;
  from.write("tokenizer.json", "1");
  from.write("chat_template.jinja", "2");
  from.write("generation_config.json", "3");
  from.write("notes.txt", "4");
  std::filesystem::create_directory(from.path() / "additional_chat_templates");
  from.write("additional_chat_templates/tools.jinja", "5");
  CHECK(copy_tokenizer(from.path(), to.path()) == 3);
  copy_generation_config(from.path(), to.path());
  CHECK(parse::read_file(to.path() / "chat_template.jinja") == "2");
  CHECK(parse::read_file(to.path() / "generation_config.json") == "3");
  CHECK(parse::read_file(to.path() / "additional_chat_templates/tools.jinja") == "5");
  CHECK_FALSE(std::filesystem::exists(to.path() / "notes.txt"));
}

TEST_CASE("a shape that no config.json describes is refused", "[train]") {
  model::Config c = load_hugging_face(hub::folder("opt")).config();
  c.norm_eps = 1e-6F;
  CHECK_THAT(message_of([&] { hugging_face_config(c, SafetensorsType::F32, nlohmann::json::object()); }),
             ContainsSubstring("norm_eps = 1e-06"));
}

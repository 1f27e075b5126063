/// @file Models from GGUF files: a written model is loaded unchanged, and errors name the file.
#include "zofo/model_io/load_model.hpp"

#include <unistd.h>

#include <functional>

#include "catch.hpp"
#include "golden.hpp"
#include "zofo/checkpoint/gguf_writer.hpp"
#include "zofo/core/error.hpp"

using namespace zofo;
using namespace zofo::model;

namespace {

/// A file that is removed at the end of the scope.
struct TemporaryFile {
  std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("zofo_load_model_" + std::to_string(::getpid()) + ".gguf");
  ~TemporaryFile() { std::filesystem::remove(path); }
};

/// The contents of a model's file, for a test to modify.
struct Spec {
  Parameters theta;
  std::string architecture = "llama";
  std::uint32_t tokens;
  std::uint32_t kv_heads;
  std::string omitted;
  std::string flattened;
  bool bos = false;
  std::function<void(checkpoint::GgufWriter&)> more = [](checkpoint::GgufWriter&) {};  // keys
  explicit Spec(const Config& c) : theta(golden::parameters(c)), tokens(c.vocab), kv_heads(c.kv_heads) {}

  void write(const std::filesystem::path& path) const {
    const Config& c = theta.config();
    checkpoint::GgufWriter file;
    file.string("general.architecture", architecture);
    file.unsigned_integer("llama.embedding_length", c.width);
    file.unsigned_integer("llama.block_count", c.layers);
    file.unsigned_integer("llama.attention.head_count", c.heads);
    file.unsigned_integer("llama.attention.head_count_kv", kv_heads);
    file.unsigned_integer("llama.attention.key_length", c.head_dim);
    file.unsigned_integer("llama.feed_forward_length", c.ffn);
    file.unsigned_integer("llama.context_length", c.context);
    file.number("llama.attention.layer_norm_rms_epsilon", c.norm_eps);
    file.number("llama.rope.freq_base", c.rope_base);
    more(file);
    std::vector<std::string> words;
    for (std::uint32_t i = 0; i < tokens; ++i) words.push_back("t" + std::to_string(i));
    file.string("tokenizer.ggml.model", "gpt2");
    file.string("tokenizer.ggml.pre", "smollm");
    file.strings("tokenizer.ggml.tokens", words);
    file.strings("tokenizer.ggml.merges", std::vector<std::string>{});
    file.integers("tokenizer.ggml.token_type", std::vector<std::int32_t>(tokens, 1));
    file.unsigned_integer("tokenizer.ggml.bos_token_id", 4);
    if (bos) file.boolean("tokenizer.ggml.add_bos_token", true);
    for (std::size_t i = 0; i < theta.tensors().size(); ++i) {
      const auto& t = theta.tensors()[i];
      std::vector<std::uint64_t> shape{t.cols};
      if (t.rows > 1) shape.push_back(t.rows);
      if (t.name == flattened) shape = {t.size()};
      if (t.name != omitted)
        file.tensor(t.name + ".weight", shape, std::span(theta.data(i), static_cast<std::size_t>(t.size())));
    }
    file.write(path);
  }
};

void check_refused(const Spec& spec, const std::string& part) {
  const TemporaryFile file;
  spec.write(file.path);
  try {
    llm::load_model(file.path);
    FAIL("accepted, expected: " << part);
  } catch (const Error& e) {
    INFO(e.what());
    CHECK(std::string(e.what()).find(part) != std::string::npos);
    CHECK(std::string(e.what()).find(file.path.filename().string()) != std::string::npos);
  }
}

Config shape() { return golden::one("no adapters").shape; }

}  // namespace

TEST_CASE("a model is loaded from its file bit for bit", "[model]") {
  for (const char* name : {"no adapters", "wide vocabulary"}) {
    const Config c = golden::one(name).shape;
    const Spec spec(c);
    const TemporaryFile file;
    spec.write(file.path);
    const llm::Model m = llm::load_model(file.path);
    const Config& got = m.parameters.config();
    CHECK(got.vocab == c.vocab);
    CHECK(got.context == c.context);
    CHECK(got.head_dim == c.head_dim);
    CHECK(got.rope_base == c.rope_base);
    CHECK(got.norm_eps == c.norm_eps);
    CHECK(got.tied == c.tied);
    CHECK(std::equal(m.parameters.values().begin(), m.parameters.values().end(), spec.theta.values().begin(),
                     spec.theta.values().end()));
    CHECK(m.tokenizer.size() == c.vocab);
    CHECK(!m.tokenizer.bos().has_value());
  }
}

TEST_CASE("the first token is that of a file with add_bos_token", "[model]") {
  Spec spec(shape());
  spec.bos = true;
  const TemporaryFile file;
  spec.write(file.path);
  CHECK(llm::load_model(file.path).tokenizer.bos() == 4);
}

TEST_CASE("scalings of rotary positions in a GGUF file are as in llama.cpp", "[model]") {
  using Kind = RopeScaling::Kind;
  const auto scaling = [](const std::function<void(checkpoint::GgufWriter&)>& more) {
    Spec spec(shape());
    spec.more = more;
    const TemporaryFile file;
    spec.write(file.path);
    return llm::load_backbone(file.path).config().rope_scaling;
  };
  const RopeScaling linear{Kind::linear, 4.0F};
  CHECK(scaling([](auto& file) { file.number("llama.rope.scale_linear", 4.0F); }) == linear);
  CHECK(scaling([](auto& file) { file.number("llama.rope.scaling.factor", 4.0F); }) == linear);
  CHECK(scaling([](auto& file) {
          file.string("llama.rope.scaling.type", "linear");
          file.number("llama.rope.scaling.factor", 4.0F);
        }) == linear);
  const RopeScaling none;
  CHECK(scaling([](auto& file) { file.number("llama.rope.scale_linear", 0.0F); }) == none);
  CHECK(scaling([](auto& file) { file.number("llama.rope.scaling.factor", 1.0F); }) == none);
  CHECK(scaling([](auto& file) {
          file.string("llama.rope.scaling.type", "none");
          file.number("llama.rope.scaling.factor", 4.0F);
        }) == none);
  const RopeScaling yarn = scaling([](auto& file) {
    file.string("llama.rope.scaling.type", "yarn");
    file.number("llama.rope.scaling.factor", 4.0F);
    file.unsigned_integer("llama.rope.scaling.original_context_length", 16U);
  });
  CHECK(yarn.kind == Kind::yarn);
  CHECK(yarn.original_context == 16);
  CHECK(yarn.magnitude == Approx(1.0 + 0.1 * std::log(4.0)));
}

TEST_CASE("keys of a GGUF file that would change the model are refused", "[model]") {
  const auto check_key = [](const char* key, float value, const std::string& part) {
    Spec spec(shape());
    spec.more = [&](checkpoint::GgufWriter& file) { file.number(key, value); };
    check_refused(spec, part);
  };
  check_key("llama.logit_scale", 0.5F, "llama.logit_scale = 0.5: not supported");
  check_key("llama.residual_scale", 0.5F, "llama.residual_scale");
  check_key("llama.embedding_scale", 2.0F, "llama.embedding_scale");
  check_key("llama.attention.scale", 0.5F, "llama.attention.scale");
  check_key("llama.attention.clamp_kqv", 0.1F, "llama.attention.clamp_kqv");
  check_key("llama.final_logit_softcapping", 5.0F, "llama.final_logit_softcapping");
  check_key("llama.expert_count", 8.0F, "llama.expert_count = 8");
  Spec type(shape());
  type.more = [](checkpoint::GgufWriter& file) { file.string("llama.rope.scaling.type", "ntk"); };
  check_refused(type, "llama.rope.scaling.type = 'ntk': must be none, linear, yarn or longrope");
  Spec causal(shape());
  causal.more = [](checkpoint::GgufWriter& file) { file.boolean("llama.attention.causal", false); };
  check_refused(causal, "llama.attention.causal = false");
  Spec partial(shape());
  partial.more = [](checkpoint::GgufWriter& file) {
    file.unsigned_integer("llama.rope.dimension_count", 3U);
  };
  check_refused(partial, "llama.rope.dimension_count = 3: must be even");
}

TEST_CASE("errors of files of other models have the fault and the file", "[model]") {
  Spec other(shape());
  other.architecture = "mamba";
  check_refused(other, "general.architecture = 'mamba'");
  Spec missing(shape());
  missing.omitted = "blk.1.ffn_up";
  check_refused(missing, "blk.1.ffn_up.weight");
  Spec flat(shape());
  flat.flattened = "blk.0.attn_q";
  check_refused(flat, "blk.0.attn_q.weight");
  Spec keys(shape());
  keys.kv_heads = 3;
  check_refused(keys, "attn_k.weight");
  Spec words(shape());
  words.tokens = 62;
  check_refused(words, "62 tokens");
}

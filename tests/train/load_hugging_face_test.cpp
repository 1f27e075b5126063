/// @file Folders saved by Hugging Face's transformers: the same logits, and errors for unsupported models.
#include "zofo/model_io/load_hugging_face.hpp"

#include <sys/stat.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "catch.hpp"
#include "data/temporary_folder.hpp"
#include "hub.hpp"
#include "zofo/checkpoint/json_document.hpp"
#include "zofo/model_io/hugging_face_config.hpp"

using namespace zofo;
using namespace zofo::llm;

namespace {

nlohmann::json config_of(const std::string& name) {
  std::ifstream file(hub::folder(name) / "config.json");
  return nlohmann::json::parse(file);
}

model::Config read(const nlohmann::json& config) {
  return read_hugging_face_config(checkpoint::JsonFields(config, "x/config.json"));
}

/// A copy of a checkpoint for a test to modify.
struct Copy {
  explicit Copy(const std::string& name) {
    for (const auto& entry : std::filesystem::directory_iterator(hub::folder(name)))
      std::filesystem::copy(entry.path(), folder.path());
  }
  void config(const nlohmann::json& changed) const { folder.write("config.json", changed.dump()); }
  [[nodiscard]] std::string refusal() const {
    return message_of([&] { load_hugging_face(folder.path()); });
  }
  TemporaryFolder folder;
};

}  // namespace

// The golden logits are in float64 except for transformers' norms and rotary tables. float32 changes them by
// a few 1e-6 of their size, which is up to 20.
TEST_CASE("logits equal those of transformers", "[train]") {
  for (const char* name : hub::names) {
    const model::Parameters theta = load_hugging_face(hub::folder(name));
    const double difference = hub::largest_difference(theta, name);
    INFO(name << ": " << difference);
    CHECK(difference < 1e-4);
  }
}

TEST_CASE("a config.json is read as a shape", "[train]") {
  using Kind = model::RopeScaling::Kind;
  const model::Config llama3 = read(config_of("llama3"));
  CHECK(llama3.rope_scaling == model::RopeScaling{Kind::llama3, 8.0F, 1.0F, 4.0F, 16});
  CHECK(llama3.rope_base == 500000.0F);
  CHECK(llama3.head_dim == 8);
  CHECK(llama3.tied);
  const model::Config linear = read(config_of("llama-linear"));
  CHECK(linear.rope_scaling.kind == Kind::linear);
  CHECK(linear.rope_scaling.factor == 4.0F);
  CHECK(linear.rope_base == 20000.0F);
  CHECK_FALSE(linear.tied);
  const model::Config mistral = read(config_of("mistral"));
  CHECK(mistral.window == 5);
  CHECK(mistral.head_dim == 6);
  const model::Config qwen2 = read(config_of("qwen2"));
  CHECK(qwen2.qkv_bias);
  CHECK_FALSE(qwen2.output_bias);
  CHECK(qwen2.window == 0);
  CHECK(qwen2.kv_heads == 2);
  const model::Config opt = read(config_of("opt-350m"));
  CHECK(opt.architecture == model::Architecture::opt);
  CHECK(opt.placement == model::NormPlacement::after_sum);
  CHECK(opt.embedding_width == 8);
  CHECK(read(config_of("opt")).embedding_width == 0);
}

TEST_CASE("each layer has its window", "[train]") {
  nlohmann::json config = config_of("qwen2");
  config["sliding_window"] = 4;
  CHECK(read(config).window == 0);
  config["use_sliding_window"] = true;
  CHECK(read(config).window == 0);  // layer_types: all full
  config["layer_types"] = {"sliding_attention", "sliding_attention"};
  CHECK(read(config).window == 4);
  config["layer_types"] = {"full_attention", "sliding_attention"};
  CHECK(read(config).window_of(0) == 0);
  CHECK(read(config).window_of(1) == 4);
  config["use_sliding_window"] = false;
  CHECK_THAT(message_of([&] { read(config); }),
             ContainsSubstring("layer_types: a layer has sliding attention"));
  config["use_sliding_window"] = true;
  config["layer_types"] = {"full_attention", "chunked_attention"};
  CHECK_THAT(message_of([&] { read(config); }), ContainsSubstring("layer_types ="));
  config["layer_types"] = {"full_attention"};
  CHECK_THAT(message_of([&] { read(config); }), ContainsSubstring("a list of 2 entries"));
  config.erase("layer_types");
  CHECK(read(config).window == 0);  // max_window_layers: 28 full ones first
  config["max_window_layers"] = 0;
  CHECK(read(config).window == 4);
  config["max_window_layers"] = 1;
  CHECK(read(config).kinds == std::vector<model::LayerKind>{{false}, {true}});
  nlohmann::json mistral = config_of("mistral");
  mistral["sliding_window"] = nullptr;
  CHECK(read(mistral).window == 0);
  mistral["sliding_window"] = 64;  // the whole context
  CHECK(read(mistral).window == 0);
}

TEST_CASE("errors of unsupported configs name the field", "[train]") {
  struct Change {
    const char* model;
    const char* field;
    nlohmann::json value;
    const char* part;
  };
  const nlohmann::json ntk = {{"rope_type", "ntk"}, {"factor", 2.0}};
  const nlohmann::json dynamic = {{"rope_type", "dynamic"}, {"factor", 0.5}};
  const nlohmann::json partial = {{"rope_type", "default"}, {"partial_rotary_factor", 0.5}};
  const Change changes[] = {
      {"llama", "architectures", {"MambaForCausalLM"}, R"(architectures = ["MambaForCausalLM"])"},
      {"llama", "architectures", nlohmann::json::array(), "LlamaForCausalLM"},
      {"llama", "architectures", "LlamaForCausalLM", "must be one of"},
      {"llama", "quantization_config", {{"bits", 4}}, "quantization_config"},
      {"llama", "hidden_act", "gelu", R"(hidden_act = "gelu": must be "silu")"},
      {"phi3", "mlp_bias", true, "mlp_bias = true: must be false"},
      {"mistral", "attention_bias", true, "attention_bias = true"},
      {"mistral", "mlp_bias", true, "mlp_bias = true"},
      {"olmo2", "mlp_bias", true, "mlp_bias = true"},
      {"gemma2", "hidden_activation", "gelu", "hidden_activation = \"gelu\""},
      {"gemma3", "use_bidirectional_attention", true, "use_bidirectional_attention = true"},
      {"gemma3", "attn_logit_softcapping", 50.0, "attn_logit_softcapping = 50.0"},
      {"gemma2", "query_pre_attn_scalar", 0, "query_pre_attn_scalar = 0: must be positive"},
      {"granite", "logits_scaling", 0.0, "logits_scaling = 0.0: must be positive"},
      {"smollm3", "no_rope_layers", {1, 2}, "no_rope_layers"},
      {"phi3", "partial_rotary_factor", 0.5, "one for each rotated pair"},
      {"phi3", "partial_rotary_factor", 1.5, "partial_rotary_factor = 1.5"},
      {"llama", "rope_parameters", ntk, R"(rope_parameters: rope_type = "ntk")"},
      {"llama", "rope_parameters", dynamic, "factor = 0.5: must be at least 1"},
      {"llama", "rope_parameters", partial, "partial_rotary_factor = 0.5"},
      {"llama", "partial_rotary_factor", 0.5, "partial_rotary_factor = 0.5"},
      {"llama", "rope_scaling", ntk, "rope_scaling and rope_parameters"},
      {"llama", "rope_parameters", 3, "rope_parameters: must be a JSON object"},
      {"llama", "rope_parameters", {{"rope_type", "linear"}}, "'factor' is missing"},
      {"llama", "rope_parameters", {{"rope_type", "linear"}, {"factor", "4"}}, "factor = \"4\""},
      {"llama", "vocab_size", 0, "vocab_size = 0"},
      {"llama", "vocab_size", -1, "vocab_size = -1"},
      {"llama", "vocab_size", 1e30, "vocab_size = 1e+30"},
      {"llama", "num_hidden_layers", 4294967296, "num_hidden_layers = 4294967296"},
      {"llama", "num_attention_heads", 0, "num_attention_heads = 0"},
      {"llama", "tie_word_embeddings", "yes", "tie_word_embeddings = \"yes\""},
      {"llama", "rms_norm_eps", nullptr, "'rms_norm_eps' is missing"},
      {"qwen2", "num_key_value_heads", nullptr, "'num_key_value_heads' is missing"},
      {"opt", "activation_function", "gelu", "activation_function = \"gelu\""},
      {"opt", "enable_bias", false, "enable_bias = false"},
      {"opt", "layer_norm_elementwise_affine", false, "layer_norm_elementwise_affine = false"},
      {"opt", "_remove_final_layer_norm", true, "_remove_final_layer_norm = true"},
  };
  for (const Change& change : changes) {
    nlohmann::json config = config_of(change.model);
    config[change.field] = change.value;
    const std::string message = message_of([&] { read(config); });
    CHECK_THAT(message, StartsWith("x/config.json"));
    CHECK_THAT(message, ContainsSubstring(change.part));
  }
}

TEST_CASE("weights of another shape are refused before memory is allocated", "[train]") {
  const Copy copy("llama");
  nlohmann::json config = config_of("llama");
  config["vocab_size"] = 1U << 22U;
  config["intermediate_size"] = 1U << 19U;
  copy.config(config);
  CHECK_THAT(copy.refusal(), ContainsSubstring("'model.embed_tokens.weight': its shape [64, 16] is not"));
  config = config_of("llama");
  config["num_hidden_layers"] = 3;
  copy.config(config);
  CHECK_THAT(copy.refusal(), ContainsSubstring("'model.layers.2.input_layernorm.weight' is missing"));
  config["num_hidden_layers"] = 1;
  copy.config(config);
  CHECK_THAT(copy.refusal(), ContainsSubstring("'model.layers.1."));  // an unused weight
  config["num_hidden_layers"] = 1U << 31U;
  copy.config(config);
  CHECK_THAT(copy.refusal(),
             ContainsSubstring("num_hidden_layers = 2147483648: must be an integer in [1, 1024]"));
  config = config_of("llama");
  config["tie_word_embeddings"] = true;  // the file has a head that is not the embedding: it is used
  copy.config(config);
  CHECK_FALSE(load_hugging_face(copy.folder.path()).config().tied);
}

TEST_CASE("errors of folders without a model name the file", "[train]") {
  const TemporaryFolder empty;
  CHECK_THAT(message_of([&] { load_hugging_face(empty.path()); }),
             ContainsSubstring("config.json: must be a regular file"));
  const Copy copy("mistral");
  std::filesystem::remove(copy.folder.path() / "model.safetensors");
  CHECK_THAT(copy.refusal(), ContainsSubstring("holds neither model.safetensors nor"));
  std::filesystem::remove(copy.folder.path() / "config.json");
  REQUIRE(::mkfifo((copy.folder.path() / "config.json").c_str(), 0600) == 0);  // without a writer
  CHECK_THAT(copy.refusal(), ContainsSubstring("config.json: must be a regular file"));
  const Copy sharded("qwen2");
  std::filesystem::remove(sharded.folder.path() / "model-00002-of-00002.safetensors");
  CHECK_THAT(sharded.refusal(), ContainsSubstring("model-00002-of-00002.safetensors: cannot open"));
  CHECK_THAT(message_of([&] { load_hugging_face(hub::folder("llama") / "config.json"); }),
             ContainsSubstring("config.json"));
}

TEST_CASE("the error of a weight that is not finite names it", "[train]") {
  const Copy copy("llama");
  const auto path = copy.folder.path() / "model.safetensors";
  const auto size = std::filesystem::file_size(path);
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(static_cast<std::streamoff>(size - 4));
  const float bad = INFINITY;
  file.write(reinterpret_cast<const char*>(&bad), sizeof bad);
  file.close();
  CHECK_THAT(copy.refusal(), ContainsSubstring("inf: must be finite"));
  CHECK_THAT(copy.refusal(), ContainsSubstring("model.norm.weight"));
}

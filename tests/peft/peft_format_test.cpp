/// @file Adapters in the format of Hugging Face's peft library: adapters that peft saved
/// (tests/golden/hub_peft, by tests/golden/generators/peft_hub.py) have the same values and logits here, and
/// are written back unchanged.
#include "zofo/peft/peft_format.hpp"

#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "catch.hpp"
#include "data/temporary_folder.hpp"
#include "train/hub.hpp"
#include "zofo/checkpoint/json_document.hpp"
#include "zofo/checkpoint/safetensors.hpp"
#include "zofo/core/error.hpp"
#include "zofo/model_io/hugging_face_config.hpp"
#include "zofo/model_io/load_hugging_face.hpp"
#include "zofo/peft/peft_virtual_tokens.hpp"

using namespace zofo;
using namespace zofo::peft;
namespace hub = zofo::llm::hub;

namespace {

std::filesystem::path saved(const std::string& name) {
  return hub::folder("").parent_path().parent_path() / "hub_peft" / name;
}

/// Whether all tensors of two files are equal bit for bit.
bool same_tensors(const std::filesystem::path& a, const std::filesystem::path& b) {
  const checkpoint::SafetensorsFile x(a), y(b);
  if (x.tensors().size() != y.tensors().size()) return false;
  for (const auto& entry : x.tensors()) {
    std::vector<float> u(entry.elements), v(y.tensor(entry.name).elements);
    x.read(entry.name, u);
    y.read(entry.name, v);
    if (entry.shape != y.tensor(entry.name).shape || u.size() != v.size() ||
        std::memcmp(u.data(), v.data(), u.size() * sizeof(float)) != 0)
      return false;
  }
  return true;
}

/// A copy of a saved adapter for a test to modify.
struct Copy {
  explicit Copy(const std::string& of) {
    for (const auto& entry : std::filesystem::directory_iterator(saved(of)))
      std::filesystem::copy(entry.path(), folder.path());
    std::ifstream file(folder.path() / peft_config_file);
    config = nlohmann::json::parse(file);
  }
  [[nodiscard]] std::string refusal(const model::Config& model) const {
    folder.write(peft_config_file, config.dump());
    return message_of([&] { read_peft_lora(folder.path(), model); });
  }
  TemporaryFolder folder;
  nlohmann::json config;
};

model::Config shape_of(const std::string& model) {
  return llm::read_hugging_face_config(checkpoint::JsonFields::load(hub::folder(model) / "config.json"));
}

}  // namespace

// Rows of q and k: peft's row h·d + j of a head of d rows is this library's h·d + 2j for j < d/2, and
// h·d + 2(j − d/2) + 1 from there on (checkpoint/rotary_order.hpp).
TEST_CASE("factors that peft saved are read bit for bit", "[peft]") {
  const model::Config config = shape_of("llama");
  const PeftLora read = read_peft_lora(saved("llama-lora"), config);
  CHECK(read.base_model == "hub/llama");
  CHECK(read.lora.options().rank == 3);
  CHECK(read.lora.options().alpha == 6.0F);
  CHECK(read.lora.options().dropout == 0.1F);
  CHECK(read.lora.size() == static_cast<std::size_t>(read.values.size()));
  const checkpoint::SafetensorsFile file(saved("llama-lora") / peft_weights_file);
  const std::string block = "base_model.model.model.layers.1.";
  std::vector<float> a(3 * 16), b(16 * 3), down(16 * 3);
  file.read(block + "self_attn.q_proj.lora_A.weight", a);
  file.read(block + "self_attn.q_proj.lora_B.weight", b);
  file.read(block + "mlp.down_proj.lora_B.weight", down);
  const Lora::Factors& q = read.lora.factors(1, Projection::q);
  const float* values = read.values.data();
  CHECK(std::equal(a.begin(), a.end(), values + q.a));
  CHECK(std::equal(down.begin(), down.end(), values + read.lora.factors(1, Projection::down).b));
  const std::size_t d = config.head_dim;
  bool same = true;
  for (std::size_t row = 0; row < 16; ++row) {
    const std::size_t j = row % d;
    const std::size_t ours = row - j + (j < d / 2 ? 2 * j : 2 * (j - d / 2) + 1);
    same &= std::equal(b.begin() + static_cast<std::ptrdiff_t>(row * 3),
                       b.begin() + static_cast<std::ptrdiff_t>(row * 3 + 3), values + q.b + ours * 3);
  }
  CHECK(same);
}

TEST_CASE("a model with an adapter of peft computes peft's logits", "[peft]") {
  const std::pair<const char*, const char*> cases[] = {
      {"llama-lora", "llama"}, {"qwen2-rslora", "qwen2"}, {"opt-lora", "opt"}};
  for (const auto& [name, base] : cases) {
    const model::Parameters theta = llm::load_hugging_face(hub::folder(base));
    const PeftLora read = read_peft_lora(saved(name), theta.config());
    const double difference = hub::largest_difference(theta, saved(name), read.lora, &read.values);
    INFO(name << ": " << difference);
    CHECK(difference < 1e-4);
  }
  const std::pair<const char*, const char*> virtual_tokens[] = {
      {"llama-prefix", "llama"}, {"opt-prefix", "opt"}, {"llama-prompt", "llama"}};
  for (const auto& [name, base] : virtual_tokens) {
    const model::Parameters theta = llm::load_hugging_face(hub::folder(base));
    const PeftVirtualTokens read = read_peft_virtual_tokens(saved(name), theta.config());
    const double difference = hub::largest_difference(theta, saved(name), read.adapter, &read.values);
    INFO(name << ": " << difference);
    CHECK(difference < 1e-4);
  }
}

TEST_CASE("a written adapter is read back bit for bit", "[peft]") {
  const std::pair<const char*, const char*> cases[] = {{"llama-lora", "llama"}, {"opt-lora", "opt"}};
  for (const auto& [name, base] : cases) {
    const model::Config config = shape_of(base);
    const PeftLora read = read_peft_lora(saved(name), config);
    const TemporaryFolder folder;
    write_peft_lora(folder.path(), config, read.lora, {read.values.data(), read.lora.size()}, "some/model");
    CHECK(same_tensors(folder.path() / peft_weights_file, saved(name) / peft_weights_file));
    const PeftLora again = read_peft_lora(folder.path(), config);
    CHECK(again.values == read.values);
    CHECK(again.base_model == "some/model");
    CHECK(again.lora.scale() == read.lora.scale());
    CHECK(again.lora.options().dropout == read.lora.options().dropout);
  }
  const std::pair<const char*, const char*> virtual_tokens[] = {
      {"llama-prefix", "llama"}, {"opt-prefix", "opt"}, {"llama-prompt", "llama"}};
  for (const auto& [name, base] : virtual_tokens) {
    const model::Config config = shape_of(base);
    const PeftVirtualTokens read = read_peft_virtual_tokens(saved(name), config);
    const TemporaryFolder folder;
    write_peft_virtual_tokens(folder.path(), config, read.adapter, {read.values.data(), size(read.adapter)},
                              "");
    CHECK(same_tensors(folder.path() / peft_weights_file, saved(name) / peft_weights_file));
    CHECK(read_peft_virtual_tokens(folder.path(), config).values == read.values);
  }
}

TEST_CASE("errors of adapter configs name the field", "[peft]") {
  struct Change {
    const char* field;
    nlohmann::json value;
    const char* part;
  };
  const Change changes[] = {
      {"peft_type", "PREFIX_TUNING", R"(peft_type = "PREFIX_TUNING": must be LORA)"},
      {"bias", "all", R"(bias = "all": must be "none")"},
      {"fan_in_fan_out", true, "fan_in_fan_out = true"},
      {"some_later_idea", 0.5, "some_later_idea = 0.5"},
      {"init_lora_weights", "pissa", R"(init_lora_weights = "pissa")"},
      {"r", 0, "r = 0: must be an integer in [1, 1024]"},
      {"r", 1000000000, "r = 1000000000"},
      {"lora_alpha", "16", R"(lora_alpha = "16": must be a number)"},
      {"lora_alpha", -1, "lora alpha = -1"},
      {"lora_dropout", 2, "lora dropout = 2"},
  };
  const model::Config model = shape_of("llama");
  for (const Change& change : changes) {
    Copy copy("llama-lora");
    copy.config[change.field] = change.value;
    const std::string message = copy.refusal(model);
    CHECK_THAT(message, ContainsSubstring(change.part));
    CHECK_THAT(message, ContainsSubstring(peft_config_file));
  }
}

TEST_CASE("the error of an adapter of another model has tensor and shape", "[peft]") {
  Copy copy("llama-lora");
  model::Config wider = shape_of("llama");
  wider.ffn = 32;
  CHECK_THAT(copy.refusal(wider),
             ContainsSubstring("down_proj.lora_A.weight': its shape [3, 24] is not [3, 32]"));
  model::Config deeper = shape_of("llama");
  deeper.layers = 3;
  CHECK_THAT(copy.refusal(deeper), ContainsSubstring("layers.2.self_attn.q_proj.lora_A.weight' is missing"));
  model::Config shallower = shape_of("llama");
  shallower.layers = 1;
  CHECK_THAT(copy.refusal(shallower), ContainsSubstring("layers.1."));
  CHECK_THAT(copy.refusal(shape_of("opt")),
             ContainsSubstring("model.decoder.layers.0.self_attn.q_proj.lora_A.weight' is missing"));
  copy.config["r"] = 4;
  CHECK_THAT(copy.refusal(shape_of("llama")), ContainsSubstring("its shape [3, 16] is not [4, 16]"));
  const model::Config model = shape_of("mistral");  // heads of 6, and the same layer names
  CHECK_THAT(message_of([&] { read_peft_virtual_tokens(saved("llama-prefix"), model); }),
             ContainsSubstring("token_dim = 8: must be 12"));
  CHECK_THAT(message_of([&] { read_peft_virtual_tokens(saved("llama-lora"), model); }),
             ContainsSubstring("peft_type = \"LORA\""));
  std::filesystem::remove(copy.folder.path() / peft_weights_file);
  copy.config["r"] = 3;
  CHECK_THAT(copy.refusal(shape_of("llama")), ContainsSubstring("adapter_model.safetensors: cannot open"));
}

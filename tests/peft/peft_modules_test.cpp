/// @file Which modules the config of a peft adapter names, and with which ranks and scales: logits are those
/// of peft (tests/golden/hub_peft), and configs that mean something else, or attack the reader, are refused.
#include <chrono>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "catch.hpp"
#include "data/temporary_folder.hpp"
#include "train/hub.hpp"
#include "zofo/checkpoint/json_document.hpp"
#include "zofo/checkpoint/safetensors_writer.hpp"
#include "zofo/model_io/hugging_face_config.hpp"
#include "zofo/model_io/load_hugging_face.hpp"
#include "zofo/model_io/merge_lora.hpp"
#include "zofo/peft/peft_adapter.hpp"
#include "zofo/peft/peft_config.hpp"
#include "zofo/peft/peft_format.hpp"

using namespace zofo;
using namespace zofo::peft;
namespace hub = zofo::llm::hub;

namespace {

std::filesystem::path peft_folder(const std::string& name) {
  return std::filesystem::path(ZOFO_SOURCE_DIR) / "tests/golden/hub_peft" / name;
}

/// The adapter, and the checkpoint that it belongs to.
using Golden = std::pair<const char*, const char*>;
constexpr Golden plain[] = {{"llama-patterns", "llama"}, {"qwen2-patterns-rslora", "qwen2"},
                            {"llama-layers", "llama"},   {"llama-regex", "llama"},
                            {"opt-paths", "opt"},        {"qwen2-all-linear", "qwen2"}};
constexpr Golden changing[] = {
    {"qwen2-dora", "qwen2"}, {"llama-dora-head", "llama"}, {"llama-saved", "llama"}, {"phi3-dora", "phi3"}};

model::Config hub_shape(const std::string& model) {
  return llm::read_hugging_face_config(checkpoint::JsonFields::load(hub::folder(model) / "config.json"));
}

/// The message of an Error that `f` throws, empty if it throws none.
template <class F>
std::string any_message_of(F&& f) {
  try {
    f();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

/// A config in a folder of its own, which a test modifies.
struct EditedConfig {
  explicit EditedConfig(const std::string& of = "llama-lora") {
    std::ifstream file(peft_folder(of) / peft_config_file);
    fields = nlohmann::json::parse(file);
  }
  [[nodiscard]] std::filesystem::path written() const {
    folder.write(peft_config_file, fields.dump());
    return folder.path() / peft_config_file;
  }
  [[nodiscard]] std::vector<LoraModule> modules(const model::Config& shape) const {
    return read_peft_lora_config(written(), shape).options.modules;
  }
  [[nodiscard]] std::string refusal(const model::Config& shape = hub_shape("llama")) const {
    return message_of([&] { read_peft_lora_config(written(), shape); });
  }
  TemporaryFolder folder;
  nlohmann::json fields;
};

}  // namespace

TEST_CASE("adapters with ranks, scales and modules by pattern compute peft's logits", "[peft]") {
  for (const auto& [name, base] : plain) {
    const model::Parameters theta = llm::load_hugging_face(hub::folder(base));
    const PeftAdapter read = read_peft(peft_folder(name), theta.config());
    const double difference = hub::largest_difference(theta, peft_folder(name), read.layout, &read.values);
    INFO(name << ": " << difference);
    CHECK(difference < 1e-4);
  }
}

TEST_CASE("an adapter of matrices that hold several projections computes peft's logits", "[peft]") {
  const model::Parameters theta = llm::load_hugging_face(hub::folder("phi3"));
  const PeftLora read = read_peft_lora(peft_folder("phi3-lora"), theta.config());
  CHECK(hub::largest_difference(theta, peft_folder("phi3-lora"), read.lora, &read.values) < 1e-4);
  const TemporaryFolder folder;
  CHECK_THAT(message_of([&] {
               write_peft_lora(folder.path(), theta.config(), read.lora,
                               {read.values.data(), read.lora.size()}, "");
             }),
             ContainsSubstring("peft adapts as one; only o and down"));
}

TEST_CASE("a merged LoRA of several ranks computes peft's logits", "[peft]") {
  for (const auto& [name, base] : plain) {
    model::Parameters theta = llm::load_hugging_face(hub::folder(base));
    const PeftAdapter read = read_peft(peft_folder(name), theta.config());
    llm::merge_lora(theta, std::get<Lora>(read.layout), read.values);
    const double difference =
        hub::largest_difference(theta, peft_folder(name), Lora(theta.config(), {}), nullptr);
    INFO(name << ": " << difference);
    CHECK(difference < 1e-4);
  }
}

TEST_CASE("DoRA and saved embeddings and heads on the weights compute peft's logits", "[peft]") {
  for (const auto& [name, base] : changing) {
    model::Parameters theta = llm::load_hugging_face(hub::folder(base));
    PeftAdapter read = read_peft_with_changes(peft_folder(name), theta.config());
    CHECK(read.changes.any());
    CHECK_THAT(message_of([&] { read_peft(peft_folder(name), theta.config()); }),
               ContainsSubstring("zofo export --model MODEL --adapter FOLDER --merge"));
    const bool dora = !read.changes.magnitudes.empty();
    const auto rest = llm::apply_changes(theta, std::move(read));
    CHECK(rest.has_value() == !dora);
    const double difference =
        hub::largest_difference(theta, peft_folder(name), rest ? rest->layout : Lora(theta.config(), {}),
                                rest ? &rest->values : nullptr);
    INFO(name << ": " << difference);
    CHECK(difference < 1e-4);
  }
}

TEST_CASE("a written adapter of several ranks is read back bit for bit", "[peft]") {
  for (const auto& [name, base] : plain) {
    INFO(name);
    const model::Config config = hub_shape(base);
    const PeftLora read = read_peft_lora(peft_folder(name), config);
    const TemporaryFolder folder;
    write_peft_lora(folder.path(), config, read.lora, {read.values.data(), read.lora.size()}, "base");
    const PeftLora again = read_peft_lora(folder.path(), config);
    CHECK(again.values == read.values);
    CHECK(again.lora.options().modules == read.lora.options().modules);
    CHECK(again.lora.options().targets == read.lora.options().targets);
    CHECK(again.lora.scale() == read.lora.scale());
  }
}

TEST_CASE("the first key of a pattern that matches counts, in the file's order", "[peft]") {
  EditedConfig config;
  config.fields["target_modules"] = {"q_proj"};
  const std::string text = config.fields.dump();
  const auto ranks = [&](const std::string& pattern) {
    std::string other = text;
    other.replace(other.find("\"rank_pattern\":{}"), 17, "\"rank_pattern\":" + pattern);
    config.folder.write(peft_config_file, other);
    std::vector<std::uint32_t> found;
    for (const LoraModule& each :
         read_peft_lora_config(config.folder.path() / peft_config_file, hub_shape("llama")).options.modules)
      found.push_back(each.rank);
    return found;
  };
  using Ranks = std::vector<std::uint32_t>;
  CHECK(ranks(R"({"q_proj": 7, "layers.1.self_attn.q_proj": 5})") == Ranks{7, 7});
  CHECK(ranks(R"({"layers.1.self_attn.q_proj": 5, "q_proj": 7})") == Ranks{7, 5});
  CHECK(ranks(R"({"proj": 7, "self_attn": 7, "q_pro": 7})") == Ranks{3, 3});
  CHECK(ranks(R"({"model.layers.0.self_attn.q.proj": 7})") == Ranks{7, 3});
  CHECK(ranks(R"({"[qv]_proj|down": 6})") == Ranks{6, 6});
  CHECK(ranks(R"({"layers\\.[01]\\.self_attn": 7, "1\\.self_attn\\.\\w+": 2})") == Ranks{3, 2});
}

TEST_CASE("targets are ends of names, whole names or a pattern, in some blocks", "[peft]") {
  const auto names = [](const char* targets, const nlohmann::json& fields = nlohmann::json::object()) {
    EditedConfig config;
    config.fields["target_modules"] = nlohmann::json::parse(targets);
    config.fields.update(fields);
    std::string found;
    for (const LoraModule& each : config.modules(hub_shape("llama")))
      found += fmt::format("{}{} ", each.layer, projection_names[static_cast<std::size_t>(each.projection)]);
    return found;
  };
  CHECK(names(R"(["q_proj", "q_proj", "W_pack"])") == "0q 1q ");
  CHECK(names(R"(["mlp.up_proj", "model.layers.1.self_attn.k_proj"])") == "0up 1k 1up ");
  CHECK(names(R"("all-linear")") == "0q 0k 0v 0o 0gate 0up 0down 1q 1k 1v 1o 1gate 1up 1down ");
  CHECK(names(R"("ALL-linear")", {{"exclude_modules", {"mlp.gate_proj", "up_proj", "down_proj"}}}) ==
        "0q 0k 0v 0o 1q 1k 1v 1o ");
  CHECK(names(R"(".*[ko]_proj")", {{"exclude_modules", ".*\\.1\\..*o_proj"}}) == "0k 0o 1k ");
  CHECK(names(R"(["v_proj"])", {{"layers_to_transform", 1}}) == "1v ");
  CHECK(names(R"(["v_proj"])", {{"layers_to_transform", {0, 7}}, {"layers_pattern", {"h", "layers"}}}) ==
        "0v ");
  CHECK(names(R"(["v_proj"])", {{"layers_to_transform", nlohmann::json::array()}}) == "0v 1v ");
}

TEST_CASE("configs of what is not supported are refused by name", "[peft]") {
  struct Change {
    const char* field;
    nlohmann::json value;
    const char* part;
  };
  const Change changes[] = {
      {"target_modules", {"query_key_value"}, "of the model's modules down_proj gate_proj k_proj"},
      {"target_modules", "q_proj", "target_modules = \"q_proj\""},
      {"target_modules", {"v_proj", "lm_head"}, "adapts 'lm_head': LoRA is supported only in the blocks"},
      {"target_modules", {"v_proj", "embed_tokens"}, "adapts 'model.embed_tokens'"},
      {"target_modules", {"v_proj", 1}, "a list of names"},
      {"exclude_modules", 3, "exclude_modules = 3"},
      {"modules_to_save", {"norm"}, "modules_to_save: has 'model.norm'"},
      {"modules_to_save", {"v_proj"}, "modules_to_save: has 'model.layers.0.self_attn.v_proj'"},
      {"modules_to_save", "lm_head", "modules_to_save = \"lm_head\": must be a list of names"},
      {"rank_pattern", {{"q_proj", 0}}, "rank_pattern: 0 for 'model.layers.0.self_attn.q_proj'"},
      {"rank_pattern", {{"q_proj", 1e9}}, "must be an integer in [1, 1024]"},
      {"rank_pattern", {{"q_proj", 2.5}}, "must be an integer in [1, 1024]"},
      {"rank_pattern", {{"q_proj", "4"}}, "rank_pattern: \"q_proj\" = \"4\": must be a number"},
      {"rank_pattern", {"q_proj"}, "rank_pattern = [\"q_proj\"]"},
      {"alpha_pattern", {{"q_proj", -1}}, "lora alpha = -1"},
      {"alpha_pattern", {{"q_proj", 1e300}}, "lora alpha = inf"},
      {"layers_to_transform", {"0"}, "layers_to_transform = [\"0\"]"},
      {"layers_to_transform", {-1}, "the number of a block from 0"},
      {"layers_to_transform", {5}, "target_modules"},
      {"init_lora_weights", "pissa_niter_16", "path_initial_model_for_weight_conversion"},
      {"init_lora_weights", "olora", "init_lora_weights = \"olora\""},
      {"init_lora_weights", "corda", "init_lora_weights = \"corda\""},
      {"init_lora_weights", "loftq", "init_lora_weights = \"loftq\""},
      {"bias", "lora_only", "merge it with peft"},
      {"lora_bias", true,
       "lora_bias = true: must be null, false or empty: not supported; merge it with peft"},
      {"fan_in_fan_out", true, "fan_in_fan_out = true"},
      {"trainable_token_indices", {5}, "trainable_token_indices = [5]"},
      {"layer_replication", {{0, 1}}, "layer_replication"},
      {"target_parameters", {"x"}, "target_parameters"},
      {"some_later_idea", 0.5, "some_later_idea = 0.5"},
  };
  for (const Change& change : changes) {
    EditedConfig config;
    config.fields[change.field] = change.value;
    CHECK_THAT(config.refusal(), ContainsSubstring(change.part));
    CHECK_THAT(config.refusal(), ContainsSubstring(peft_config_file));
  }
}

TEST_CASE("configs of older versions of peft are read", "[peft]") {
  EditedConfig config;
  nlohmann::json old = nlohmann::json::object();
  for (const char* field :
       {"base_model_name_or_path", "bias", "fan_in_fan_out", "inference_mode", "init_lora_weights",
        "lora_alpha", "lora_dropout", "modules_to_save", "peft_type", "r", "target_modules", "task_type"})
    old[field] = config.fields.at(field);
  old.update({{"enable_lora", nullptr}, {"merge_weights", false}});
  config.fields = old;
  CHECK(config.modules(hub_shape("llama")).size() == 8);
}

TEST_CASE("patterns that explode or are not Python's are refused soon", "[peft]") {
  const auto start = std::chrono::steady_clock::now();
  const std::pair<nlohmann::json, const char*> patterns[] = {
      {"(.*.*.*.*.*.*.*.*)*[xy]", "limit exceeded"},
      {"((.*)*)*(\\2\\1)*[#%]", "limit exceeded"},
      {"(q_proj", "pattern \"(q_proj\""},
      {"(?R)", "\"(?R\""},
      {"(?i).*q_proj", "\"(?i\""},
      {"(*LIMIT_MATCH=1000000000).*", "\"(*\""},
      {"\\Qq_proj\\E", "\\Q"},
      {".*[[:alpha:]]_proj", "\"[:\""},
      {".*\\.q{,1}_proj", "\"{,\""},
      {std::string(70000, 'a'), "70000 bytes"},
  };
  for (const auto& [pattern, part] : patterns) {
    EditedConfig config;
    config.fields["target_modules"] = pattern;
    const std::string message = config.refusal();
    CHECK_THAT(message, ContainsSubstring(part));
    CHECK_THAT(message, ContainsSubstring("target_modules"));
  }
  EditedConfig many;
  for (int i = 0; i < 40; ++i) many.fields["alpha_pattern"][fmt::format("(.*.*.*)*[xy]{}", i)] = 1;
  CHECK_THAT(many.refusal(), ContainsSubstring("alpha_pattern"));
  EditedConfig nested;
  nested.fields["alpha_pattern"] = {{"(.*.*.*.*)*[xy]", 1}};
  CHECK_THAT(nested.refusal(), ContainsSubstring("alpha_pattern"));
  EditedConfig saves;
  saves.fields["modules_to_save"] = {"(.*.*.*.*.*)*[xy]"};
  CHECK_THAT(saves.refusal(), ContainsSubstring("modules_to_save"));
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(20));
  const TemporaryFolder folder;
  folder.write(peft_config_file, "{\"peft_type\": \"LORA\", \"target_modules\": \"\xff\"}");
  CHECK_THAT(message_of([&] { read_peft_lora_config(folder.path() / peft_config_file, hub_shape("llama")); }),
             ContainsSubstring("invalid UTF-8"));
}

TEST_CASE("tensors that do not fit the config or the model are refused by name", "[peft]") {
  const auto refusal = [](const std::string& of, const std::string& base, const nlohmann::json& fields) {
    EditedConfig config(of);
    std::filesystem::copy(peft_folder(of) / peft_weights_file, config.folder.path());
    config.fields.update(fields);
    static_cast<void>(config.written());
    model::Parameters theta = llm::load_hugging_face(hub::folder(base));
    return any_message_of(
        [&] { llm::apply_changes(theta, read_peft_with_changes(config.folder.path(), theta.config())); });
  };
  CHECK_THAT(refusal("llama-patterns", "llama", {{"rank_pattern", nullptr}}),
             ContainsSubstring("its shape [2, 16] is not [3, 16]"));
  CHECK_THAT(refusal("llama-layers", "llama", {{"layers_to_transform", {0}}}),
             ContainsSubstring("layers.0.self_attn.q_proj.lora_A.weight' is missing"));
  CHECK_THAT(refusal("llama-layers", "llama", {{"target_modules", {"q_proj"}}}),
             ContainsSubstring("adapter_config.json names no such weight"));
  CHECK_THAT(refusal("qwen2-dora", "qwen2", {{"use_dora", false}}),
             ContainsSubstring("lora_magnitude_vector': adapter_config.json names no such weight"));
  CHECK_THAT(refusal("llama-lora", "llama", {{"use_dora", true}}),
             ContainsSubstring("lora_magnitude_vector' is missing"));
  CHECK_THAT(refusal("llama-lora", "llama", {{"modules_to_save", {"lm_head"}}}),
             ContainsSubstring("lm_head.weight' is missing"));
  CHECK(refusal("llama-saved", "llama", {{"modules_to_save", nullptr}}).empty());  // peft replaces them too
}

TEST_CASE("saved embeddings of a model whose head shares them, or of another vocabulary, are refused",
          "[peft]") {
  const model::Parameters theta = llm::load_hugging_face(hub::folder("qwen2"));
  const model::Config& shape = theta.config();
  const auto change = [&](std::size_t rows, bool separate, float head) {
    PeftAdapter adapter{Lora(shape, {}), {}, {"adapter_config.json", {}, {}}};
    for (const char* module : {"token_embd", "output"})
      adapter.changes.weights.push_back({std::string("tensor.") + module, module, separate, rows, shape.width,
                                         std::vector<float>(rows * shape.width, 1.0F)});
    adapter.changes.weights[1].values[0] = head;
    model::Parameters copy = theta.clone();
    return any_message_of([&] {
      llm::apply_changes(copy, std::move(adapter));
      require(copy.values()[0] == 1.0F, "the embedding is unchanged");
    });
  };
  CHECK(change(shape.vocab, false, 1.0F).empty());
  CHECK_THAT(change(shape.vocab, false, 2.0F), ContainsSubstring("an embedding and another head"));
  CHECK_THAT(change(shape.vocab, true, 1.0F), ContainsSubstring("share one matrix"));
  CHECK_THAT(change(shape.vocab + 1, false, 1.0F), ContainsSubstring("a vocabulary that grew?"));
}

TEST_CASE("a folder with a pickle is refused with the command that converts it", "[peft]") {
  EditedConfig config;
  config.folder.write(peft_pickle_file, "x");
  static_cast<void>(config.written());
  const std::string message = message_of([&] { read_peft_lora(config.folder.path(), hub_shape("llama")); });
  CHECK_THAT(message, ContainsSubstring("adapter_model.bin: weights as a pickle are not read"));
  CHECK_THAT(message, ContainsSubstring("save_file({k: v.contiguous()"));
}

/// @file LoRA as GGUF files: the factors are those that peft saved (tests/golden/hub_peft), with the names,
/// extents and rows of llama.cpp's converter (convert_lora_to_gguf.py).
#include "zofo/peft/gguf_lora.hpp"

#include <algorithm>
#include <cstring>

#include "catch.hpp"
#include "data/temporary_folder.hpp"
#include "train/hub.hpp"
#include "zofo/checkpoint/gguf_writer.hpp"
#include "zofo/checkpoint/json_document.hpp"
#include "zofo/checkpoint/safetensors.hpp"
#include "zofo/core/error.hpp"
#include "zofo/model_io/hugging_face_config.hpp"
#include "zofo/model_io/load_hugging_face.hpp"
#include "zofo/peft/peft_format.hpp"

using namespace zofo;
using namespace zofo::peft;
namespace hub = zofo::llm::hub;

namespace {

/// An adapter that peft saved, as a GGUF file.
struct SavedLora {
  SavedLora(const std::string& model, const std::string& adapter, const std::string& architecture)
      : config(
            llm::read_hugging_face_config(checkpoint::JsonFields::load(hub::folder(model) / "config.json"))),
        saved(hub::folder("").parent_path().parent_path() / "hub_peft" / adapter),
        read(read_peft_lora(saved, config)),
        path(folder.path() / "lora.gguf") {
    write_gguf_lora(path, config, architecture, read.lora, values());
  }
  [[nodiscard]] std::span<const float> values() const {
    return {read.values.data(), static_cast<std::size_t>(read.values.size())};
  }
  [[nodiscard]] std::vector<float> of_peft(const std::string& name) const {
    const checkpoint::SafetensorsFile file(saved / peft_weights_file);
    std::vector<float> result(file.tensor("base_model.model.model.layers.1." + name).elements);
    file.read("base_model.model.model.layers.1." + name, result);
    return result;
  }
  [[nodiscard]] std::vector<float> of_gguf(const std::string& name) const {
    const checkpoint::GgufFile file(path);
    std::vector<float> result(file.tensor("blk.1." + name).elements);
    file.read("blk.1." + name, result);
    return result;
  }
  model::Config config;
  std::filesystem::path saved;
  PeftLora read;
  TemporaryFolder folder;
  std::filesystem::path path;
};

/// LlamaModel.permute of llama.cpp's converter: in each head, row j of the first half becomes row 2j, row j
/// of the second half row 2j + 1.
std::vector<float> permuted(const std::vector<float>& rows, std::size_t heads, std::size_t cols) {
  const std::size_t half = rows.size() / cols / heads / 2;
  std::vector<float> result(rows.size());
  for (std::size_t h = 0; h < heads; ++h)
    for (std::size_t j = 0; j < half; ++j)
      for (std::size_t odd = 0; odd < 2; ++odd)
        std::memcpy(&result[((h * half + j) * 2 + odd) * cols], &rows[((h * 2 + odd) * half + j) * cols],
                    cols * sizeof(float));
  return result;
}

std::vector<std::string> sorted(std::vector<std::string> names) {
  std::ranges::sort(names);
  return names;
}

}  // namespace

TEST_CASE("a LoRA is written as llama.cpp's converter writes it", "[peft]") {
  const SavedLora llama("llama", "llama-lora", "llama");
  const checkpoint::GgufFile file(llama.path);
  CHECK(file.string("general.type") == "adapter");
  CHECK(file.string("adapter.type") == "lora");
  CHECK(file.string("general.architecture") == "llama");
  CHECK(file.number("adapter.lora.alpha") == 6.0);
  const std::uint64_t rank = llama.read.lora.rank();
  CHECK(file.tensor("blk.1.attn_q.weight.lora_a").shape ==
        std::vector<std::uint64_t>{llama.config.width, rank});
  CHECK(file.tensor("blk.1.attn_q.weight.lora_b").shape[0] == rank);
  CHECK(llama.of_gguf("attn_q.weight.lora_a") == llama.of_peft("self_attn.q_proj.lora_A.weight"));
  CHECK(llama.of_gguf("attn_q.weight.lora_b") ==
        permuted(llama.of_peft("self_attn.q_proj.lora_B.weight"), llama.config.heads, rank));
  CHECK(llama.of_gguf("ffn_down.weight.lora_b") == llama.of_peft("mlp.down_proj.lora_B.weight"));
  CHECK_THROWS_AS(write_gguf_lora(llama.path, llama.config, "llama", llama.read.lora, llama.values()), Error);
}

TEST_CASE("rows of a LoRA of Qwen 2 have Hugging Face's order", "[peft]") {
  const SavedLora qwen("qwen2", "qwen2-rslora", "qwen2");
  bool any = false;
  for (const auto& [there, here] :
       {std::pair{"attn_q", "q_proj"}, {"attn_k", "k_proj"}, {"attn_v", "v_proj"}}) {
    if (!checkpoint::GgufFile(qwen.path).has_tensor(fmt::format("blk.1.{}.weight.lora_b", there))) continue;
    any = true;
    CHECK(qwen.of_gguf(fmt::format("{}.weight.lora_b", there)) ==
          qwen.of_peft(fmt::format("self_attn.{}.lora_B.weight", here)));
  }
  CHECK(any);
}

TEST_CASE("a LoRA is read back bit for bit, and one of another model is refused", "[peft]") {
  for (const auto& [model, adapter] :
       {std::pair{"llama", "llama-lora"}, {"qwen2", "qwen2-rslora"}, {"opt", "opt-lora"}}) {
    const SavedLora saved(model, adapter, model);
    INFO(model);
    const PeftAdapter again = read_peft(saved.path, saved.config);
    const auto& lora = std::get<Lora>(again.layout);
    CHECK(lora.options().rank == saved.read.lora.options().rank);
    CHECK(lora.options().alpha == saved.read.lora.options().alpha);
    CHECK(sorted(lora.options().targets) == sorted(saved.read.lora.options().targets));
    CHECK(again.values == saved.read.values);
    model::Config other = saved.config;
    other.ffn *= 2;
    other.width *= 2;
    CHECK_THAT(message_of([&] { read_peft(saved.path, other); }),
               ContainsSubstring("an adapter of another model?"));
    other = saved.config;
    other.layers -= 1;
    CHECK_THAT(message_of([&] { read_peft(saved.path, other); }),
               ContainsSubstring("the model has no such weight"));
  }
}

TEST_CASE("a LoRA with ranks and scales of its modules' own computes the same from a GGUF file", "[peft]") {
  for (const auto& [model, adapter] : {std::pair{"llama", "llama-patterns"},
                                       {"qwen2", "qwen2-patterns-rslora"},
                                       {"llama", "llama-layers"}}) {
    INFO(adapter);
    const SavedLora saved(model, adapter, model);
    const PeftAdapter again = read_peft(saved.path, saved.config);
    const model::Parameters theta = llm::load_hugging_face(llm::hub::folder(model));
    const std::filesystem::path golden =
        std::filesystem::path(ZOFO_SOURCE_DIR) / "tests/golden/hub_peft" / adapter;
    CHECK(llm::hub::largest_difference(theta, golden, again.layout, &again.values) < 1e-4);
  }
}

TEST_CASE("GGUF files that are no LoRA are refused", "[peft]") {
  const SavedLora saved("llama", "llama-lora", "llama");
  const auto refusal = [&](const std::string& type, const std::string& adapter, const std::string& tensor,
                           const std::vector<std::uint64_t>& shape) {
    checkpoint::GgufWriter file;
    file.string("general.architecture", "llama");
    if (!type.empty()) file.string("general.type", type);
    file.string("adapter.type", adapter);
    file.tensor(tensor, shape, std::vector<float>(shape.size() == 1 ? shape[0] : shape[0] * shape[1]));
    file.write(saved.folder.path() / "other.gguf");
    return message_of([&] { read_peft(saved.folder.path() / "other.gguf", saved.config); });
  };
  CHECK_THAT(refusal("model", "lora", "a", {1}),
             ContainsSubstring("general.type = 'model': must be adapter"));
  CHECK_THAT(refusal("", "lora", "a", {1}), ContainsSubstring("general.type = ''"));
  CHECK_THAT(refusal("adapter", "control", "a", {1}),
             ContainsSubstring("adapter.type = 'control': must be lora"));
  CHECK_THAT(refusal("adapter", "lora", "a", {1}),
             ContainsSubstring("has no tensor blk.N.NAME.weight.lora_a"));
  CHECK_THAT(refusal("adapter", "lora", "blk.0.attn_q.weight.lora_a", {16}),
             ContainsSubstring("its shape [16]"));
  CHECK_THAT(refusal("adapter", "lora", "blk.0.attn_q.weight.lora_a", {16, 2000}),
             ContainsSubstring("at most 1024"));
  CHECK_THAT(refusal("adapter", "lora", "blk.0.attn_q.weight.lora_a", {16, 4}),
             ContainsSubstring("lora_b' is missing"));
}

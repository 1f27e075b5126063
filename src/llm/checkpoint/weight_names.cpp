#include "zofo/checkpoint/weight_names.hpp"

#include <array>
#include <cstddef>

#include "zofo/core/error.hpp"

namespace zofo::checkpoint {

namespace {

// The norms of a block's outputs have the name of the norm before the MLP, which such a block does not have.
constexpr std::array<NamePair, 13> llama_block{{{"attn_norm", "input_layernorm"},
                                                {"attn_q", "self_attn.q_proj"},
                                                {"attn_k", "self_attn.k_proj"},
                                                {"attn_v", "self_attn.v_proj"},
                                                {"attn_q_norm", "self_attn.q_norm"},
                                                {"attn_k_norm", "self_attn.k_norm"},
                                                {"attn_output", "self_attn.o_proj"},
                                                {"post_attention_norm", "post_attention_layernorm"},
                                                {"ffn_norm", "post_attention_layernorm"},
                                                {"ffn_gate", "mlp.gate_proj"},
                                                {"ffn_up", "mlp.up_proj"},
                                                {"ffn_down", "mlp.down_proj"},
                                                {"post_ffw_norm", "post_feedforward_layernorm"}}};
constexpr std::array<NamePair, 13> gemma_block = [] {
  auto block = llama_block;
  for (NamePair& pair : block)
    if (pair.layout == "ffn_norm") pair.hugging_face = "pre_feedforward_layernorm";
  return block;
}();
constexpr std::array<NamePair, 9> phi3_block{{{"attn_norm", "input_layernorm"},
                                              {"attn_q", "self_attn.qkv_proj"},
                                              {"attn_k", "self_attn.qkv_proj"},
                                              {"attn_v", "self_attn.qkv_proj"},
                                              {"attn_output", "self_attn.o_proj"},
                                              {"ffn_norm", "post_attention_layernorm"},
                                              {"ffn_gate", "mlp.gate_up_proj"},
                                              {"ffn_up", "mlp.gate_up_proj"},
                                              {"ffn_down", "mlp.down_proj"}}};
constexpr std::array<NamePair, 8> opt_block{{{"attn_norm", "self_attn_layer_norm"},
                                             {"attn_q", "self_attn.q_proj"},
                                             {"attn_k", "self_attn.k_proj"},
                                             {"attn_v", "self_attn.v_proj"},
                                             {"attn_output", "self_attn.out_proj"},
                                             {"ffn_norm", "final_layer_norm"},
                                             {"ffn_up", "fc1"},
                                             {"ffn_down", "fc2"}}};
constexpr std::array<NamePair, 2> llama_outer{{{"token_embd", "embed_tokens"}, {"output_norm", "norm"}}};
constexpr std::array<NamePair, 5> opt_outer{{{"token_embd", "embed_tokens"},
                                             {"position_embd", "embed_positions"},
                                             {"project_in", "project_in"},
                                             {"project_out", "project_out"},
                                             {"output_norm", "final_layer_norm"}}};

std::string_view find_name(std::span<const NamePair> table, std::string_view module) {
  for (const NamePair& pair : table)
    if (pair.layout == module) return pair.hugging_face;
  fail("weight '{}': has no name in this family of Hugging Face models", module);
}

}  // namespace

std::span<const NamePair> block_names(Naming naming) {
  if (naming == Naming::opt) return opt_block;
  if (naming == Naming::gemma) return gemma_block;
  if (naming == Naming::phi3) return phi3_block;
  return llama_block;
}

std::span<const NamePair> outer_names(Naming naming) {
  if (naming == Naming::opt) return opt_outer;
  return llama_outer;
}

std::string_view default_prefix(Naming naming) { return naming == Naming::opt ? "model.decoder." : "model."; }

std::string hugging_face_module(std::string_view module, Naming naming, std::string_view prefix) {
  if (module == "output") return "lm_head";
  if (!module.starts_with("blk.")) return fmt::format("{}{}", prefix, find_name(outer_names(naming), module));
  const std::size_t dot = module.find('.', 4);
  require(dot != std::string_view::npos, "weight '{}': must be blk.N.NAME", module);
  return fmt::format("{}layers.{}.{}", prefix, module.substr(4, dot - 4),
                     find_name(block_names(naming), module.substr(dot + 1)));
}

std::string hugging_face_name(std::string_view weight, Naming naming, std::string_view prefix) {
  constexpr std::string_view bias = ".bias";
  const bool biased = weight.ends_with(bias);
  if (biased) weight.remove_suffix(bias.size());
  return hugging_face_module(weight, naming, prefix) + (biased ? ".bias" : ".weight");
}

std::string gguf_name(std::string_view weight, Naming naming) {
  constexpr std::string_view bias = ".bias";
  const bool biased = weight.ends_with(bias);
  if (biased) weight.remove_suffix(bias.size());
  std::string name(weight);
  if (naming == Naming::phi3)
    for (const NamePair& pair : {NamePair{"attn_q", "attn_qkv"}, NamePair{"attn_k", "attn_qkv"},
                                 NamePair{"attn_v", "attn_qkv"}, NamePair{"ffn_gate", "ffn_up"}})
      if (name.ends_with(fmt::format(".{}", pair.layout))) {
        name.replace(name.size() - pair.layout.size(), std::string::npos, pair.hugging_face);
        break;
      }
  return name + (biased ? ".bias" : ".weight");
}

}  // namespace zofo::checkpoint

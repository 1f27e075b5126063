#include "zofo/model_io/gguf_file_type.hpp"

#include <charconv>
#include <string_view>

namespace zofo::llm {

namespace {

using checkpoint::GgmlType;

// The block of a weight `blk.N.NAME`.
std::uint32_t block_of(std::string_view weight) {
  std::uint32_t block = 0;
  weight.remove_prefix(4);
  std::from_chars(weight.data(), weight.data() + weight.size(), block);
  return block;
}

// llama.cpp's use_more_bits().
bool is_sensitive(std::uint32_t block, std::uint32_t blocks) {
  const std::uint32_t eighth = blocks / 8;
  return block < eighth || block >= 7 * blocks / 8 || (block - eighth) % 3 == 2;
}

// llama.cpp's LLM_TYPE_70B, by which it recognises Llama 2 and 3 of 70B and Qwen 2 of 72B.
bool is_70b(const model::Config& config) { return config.layers == 80 && config.kv_heads != config.heads; }

GgmlType wanted_type(GgufFileType file, const model::Config& config, const model::Tensor& weight) {
  const GgmlType type = info(file).type;
  const bool mixed = file == GgufFileType::q4_0 || file == GgufFileType::q4_k_m || file == GgufFileType::q6_k;
  if (!mixed) return type;
  if (weight.name == "output" || (config.tied && weight.name == "token_embd")) {
    const bool whole = weight.cols % checkpoint::find_format(type)->values == 0;
    return whole ? GgmlType::Q6_K : GgmlType::Q8_0;
  }
  if (file != GgufFileType::q4_k_m) return type;
  const bool v = weight.name.ends_with(".attn_v");
  if ((v || weight.name.ends_with(".ffn_down")) && is_sensitive(block_of(weight.name), config.layers))
    return GgmlType::Q6_K;
  return v && is_70b(config) ? GgmlType::Q5_K : type;
}

// The type for rows that may not be whole blocks.
GgmlType fitting_type(GgmlType type, std::uint32_t cols) {
  const auto fits = [&](GgmlType each) { return cols % checkpoint::find_format(each)->values == 0; };
  if (fits(type)) return type;
  GgmlType other = GgmlType::F32;
  if (type == GgmlType::Q4_K) other = GgmlType::Q5_0;
  if (type == GgmlType::Q5_K || type == GgmlType::Q6_K) other = GgmlType::Q8_0;
  return fits(other) ? other : GgmlType::F32;
}

}  // namespace

GgmlType stored_type(GgufFileType file, const model::Config& config, const model::Tensor& weight) {
  if (weight.rows == 1 || weight.name == "position_embd") return GgmlType::F32;
  return fitting_type(wanted_type(file, config, weight), weight.cols);
}

}  // namespace zofo::llm

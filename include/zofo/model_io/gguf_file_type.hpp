/// @file llama.cpp's types of GGUF files: which storage type each weight has.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "zofo/checkpoint/ggml_type.hpp"
#include "zofo/model/layout.hpp"

namespace zofo::llm {

/// File types that can be written, in the order of gguf_file_types.
enum class GgufFileType : std::uint8_t { f32, f16, bf16, q8_0, q4_0, q4_k_m, q6_k };

/// The row of a file type.
struct GgufFileTypeInfo {
  std::string_view name;      ///< as users write it
  checkpoint::GgmlType type;  ///< of most matrices
  std::uint32_t number;       ///< `general.file_type` (llama.h, enum llama_ftype)
};

/// All file types that can be written.
inline constexpr std::array<GgufFileTypeInfo, 7> gguf_file_types{{{"f32", checkpoint::GgmlType::F32, 0},
                                                                  {"f16", checkpoint::GgmlType::F16, 1},
                                                                  {"bf16", checkpoint::GgmlType::BF16, 32},
                                                                  {"q8_0", checkpoint::GgmlType::Q8_0, 7},
                                                                  {"q4_0", checkpoint::GgmlType::Q4_0, 2},
                                                                  {"q4_k_m", checkpoint::GgmlType::Q4_K, 15},
                                                                  {"q6_k", checkpoint::GgmlType::Q6_K, 18}}};

/// The row of a file type.
constexpr const GgufFileTypeInfo& info(GgufFileType type) {
  return gguf_file_types[static_cast<std::size_t>(type)];
}

/// The storage type of a weight of a model, as llama.cpp chooses it without an importance matrix
/// (llama-quant.cpp):
/// * vectors and position embeddings are F32;
/// * in files of q4_0, q4_k_m and q6_k the output matrix, and an embedding that is tied to it, is Q6_K;
/// * in those of q4_k_m the v and down projections of the first and last eighth of the blocks, and of every
///   third block between, are Q6_K; v of a Llama 70B is Q5_K otherwise;
/// * rows that are not whole blocks of 256 are Q5_0 instead of Q4_K, Q8_0 instead of Q5_K and Q6_K; rows that
///   are not whole blocks of 32 are F32 (in llama.cpp: F16).
checkpoint::GgmlType stored_type(GgufFileType file, const model::Config& config, const model::Tensor& weight);

}  // namespace zofo::llm

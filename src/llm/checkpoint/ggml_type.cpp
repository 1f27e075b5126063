#include "zofo/checkpoint/ggml_type.hpp"

#include <array>
#include <string>

#include "block_formats.hpp"
#include "zofo/core/error.hpp"

namespace zofo::checkpoint {

namespace {

// A half's largest value, the limit of all scales that are stored as halves.
constexpr float half_max = 65504.0F;
constexpr float float_max = 0x1.fffffep127F;

// By ggml's number of the type. `largest` of a quantised type follows from its scale: Q4_0 stores up to 8 of
// its steps, Q6_K up to 31 times 127, and so on.
constexpr std::array<GgmlFormat, 43> formats{{
    {"F32", 1, 4, read_f32, write_f32, float_max},
    {"F16", 1, 2, read_f16, write_f16, half_max},
    {"Q4_0", 32, 18, read_q4_0, write_q4_0, 7.0F * half_max},
    {"Q4_1", 32, 20, read_q4_1},
    {"Q4_2"},
    {"Q4_3"},
    {"Q5_0", 32, 22, read_q5_0, write_q5_0, 15.0F * half_max},
    {"Q5_1", 32, 24, read_q5_1},
    {"Q8_0", 32, 34, read_q8_0, write_q8_0, 127.0F * half_max},
    {"Q8_1", 32, 36},
    {"Q2_K", super_block, 84, read_q2_k},
    {"Q3_K", super_block, 110, read_q3_k},
    {"Q4_K", super_block, 144, read_q4_k, write_q4_k, 62.0F * half_max},
    {"Q5_K", super_block, 176, read_q5_k, write_q5_k, 62.0F * half_max},
    {"Q6_K", super_block, 210, read_q6_k, write_q6_k, 31.0F * 127.0F * half_max},
    {"Q8_K", super_block, 292, read_q8_k},
    {"IQ2_XXS", super_block, 66},
    {"IQ2_XS", super_block, 74},
    {"IQ3_XXS", super_block, 98},
    {"IQ1_S", super_block, 50},
    {"IQ4_NL", 32, 18, read_iq4_nl},
    {"IQ3_S", super_block, 110},
    {"IQ2_S", super_block, 82},
    {"IQ4_XS", super_block, 136, read_iq4_xs},
    {"I8", 1, 1},
    {"I16", 1, 2},
    {"I32", 1, 4},
    {"I64", 1, 8},
    {"F64", 1, 8, read_f64},
    {"IQ1_M", super_block, 56},
    {"BF16", 1, 2, read_bf16, write_bf16, float_max},
    {"Q4_0_4_4"},
    {"Q4_0_4_8"},
    {"Q4_0_8_8"},
    {"TQ1_0", super_block, 54},
    {"TQ2_0", super_block, 66},
    {"IQ4_NL_4_4"},
    {"IQ4_NL_4_8"},
    {"IQ4_NL_8_8"},
    {"MXFP4", 32, 17, read_mxfp4},
    {"NVFP4", 64, 36},
    {"Q1_0", 128, 18},
    {"Q2_0", 64, 18},
}};
static_assert(formats[static_cast<std::size_t>(GgmlType::Q6_K)].name == "Q6_K" &&
              formats[static_cast<std::size_t>(GgmlType::IQ4_XS)].name == "IQ4_XS" &&
              formats[static_cast<std::size_t>(GgmlType::BF16)].name == "BF16" &&
              formats[static_cast<std::size_t>(GgmlType::MXFP4)].name == "MXFP4");

// The names of all types that have a conversion, separated by commas.
template <class Conversion>
std::string names_with(Conversion GgmlFormat::* conversion) {
  std::string list;
  for (const GgmlFormat& format : formats)
    if (format.*conversion != nullptr) list.append(list.empty() ? "" : ", ").append(format.name);
  return list;
}

template <class Conversion>
const GgmlFormat& format_with(Conversion GgmlFormat::* conversion, GgmlType type, std::string_view location) {
  const GgmlFormat* const format = find_format(type);
  if (format != nullptr && format->*conversion != nullptr) return *format;
  fail("{}: type {}: must be one of {}", location,
       format != nullptr ? std::string(format->name)
                         : std::to_string(static_cast<std::uint32_t>(type)) + " (not one of ggml's)",
       names_with(conversion));
}

}  // namespace

const GgmlFormat* find_format(GgmlType type) {
  const auto index = static_cast<std::size_t>(type);
  return index < formats.size() ? &formats[index] : nullptr;
}

const GgmlFormat& readable_format(GgmlType type, std::string_view location) {
  return format_with(&GgmlFormat::read, type, location);
}

const GgmlFormat& writable_format(GgmlType type, std::string_view location) {
  return format_with(&GgmlFormat::write, type, location);
}

}  // namespace zofo::checkpoint

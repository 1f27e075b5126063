#include "zofo/peft/gguf_lora.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "peft_fields.hpp"
#include "zofo/checkpoint/check_finite.hpp"
#include "zofo/checkpoint/gguf_writer.hpp"
#include "zofo/checkpoint/quantize.hpp"
#include "zofo/checkpoint/rotary_order.hpp"
#include "zofo/core/error.hpp"

namespace zofo::peft {

namespace {

constexpr std::string_view alpha_key = "adapter.lora.alpha";

// One factor of one projection: its name, its place in the flat vector and its extents in ggml's order.
struct GgufFactor {
  std::string name;
  std::size_t offset = 0;
  std::array<std::uint64_t, 2> shape{};
  std::size_t rotary_heads = 0;  // heads whose rows have Hugging Face's order in the file; 0: none
  float scale = 1.0F;            // of the numbers in the file
  [[nodiscard]] std::size_t size() const { return static_cast<std::size_t>(shape[0] * shape[1]); }
};

std::string factor_name(std::uint32_t layer, std::size_t projection, std::string_view factor) {
  return fmt::format("blk.{}.{}.weight.{}", layer, detail::projection_weights[projection], factor);
}

// All factors, in the flat vector's order. llama.cpp stores the rows of q and k of some architectures as this
// library does.
std::vector<GgufFactor> gguf_factors(const ModelShape& shape, std::string_view architecture,
                                     const Lora& lora) {
  std::vector<GgufFactor> factors;
  for (std::uint32_t layer = 0; layer < shape.layers; ++layer)
    for (std::size_t p = 0; p < projection_names.size(); ++p) {
      const auto projection = static_cast<Projection>(p);
      const Lora::Factors& pair = lora.factors(layer, projection);
      if (!pair.used) continue;
      require(!detail::is_fused(detail::naming_of(shape), projection),
              "lora targets: '{}': this model's files hold q, k and v in one matrix, and gate and up in "
              "another; only o and down can be written",
              projection_names[p]);
      const bool halves = shape.rotary_dim > 0 && checkpoint::gguf_holds_halves(architecture);
      const std::size_t heads = !halves                       ? 0
                                : projection == Projection::q ? shape.heads
                                : projection == Projection::k ? shape.kv_heads
                                                              : 0;
      // A file has one α; llama.cpp divides it by the rank of each module.
      const float common = lora.options().alpha / static_cast<float>(pair.rank);
      const float ratio = pair.scale == common ? 1.0F : pair.scale / common;
      factors.push_back({factor_name(layer, p, "lora_a"), pair.a, {pair.in, pair.rank}, 0});
      factors.push_back({factor_name(layer, p, "lora_b"), pair.b, {pair.rank, pair.out}, heads, ratio});
    }
  return factors;
}

void check_is_lora(const checkpoint::GgufFile& file) {
  const auto require_text = [&](std::string_view key, std::string_view wanted) {
    const std::string found = file.has(key) ? file.string(key) : "";
    require(found == wanted, "{}: {} = '{}': must be {} for an adapter", file.path().string(), key, found,
            wanted);
  };
  require_text("general.type", "adapter");
  require_text("adapter.type", "lora");
}

// The modules that the file has factors of, with their ranks, and α.
LoraOptions read_options(const checkpoint::GgufFile& file, const ModelShape& shape) {
  LoraOptions options;
  const double alpha = file.has(alpha_key) ? file.number(alpha_key) : 0.0;
  for (std::uint32_t layer = 0; layer < shape.layers; ++layer)
    for (std::size_t p = 0; p < projection_names.size(); ++p) {
      const std::string name = factor_name(layer, p, "lora_a");
      if (!file.has_tensor(name)) continue;
      const auto& extents = file.tensor(name).shape;
      require(
          extents.size() == 2 && extents[1] >= 1 && extents[1] <= 1024,
          "{}: tensor '{}': its shape [{}]: must have two extents, and the second, the rank, be at most 1024",
          file.path().string(), name, fmt::join(extents, ", "));
      const auto projection = static_cast<Projection>(p);
      require(shape.gated || projection != Projection::gate,
              "{}: has factors of ffn_gate: the model has no gate", file.path().string());
      const auto rank = static_cast<std::uint32_t>(extents[1]);
      options.modules.push_back(
          {layer, projection, rank, alpha == 0.0 ? static_cast<float>(rank) : static_cast<float>(alpha)});
    }
  require(!options.modules.empty(), "{}: has no tensor blk.N.NAME.weight.lora_a with NAME one of {}",
          file.path().string(), fmt::join(detail::projection_weights, ", "));
  return options;
}

// Throws Error unless the file has exactly these factors, in these shapes.
void check_factors(const checkpoint::GgufFile& file, const std::vector<GgufFactor>& factors) {
  for (const GgufFactor& factor : factors) {
    const auto& shape = file.tensor(factor.name).shape;
    require(std::ranges::equal(shape, factor.shape),
            "{}: tensor '{}': its shape [{}] is not [{}] (an adapter of another model?)",
            file.path().string(), factor.name, fmt::join(shape, ", "), fmt::join(factor.shape, ", "));
  }
  for (const std::string& name : file.tensor_names())
    require(std::ranges::find(factors, name, &GgufFactor::name) != factors.end(),
            "{}: tensor '{}': the model has no such weight", file.path().string(), name);
}

}  // namespace

PeftAdapter read_gguf_lora(const checkpoint::GgufFile& file, const ModelShape& shape) {
  check_is_lora(file);
  Lora lora(shape, read_options(file, shape));
  const std::vector<GgufFactor> factors = gguf_factors(shape, file.string("general.architecture"), lora);
  check_factors(file, factors);
  Eigen::VectorXf values(static_cast<Eigen::Index>(lora.size()));
  for (const GgufFactor& factor : factors) {
    const std::span into(values.data() + factor.offset, factor.size());
    file.read(factor.name, into);
    checkpoint::check_finite(into, fmt::format("{}: tensor '{}'", file.path().string(), factor.name));
    if (factor.rotary_heads > 0)
      checkpoint::interleave_rotary(into, {factor.rotary_heads, shape.head_dim, shape.rotary_dim},
                                    static_cast<std::size_t>(factor.shape[0]));
  }
  return {std::move(lora), std::move(values)};
}

void write_gguf_lora(const std::filesystem::path& path, const ModelShape& shape,
                     std::string_view architecture, const Lora& lora, std::span<const float> values) {
  std::error_code ignored;
  require(!std::filesystem::exists(path, ignored), "{}: already exists: name a new file", path.string());
  require(values.size() == lora.size(), "adapter of {} numbers: its layout has {}", values.size(),
          lora.size());
  checkpoint::GgufWriter file;
  file.string("general.architecture", architecture);
  file.string("general.type", "adapter");
  file.string("adapter.type", "lora");
  file.number(alpha_key, lora.options().alpha);
  const std::vector<GgufFactor> factors = gguf_factors(shape, architecture, lora);
  for (const GgufFactor& factor : factors) file.declare(factor.name, factor.shape, checkpoint::GgmlType::F32);
  file.stream(path, [&](std::size_t index) {
    const GgufFactor& factor = factors[index];
    const auto from = values.subspan(factor.offset, factor.size());
    std::vector<float> rows(from.begin(), from.end());
    if (factor.rotary_heads > 0)
      checkpoint::halve_rotary(rows, {factor.rotary_heads, shape.head_dim, shape.rotary_dim},
                               static_cast<std::size_t>(factor.shape[0]));
    if (factor.scale != 1.0F)
      for (float& each : rows) each *= factor.scale;
    return checkpoint::quantize(checkpoint::GgmlType::F32, rows);
  });
}

}  // namespace zofo::peft

#include "zofo/peft/peft_format.hpp"

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>
#include <vector>

#include "peft_fields.hpp"
#include "zofo/checkpoint/check_finite.hpp"
#include "zofo/checkpoint/rotary_order.hpp"
#include "zofo/checkpoint/safetensors.hpp"
#include "zofo/checkpoint/safetensors_writer.hpp"
#include "zofo/core/atomic_file.hpp"
#include "zofo/core/error.hpp"
#include "zofo/parse/json.hpp"

namespace zofo::peft {

namespace {

// One factor of one projection: its location in the flat vector and in the file.
struct PeftFactor {
  std::string name;
  std::size_t offset = 0;
  std::uint32_t rows = 0;
  std::uint32_t cols = 0;
  std::size_t rotary_heads = 0;  // heads whose rows have another order in the file; 0: none
  [[nodiscard]] std::size_t size() const { return std::size_t{rows} * cols; }
};

// Heads of B's rows that rotary positions rotate in pairs (q and k); 0 for other projections.
std::size_t rotary_heads(const ModelShape& shape, Projection projection) {
  if (shape.rotary_dim == 0) return 0;
  if (projection == Projection::q) return shape.heads;
  return projection == Projection::k ? shape.kv_heads : 0;
}

// All factors of an adapter, in the flat vector's order.
std::vector<PeftFactor> peft_factors(const ModelShape& shape, const Lora& lora) {
  const checkpoint::Naming naming = detail::naming_of(shape);
  std::vector<PeftFactor> factors;
  for (std::uint32_t layer = 0; layer < shape.layers; ++layer)
    for (std::size_t p = 0; p < projection_names.size(); ++p) {
      const auto projection = static_cast<Projection>(p);
      const Lora::Factors& pair = lora.factors(layer, projection);
      if (!pair.used) continue;
      require(
          !detail::is_fused(naming, projection),
          "lora targets: '{}': this model's files hold q, k and v in one matrix, and gate and up in another, "
          "which peft adapts as one; only o and down have a peft file",
          projection_names[p]);
      const std::string name = fmt::format("blk.{}.{}", layer, detail::projection_weights[p]);
      const std::string module = "base_model.model." + checkpoint::hugging_face_module(
                                                           name, naming, checkpoint::default_prefix(naming));
      factors.push_back({module + ".lora_A.weight", pair.a, lora.rank(), pair.in, 0});
      factors.push_back(
          {module + ".lora_B.weight", pair.b, pair.out, lora.rank(), rotary_heads(shape, projection)});
    }
  return factors;
}

// Throws Error unless the file has exactly these factors, in these shapes.
void check_factors(const checkpoint::SafetensorsFile& file, const std::vector<PeftFactor>& factors) {
  std::set<std::string> wanted;
  for (const PeftFactor& factor : factors) {
    const auto& shape = file.tensor(factor.name).shape;
    require(shape.size() == 2 && shape[0] == factor.rows && shape[1] == factor.cols,
            "{}: tensor '{}': its shape [{}] is not [{}, {}] (an adapter of another model?)", file.name(),
            factor.name, fmt::join(shape, ", "), factor.rows, factor.cols);
    wanted.insert(factor.name);
  }
  for (const checkpoint::SafetensorsEntry& entry : file.tensors())
    require(wanted.contains(entry.name),
            "{}: tensor '{}': {} and the model have no such weight (an adapter of another model?)",
            file.name(), entry.name, peft_config_file);
}

}  // namespace

PeftLora read_peft_lora(const std::filesystem::path& folder, const ModelShape& shape) {
  const auto described = checkpoint::JsonFields::load(folder / peft_config_file);
  Lora lora(shape, read_peft_lora_config(described, shape));
  const checkpoint::SafetensorsFile file(folder / peft_weights_file);
  const std::vector<PeftFactor> factors = peft_factors(shape, lora);
  check_factors(file, factors);
  Eigen::VectorXf values(static_cast<Eigen::Index>(lora.size()));
  for (const PeftFactor& factor : factors) {
    const std::span into(values.data() + factor.offset, factor.size());
    file.read(factor.name, into);
    checkpoint::check_finite(into, fmt::format("{}: tensor '{}'", file.name(), factor.name));
    if (factor.rotary_heads > 0)
      checkpoint::interleave_rotary(into, {factor.rotary_heads, shape.head_dim, shape.rotary_dim},
                                    factor.cols);
  }
  std::string base;
  if (described.has("base_model_name_or_path")) base = described.string("base_model_name_or_path");
  return {std::move(lora), std::move(values), std::move(base)};
}

void write_peft_lora(const std::filesystem::path& folder, const ModelShape& shape, const Lora& lora,
                     std::span<const float> values, const std::string& base_model) {
  require(values.size() == lora.size(), "adapter of {} numbers: its layout has {}", values.size(),
          lora.size());
  const std::vector<PeftFactor> factors = peft_factors(shape, lora);
  std::vector<checkpoint::SafetensorsSpec> specs;
  for (const PeftFactor& factor : factors) specs.push_back({factor.name, {factor.rows, factor.cols}});
  checkpoint::SafetensorsWriter file(folder / peft_weights_file, std::move(specs),
                                     checkpoint::SafetensorsType::F32);
  for (const PeftFactor& factor : factors) {
    const auto from = values.subspan(factor.offset, factor.size());
    std::vector<float> rows(from.begin(), from.end());
    if (factor.rotary_heads > 0)
      checkpoint::halve_rotary(rows, {factor.rotary_heads, shape.head_dim, shape.rotary_dim}, factor.cols);
    file.tensor(factor.name, rows);
  }
  file.finish();
  AtomicFile described(folder / peft_config_file);
  described.write(parse::json_text(peft_lora_config(lora.options(), shape, base_model), 2) + "\n");
  described.commit();
}

}  // namespace zofo::peft

#include "zofo/peft/peft_format.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>
#include <system_error>
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

constexpr std::string_view peft_prefix = "base_model.model.";

// A part of the rows of a tensor: one matrix of a file may hold several projections, one below the other.
struct FusedRows {
  std::size_t first = 0;
  std::size_t all = 0;
};

// One factor of one projection: its location in the flat vector and in the file.
struct PeftFactor {
  std::string name;
  std::size_t offset = 0;
  std::uint32_t rows = 0;
  std::uint32_t cols = 0;
  std::size_t rotary_heads = 0;  // heads whose rows have another order in the file; 0: none
  FusedRows in_file = {};        // where its rows are in the tensor
  [[nodiscard]] std::size_t size() const { return std::size_t{rows} * cols; }
};

// Heads of B's rows that rotary positions rotate in pairs (q and k); 0 for other projections.
std::size_t rotary_heads(const ModelShape& shape, Projection projection) {
  if (shape.rotary_dim == 0) return 0;
  if (projection == Projection::q) return shape.heads;
  return projection == Projection::k ? shape.kv_heads : 0;
}

// Name of a module's tensors in the file.
std::string peft_module(const ModelShape& shape, std::string_view name) {
  const checkpoint::Naming naming = detail::naming_of(shape);
  return std::string(peft_prefix)
      .append(checkpoint::hugging_face_module(name, naming, checkpoint::default_prefix(naming)));
}
std::string peft_module(const ModelShape& shape, std::size_t layer, std::size_t projection) {
  return peft_module(shape, fmt::format("blk.{}.{}", layer, detail::projection_weights[projection]));
}

// The rows of a projection's weight in the file's matrix.
FusedRows rows_in_file(const ModelShape& shape, const Lora& lora, std::size_t layer, std::size_t projection) {
  FusedRows rows;
  const std::string module = peft_module(shape, layer, projection);
  for (std::size_t p = 0; p < projection_names.size(); ++p) {
    const Lora::Factors& pair = lora.factors(layer, static_cast<Projection>(p));
    if (!pair.used || peft_module(shape, layer, p) != module) continue;
    if (p < projection) rows.first += pair.out;
    rows.all += pair.out;
  }
  return rows;
}

// All factors of an adapter, in the flat vector's order.
std::vector<PeftFactor> peft_factors(const ModelShape& shape, const Lora& lora) {
  std::vector<PeftFactor> factors;
  for (std::uint32_t layer = 0; layer < shape.layers; ++layer)
    for (std::size_t p = 0; p < projection_names.size(); ++p) {
      const auto projection = static_cast<Projection>(p);
      const Lora::Factors& pair = lora.factors(layer, projection);
      if (!pair.used) continue;
      const std::string module = peft_module(shape, layer, p);
      factors.push_back({module + ".lora_A.weight", pair.a, pair.rank, pair.in, 0, {0, pair.rank}});
      factors.push_back({module + ".lora_B.weight", pair.b, pair.out, pair.rank,
                         rotary_heads(shape, projection), rows_in_file(shape, lora, layer, p)});
    }
  return factors;
}

// Throws Error unless the file has these factors, in these shapes.
void check_factors(const checkpoint::SafetensorsFile& file, const std::vector<PeftFactor>& factors,
                   std::set<std::string>& known) {
  for (const PeftFactor& factor : factors) {
    const auto& shape = file.tensor(factor.name).shape;
    require(shape.size() == 2 && shape[0] == factor.in_file.all && shape[1] == factor.cols,
            "{}: tensor '{}': its shape [{}] is not [{}, {}] (an adapter of another model?)", file.name(),
            factor.name, fmt::join(shape, ", "), factor.in_file.all, factor.cols);
    known.insert(factor.name);
  }
}

// Throws Error for a tensor that is not known.
void check_rest_of_file(const checkpoint::SafetensorsFile& file, const std::set<std::string>& known) {
  for (const checkpoint::SafetensorsEntry& entry : file.tensors())
    require(known.contains(entry.name),
            "{}: tensor '{}': {} names no such weight of the model, or none that can be read (an adapter of "
            "another model?)",
            file.name(), entry.name, peft_config_file);
}

// Reads rows of a tensor of `cols` columns.
void read_finite(const checkpoint::SafetensorsFile& file, const std::string& name, FusedRows rows,
                 std::size_t cols, std::span<float> into) {
  const std::string place = fmt::format("{}: tensor '{}'", file.name(), name);
  if (rows.all * cols == into.size()) {
    file.read(name, into);
    return checkpoint::check_finite(into, place);
  }
  std::vector<float> all(rows.all * cols);
  file.read(name, all);
  checkpoint::check_finite(all, place);
  std::ranges::copy(std::span(all).subspan(rows.first * cols, into.size()), into.begin());
}

// The magnitudes of DoRA; the names of their tensors are added to `known`.
std::vector<DoraMagnitude> read_magnitudes(const checkpoint::SafetensorsFile& file, const ModelShape& shape,
                                           const Lora& lora, std::set<std::string>& known) {
  std::vector<DoraMagnitude> magnitudes;
  for (std::uint32_t layer = 0; layer < shape.layers; ++layer)
    for (std::size_t p = 0; p < projection_names.size(); ++p) {
      const auto projection = static_cast<Projection>(p);
      const Lora::Factors& pair = lora.factors(layer, projection);
      if (!pair.used) continue;
      std::string name = peft_module(shape, layer, p) + ".lora_magnitude_vector";
      if (!file.has(name) && file.has(name + ".weight")) name += ".weight";
      const auto& extents = file.tensor(name).shape;
      const FusedRows rows = rows_in_file(shape, lora, layer, p);
      require(extents.size() == 1 && extents[0] == rows.all,
              "{}: tensor '{}': its shape [{}] is not [{}] (an adapter of another model?)", file.name(), name,
              fmt::join(extents, ", "), rows.all);
      DoraMagnitude magnitude{layer, projection, std::vector<float>(pair.out)};
      read_finite(file, name, rows, 1, magnitude.values);
      if (const std::size_t heads = rotary_heads(shape, projection); heads > 0)
        checkpoint::interleave_rotary(magnitude.values, {heads, shape.head_dim, shape.rotary_dim}, 1);
      magnitudes.push_back(std::move(magnitude));
      known.insert(std::move(name));
    }
  return magnitudes;
}

// The embedding and the head, if the file holds them: those of modules_to_save, and those that peft stores
// for a vocabulary that grew.
std::vector<SavedWeight> read_saved(const checkpoint::SafetensorsFile& file, const ModelShape& shape,
                                    const std::vector<std::string>& separate, std::set<std::string>& known) {
  std::vector<SavedWeight> weights;
  for (const char* module : {"token_embd", "output"}) {
    SavedWeight weight{peft_module(shape, module) + ".weight", module};
    weight.separate = std::ranges::find(separate, module) != separate.end();
    if (!weight.separate && !file.has(weight.tensor)) continue;
    const checkpoint::SafetensorsEntry& entry = file.tensor(weight.tensor);
    require(entry.shape.size() == 2, "{}: tensor '{}': its shape [{}] must have two extents", file.name(),
            weight.tensor, fmt::join(entry.shape, ", "));
    weight.rows = static_cast<std::size_t>(entry.shape[0]);
    weight.cols = static_cast<std::size_t>(entry.shape[1]);
    weight.values.resize(static_cast<std::size_t>(entry.elements));
    read_finite(file, weight.tensor, {0, weight.rows}, weight.cols, weight.values);
    known.insert(weight.tensor);
    weights.push_back(std::move(weight));
  }
  return weights;
}

// Throws Error with the command that converts a folder whose weights are only a pickle.
void check_no_pickle(const std::filesystem::path& folder) {
  std::error_code ignored;
  require(std::filesystem::exists(folder / peft_weights_file, ignored) ||
              !std::filesystem::exists(folder / peft_pickle_file, ignored),
          "{}: weights as a pickle are not read, since reading a pickle can run code: convert them to "
          "safetensors, once, by python -c \"import torch, safetensors.torch as s; "
          "s.save_file({{k: v.contiguous() for k, v in torch.load('{}', map_location='cpu', "
          "weights_only=True).items()}}, '{}')\"",
          (folder / peft_pickle_file).string(), (folder / peft_pickle_file).string(),
          (folder / peft_weights_file).string());
}

}  // namespace

PeftLora read_peft_lora(const std::filesystem::path& folder, const ModelShape& shape) {
  PeftLoraConfig config = read_peft_lora_config(folder / peft_config_file, shape);
  check_no_pickle(folder);
  Lora lora(shape, std::move(config.options));
  const checkpoint::SafetensorsFile file(folder / peft_weights_file);
  const std::vector<PeftFactor> factors = peft_factors(shape, lora);
  std::set<std::string> known;
  check_factors(file, factors, known);
  BackboneChanges changes{(folder / peft_config_file).string(), {}, {}};
  if (config.dora) changes.magnitudes = read_magnitudes(file, shape, lora, known);
  changes.weights = read_saved(file, shape, config.saved, known);
  check_rest_of_file(file, known);
  Eigen::VectorXf values(static_cast<Eigen::Index>(lora.size()));
  for (const PeftFactor& factor : factors) {
    const std::span into(values.data() + factor.offset, factor.size());
    read_finite(file, factor.name, factor.in_file, factor.cols, into);
    if (factor.rotary_heads > 0)
      checkpoint::interleave_rotary(into, {factor.rotary_heads, shape.head_dim, shape.rotary_dim},
                                    factor.cols);
  }
  return {std::move(lora), std::move(values), std::move(changes), std::move(config.base_model)};
}

void check_peft_can_write(const ModelShape& shape, const Lora& lora) {
  for (const std::string& target : lora.options().targets) {
    const auto* const found = std::ranges::find(projection_names, target);
    require(!detail::is_fused(detail::naming_of(shape),
                              static_cast<Projection>(found - projection_names.begin())),
            "lora targets: '{}': this model's files hold q, k and v in one matrix, and gate and up in "
            "another, which "
            "peft adapts as one; only o and down have a peft file",
            target);
  }
}

void write_peft_lora(const std::filesystem::path& folder, const ModelShape& shape, const Lora& lora,
                     std::span<const float> values, const std::string& base_model) {
  require(values.size() == lora.size(), "adapter of {} numbers: its layout has {}", values.size(),
          lora.size());
  check_peft_can_write(shape, lora);
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
  described.write(parse::json_text(peft_lora_config(lora, shape, base_model), 2) + "\n");
  described.commit();
}

}  // namespace zofo::peft

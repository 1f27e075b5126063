#include "zofo/model_io/merge_lora.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <variant>

#include "zofo/core/error.hpp"
#include "zofo/model/target_modules.hpp"
#include "zofo/tensor/cpu/gemm.hpp"

namespace zofo::llm {

namespace {

// Gives the rows of a weight the norms of DoRA's magnitudes.
void rescale_rows(model::Parameters& theta, const peft::DoraMagnitude& magnitude) {
  const std::size_t index = theta.layout().tensor(magnitude.layer, model::role_of(magnitude.projection));
  const model::Tensor& weight = theta.tensors().at(index);
  require(magnitude.values.size() == weight.rows, "{}: {} magnitudes: must be {}, its rows", weight.name,
          magnitude.values.size(), weight.rows);
  for (std::size_t row = 0; row < weight.rows; ++row) {
    const std::span values(theta.data(index) + row * weight.cols, weight.cols);
    double square = 0.0;
    for (const float each : values) square += static_cast<double>(each) * static_cast<double>(each);
    require(square > 0.0, "{}: row {} is 0 under the adapter: DoRA divides by its norm", weight.name, row);
    const double factor = static_cast<double>(magnitude.values[row]) / std::sqrt(square);
    for (float& each : values) each = static_cast<float>(factor * static_cast<double>(each));
  }
}

// Replaces the embedding or the head by a weight of the adapter's file.
void replace(model::Parameters& theta, const peft::BackboneChanges& changes, const peft::SavedWeight& saved) {
  const bool tied = theta.config().tied;
  const std::string place = fmt::format("{}: tensor '{}'", changes.source, saved.tensor);
  require(
      !tied || !saved.separate,
      "{}: the model's head and embedding share one matrix, the adapter has one of its own: merge it with "
      "peft (merge_and_unload) and use the merged model",
      place);
  const std::string name = tied ? "token_embd" : saved.module;
  const auto found = std::ranges::find(theta.tensors(), name, &model::Tensor::name);
  require(found != theta.tensors().end(), "{}: the model has no weight {}", place, name);
  require(
      found->rows == saved.rows && found->cols == saved.cols,
      "{}: its shape [{}, {}] is not the model's [{}, {}] (a vocabulary that grew? merge the adapter with "
      "peft, merge_and_unload, and use the merged model)",
      place, saved.rows, saved.cols, found->rows, found->cols);
  std::ranges::copy(saved.values, theta.data(static_cast<std::size_t>(found - theta.tensors().begin())));
}

}  // namespace

std::optional<peft::PeftAdapter> apply_changes(model::Parameters& theta, peft::PeftAdapter adapter) {
  const peft::BackboneChanges changes = std::exchange(adapter.changes, {});
  require(!theta.config().tied || changes.weights.size() < 2 ||
              changes.weights[0].values == changes.weights[1].values,
          "{}: holds an embedding and another head: those of the model share one matrix", changes.source);
  for (const peft::SavedWeight& saved : changes.weights) replace(theta, changes, saved);
  if (changes.magnitudes.empty()) return adapter;
  merge_lora(theta, std::get<peft::Lora>(adapter.layout), adapter.values);
  for (const peft::DoraMagnitude& each : changes.magnitudes) rescale_rows(theta, each);
  return std::nullopt;
}

void merge_lora(model::Parameters& theta, const peft::Lora& lora, const Eigen::VectorXf& adapter) {
  const auto count = static_cast<std::size_t>(adapter.size());
  require(count == lora.size(), "adapter of {} numbers: its layout has {}", count, lora.size());
  for (std::uint32_t layer = 0; layer < theta.config().layers; ++layer)
    for (std::size_t p = 0; p < peft::projection_names.size(); ++p) {
      const auto projection = static_cast<peft::Projection>(p);
      const peft::Lora::Factors& factors = lora.factors(layer, projection);
      if (!factors.used) continue;
      const std::size_t index = theta.layout().tensor(layer, model::role_of(projection));
      const model::Tensor& weight = theta.tensors().at(index);
      require(weight.rows == factors.out && weight.cols == factors.in,
              "{}: its shape [{}, {}] is not the adapter's [{}, {}]", weight.name, weight.rows, weight.cols,
              factors.out, factors.in);
      const tensor::cpu::ConstView a{adapter.data() + factors.a, factors.rank, factors.in, factors.in};
      const tensor::cpu::ConstView b{adapter.data() + factors.b, factors.out, factors.rank, factors.rank};
      tensor::cpu::gemm_nn(factors.scale, b, a, 1.0F,
                           {theta.data(index), factors.out, factors.in, factors.in});
    }
}

}  // namespace zofo::llm

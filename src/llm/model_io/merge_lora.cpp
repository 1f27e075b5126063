#include "zofo/model_io/merge_lora.hpp"

#include <cstddef>
#include <cstdint>

#include "zofo/core/error.hpp"
#include "zofo/model/target_modules.hpp"
#include "zofo/tensor/cpu/gemm.hpp"

namespace zofo::llm {

void merge_lora(model::Parameters& theta, const peft::Lora& lora, const Eigen::VectorXf& adapter) {
  const auto count = static_cast<std::size_t>(adapter.size());
  require(count == lora.size(), "adapter of {} numbers: its layout has {}", count, lora.size());
  const std::size_t rank = lora.rank();
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
      const tensor::cpu::ConstView a{adapter.data() + factors.a, rank, factors.in, factors.in};
      const tensor::cpu::ConstView b{adapter.data() + factors.b, factors.out, rank, rank};
      tensor::cpu::gemm_nn(lora.scale(), b, a, 1.0F,
                           {theta.data(index), factors.out, factors.in, factors.in});
    }
}

}  // namespace zofo::llm

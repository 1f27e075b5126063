/// @file Low-rank adapters: where the factors A and B of each projection are stored in one flat vector.
#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "zofo/core/error.hpp"
#include "zofo/core/random.hpp"
#include "zofo/peft/model_shape.hpp"

namespace zofo::peft {

/// Projections of a block that may carry an adapter.
enum class Projection : std::uint8_t { q, k, v, o, gate, up, down };
/// Names of the projections, in the order of Projection.
inline constexpr std::array<std::string_view, 7> projection_names{"q", "k", "v", "o", "gate", "up", "down"};

/// An adapted projection of one block, with its own rank and scale.
struct LoraModule {
  std::uint32_t layer = 0;                ///< block
  Projection projection = Projection::q;  ///< of the block
  std::uint32_t rank = 8;                 ///< r
  float alpha = 16.0F;                    ///< α

  /// Whether all members are equal.
  bool operator==(const LoraModule&) const = default;
};

/// Rank r, scale α/r, projections and dropout of LoRA. Source: Hu et al. 2022.
struct LoraOptions {
  std::uint32_t rank = 8;                      ///< r
  float alpha = 16.0F;                         ///< α
  std::vector<std::string> targets{"q", "v"};  ///< target modules: names out of projection_names
  float dropout = 0.0F;                        ///< share of LoRA's inputs dropped in gradients with a key
  /// The adapted projections, where blocks or ranks or scales differ; empty: `targets` of every block.
  std::vector<LoraModule> modules = {};

  /// Throws Error naming the field out of range.
  void check() const {
    check_numbers(rank, alpha);
    for (const LoraModule& module : modules) check_numbers(module.rank, module.alpha);
    require(dropout >= 0.0F && dropout <= 0.95F, "lora dropout = {}: must be in [0, 0.95]", dropout);
    require(!targets.empty(), "lora targets: empty; name some of q, k, v, o, gate, up, down");
    for (std::size_t i = 0; i < targets.size(); ++i) {
      require(
          std::find(projection_names.begin(), projection_names.end(), targets[i]) != projection_names.end(),
          "lora targets: '{}' is not one of q, k, v, o, gate, up, down", targets[i]);
      require(std::find(targets.begin(), targets.begin() + static_cast<std::ptrdiff_t>(i), targets[i]) ==
                  targets.begin() + static_cast<std::ptrdiff_t>(i),
              "lora targets: '{}' is named twice", targets[i]);
    }
  }

 private:
  static void check_numbers(std::uint32_t rank, float alpha) {
    require(rank >= 1 && rank <= 1024, "lora rank = {}: must be in [1, 1024]", rank);
    require_in("lora alpha", alpha, 1e-6, 1e6);
  }
};

/// Layout of an adapter in a flat fp32 vector: layer by layer, target module by target module, A [rank, in]
/// then B [out, rank], both row-major.
class Lora {
 public:
  /// The factors of one projection.
  struct Factors {
    std::size_t a = 0;       ///< first entry of A in the flat vector
    std::size_t b = 0;       ///< first entry of B
    std::uint32_t in = 0;    ///< columns of A
    std::uint32_t out = 0;   ///< rows of B
    std::uint32_t rank = 0;  ///< rows of A, columns of B
    float scale = 0.0F;      ///< α/r
    bool used = false;       ///< false: the projection is not adapted
  };

  /// Throws Error if an option is out of range or the model has no such projection.
  Lora(const ModelShape& shape, LoraOptions options) : options_(std::move(options)), factors_(shape.layers) {
    if (!options_.modules.empty()) options_ = summarised(std::move(options_), shape.layers);
    options_.check();
    require(shape.gated ||
                std::find(options_.targets.begin(), options_.targets.end(), "gate") == options_.targets.end(),
            "lora targets: 'gate': a model of the OPT family has no gate; name some of q, k, v, o, up, down");
    for (std::uint32_t layer = 0; options_.modules.empty() && layer < shape.layers; ++layer)
      for (std::size_t p = 0; p < projection_names.size(); ++p)
        if (std::find(options_.targets.begin(), options_.targets.end(), projection_names[p]) !=
            options_.targets.end())
          place(shape, {layer, static_cast<Projection>(p), options_.rank, options_.alpha});
    for (const LoraModule& module : options_.modules) place(shape, module);
  }

  /// Entries of the vector.
  [[nodiscard]] std::size_t size() const { return size_; }
  /// The largest r.
  [[nodiscard]] std::uint32_t rank() const { return options_.rank; }
  /// α/r where all projections have the same; else those of Factors count.
  [[nodiscard]] float scale() const { return options_.alpha / static_cast<float>(options_.rank); }
  /// The options that the layout was made from. Modules are sorted, and there are none where every block has
  /// the same targets with one rank and one α; `rank` is the largest one.
  [[nodiscard]] const LoraOptions& options() const { return options_; }
  /// Where the projection's factors are stored.
  [[nodiscard]] const Factors& factors(std::size_t layer, Projection projection) const {
    return factors_[layer][static_cast<std::size_t>(projection)];
  }

  /// Initial values: A uniform in ±1/√in (Kaiming with a = √5, as in the authors' code), B zero, so that the
  /// adapter changes nothing. A pure function of the seed.
  [[nodiscard]] Eigen::VectorXf initial(std::uint64_t seed) const {
    Eigen::VectorXf x = Eigen::VectorXf::Zero(static_cast<Eigen::Index>(size_));
    std::uint32_t stream = 0;
    std::vector<double> u;
    for (const auto& layer : factors_)
      for (const Factors& factors : layer) {
        if (!factors.used) continue;
        u.resize(std::size_t{factors.in} * factors.rank);
        uniforms(Direction{seed, 0, 0}, stream++, 0, u.data(), u.size());
        const double bound = 1.0 / std::sqrt(static_cast<double>(factors.in));
        for (std::size_t i = 0; i < u.size(); ++i)
          x[static_cast<Eigen::Index>(factors.a + i)] = static_cast<float>((2.0 * u[i] - 1.0) * bound);
      }
    return x;
  }

 private:
  // Sorts the modules and derives the other options from them; without modules where all blocks are alike.
  static LoraOptions summarised(LoraOptions options, std::uint32_t layers) {
    std::vector<LoraModule>& modules = options.modules;
    std::sort(modules.begin(), modules.end(), [](const LoraModule& a, const LoraModule& b) {
      return std::pair(a.layer, a.projection) < std::pair(b.layer, b.projection);
    });
    std::array<std::size_t, projection_names.size()> blocks{};
    bool alike = true;
    options.rank = modules.front().rank;
    options.alpha = modules.front().alpha;
    for (std::size_t i = 0; i < modules.size(); ++i) {
      const LoraModule& module = modules[i];
      const auto p = static_cast<std::size_t>(module.projection);
      require(module.layer < layers, "lora modules: block {}: the model has {} blocks", module.layer, layers);
      require(
          i == 0 || modules[i - 1].layer != module.layer || modules[i - 1].projection != module.projection,
          "lora modules: '{}' of block {} is named twice", projection_names[p], module.layer);
      alike = alike && module.rank == modules.front().rank && module.alpha == modules.front().alpha;
      options.rank = std::max(options.rank, module.rank);
      ++blocks[p];
    }
    options.targets.clear();
    for (std::size_t p = 0; p < blocks.size(); ++p) {
      if (blocks[p] > 0) options.targets.emplace_back(projection_names[p]);
      alike = alike && (blocks[p] == 0 || blocks[p] == layers);
    }
    if (alike) modules.clear();
    return options;
  }
  void place(const ModelShape& c, const LoraModule& module) {
    const std::uint32_t queries = c.heads * c.head_dim;
    const std::uint32_t keys = c.kv_heads * c.head_dim;
    Factors& factors = factors_[module.layer][static_cast<std::size_t>(module.projection)];
    factors.used = true;
    factors.rank = module.rank;
    factors.scale = module.alpha / static_cast<float>(module.rank);
    factors.in = module.projection == Projection::o      ? queries
                 : module.projection == Projection::down ? c.ffn
                                                         : c.width;
    switch (module.projection) {
      case Projection::q:
        factors.out = queries;
        break;
      case Projection::k:
      case Projection::v:
        factors.out = keys;
        break;
      case Projection::gate:
      case Projection::up:
        factors.out = c.ffn;
        break;
      case Projection::o:
      case Projection::down:
        factors.out = c.width;
        break;
    }
    factors.a = size_;
    factors.b = factors.a + std::size_t{factors.in} * factors.rank;
    size_ = factors.b + std::size_t{factors.out} * factors.rank;
  }

  LoraOptions options_;
  std::size_t size_ = 0;
  std::vector<std::array<Factors, projection_names.size()>> factors_;
};

}  // namespace zofo::peft

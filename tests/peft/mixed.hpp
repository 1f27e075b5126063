/// @file A batch of every kind of adapter on the models of tests/golden/families.json.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "../model/golden.hpp"
#include "zofo/peft/adapter.hpp"

namespace zofo::model::golden {

/// A case of families.json by its name there.
inline Case family(const std::string& name) {
  const auto document = load("families.json");
  for (const auto& j : document.at("cases"))
    if (j.at("name") == name) return Case(j);
  fail("tests/golden/families.json: no case '{}'", name);
}

/// A batch whose sequences have LoRA, a prefix, a prompt and nothing, in turns, and some share an adapter.
struct Mixed {
  /// Of the case of this name in families.json.
  explicit Mixed(const std::string& name) : c(family(name)) {
    layouts = {c.lora, peft::Prefix(c.shape, {3}), peft::Prompt(c.shape, {4})};
    const std::vector<std::pair<peft::Kind, std::size_t>> adapters{{peft::Kind::prompt, 2},
                                                                   {peft::Kind::lora, 0},
                                                                   {peft::Kind::prefix, 1},
                                                                   {peft::Kind::lora, 0},
                                                                   {peft::Kind::prefix, 1}};
    for (std::size_t a = 0; a < adapters.size(); ++a) {
      c.batch.kinds.push_back(adapters[a].first);
      values.push_back(adapter(a, peft::size(layouts[adapters[a].second])));
    }
    const std::vector<int> of{0, 1, -1, 4, 2, 3, 0, 2, 1};
    Batch batch;
    batch.kinds = c.batch.kinds;
    for (std::size_t i = 0; i < of.size(); ++i) {
      std::vector<std::int32_t> tokens;
      for (std::size_t t = 0; t <= 3 * i % 7; ++t)
        tokens.push_back(static_cast<std::int32_t>((11 * i + 7 * t) % c.shape.vocab));
      const std::uint32_t sequence = batch.add(tokens, of[i]);
      for (std::uint32_t p = 0; p < tokens.size(); ++p)
        batch.targets.push_back({sequence, p, static_cast<std::int32_t>((5 * p + i) % c.shape.vocab)});
    }
    c.batch = batch;
  }
  Case c;
  std::vector<peft::Adapter> layouts;
  std::vector<Eigen::VectorXf> values;
};

}  // namespace zofo::model::golden

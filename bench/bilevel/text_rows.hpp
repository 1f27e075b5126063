/// @file Sentences with labels 0 and 1 as rows of hashed words.
#pragma once

#include <Eigen/Core>
#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "bilevel/hashing_vectorizer.hpp"
#include "zofo/core/error.hpp"
#include "zofo/core/random.hpp"
#include "zofo/data/jsonl.hpp"
#include "zofo/problems/rows.hpp"

namespace zofo::bench {

/// Rows of one JSON Lines file (fields `sentence` and `label`); the last column is 1. Error when a file or
/// field is missing or a label is neither 0 nor 1.
[[nodiscard]] inline problems::ClassRows read_text_rows(const std::filesystem::path& file,
                                                        const HashingVectorizer& vectorizer) {
  const auto lines = data::read_jsonl(file);
  const auto n = static_cast<Eigen::Index>(lines.size());
  problems::ClassRows rows{Eigen::MatrixXd::Ones(n, vectorizer.buckets + 1), Eigen::VectorXi(n)};
  for (Eigen::Index i = 0; i < n; ++i) {
    const data::JsonLine& line = lines[static_cast<std::size_t>(i)];
    const std::string label = line.text("label");
    require(label == "0" || label == "1", "{}: label = {}: must be 0 or 1", line.location(), label);
    rows.features.row(i).head(vectorizer.buckets) = vectorizer(line.text("sentence"));
    rows.labels[i] = label == "1" ? 1 : 0;
  }
  return rows;
}

/// SST-2 of a data folder: sst2/train.jsonl and sst2/validation.jsonl.
struct TextData {
  problems::ClassRows train, test;

  [[nodiscard]] static TextData read(const std::filesystem::path& folder,
                                     const HashingVectorizer& vectorizer) {
    return {read_text_rows(folder / "sst2" / "train.jsonl", vectorizer),
            read_text_rows(folder / "sst2" / "validation.jsonl", vectorizer)};
  }
  /// Two disjoint sets of `n` training examples, sampled by the seed. Throws Error when there are too few.
  [[nodiscard]] std::vector<problems::ClassRows> split(Eigen::Index n, std::uint64_t seed) const {
    require(train.size() >= 2 * n, "sst2/train.jsonl has {} rows: must have at least {}", train.size(),
            2 * n);
    std::vector<Eigen::Index> order(static_cast<std::size_t>(train.size()));
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<Eigen::Index>(i);
    std::vector<double> u(order.size());
    uniforms(Direction{seed, 0, 0}, 0, 0, u.data(), u.size());
    for (std::size_t i = 0; i + 1 < order.size(); ++i)  // Fisher and Yates
      std::swap(order[i], order[i + static_cast<std::size_t>(u[i] * static_cast<double>(order.size() - i))]);
    std::vector<problems::ClassRows> sets;
    for (Eigen::Index first : {Eigen::Index{0}, n}) {
      const std::vector<Eigen::Index> picked(order.begin() + first, order.begin() + first + n);
      sets.push_back({train.features(picked, Eigen::all), train.labels(picked)});
    }
    return sets;
  }
};

}  // namespace zofo::bench

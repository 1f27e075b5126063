/// @file Fingerprints of a model and of a task's examples. A run resumes only with the inputs of its start.
#pragma once

#include <Eigen/Core>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>

#include "zofo/lm/encoded_example.hpp"
#include "zofo/model/parameters.hpp"

namespace zofo::llm {

/// Hash (XXH64) of the weights as fp32, in the order of their layout.
std::string hash_of(const model::Parameters& theta);
/// Hash of weights on a device, which are downloaded first.
template <class Theta>
std::string hash_of(const Theta& theta) {
  return hash_of(theta.download());
}

/// Hash of an adapter's values, in the order of its layout.
std::string hash_of(const Eigen::VectorXf& x);

/// Hash of a model's shape and weights.
std::string hash_of_model(const model::Parameters& theta);

/// Hash of examples as the model reads them, including their answer choices.
std::string hash_of_examples(std::span<const EncodedExample> rows);

/// Throws Error naming the first field of `given` that differs from the same field of `saved`.
void check_fingerprint(const nlohmann::json& saved, const nlohmann::json& given);

}  // namespace zofo::llm

/// @file The coefficients of one step of Adam, for optimisers and for fused kernels.
#pragma once

namespace zofo {

/// The coefficients of m ← β₁ m + (1 − β₁) g, v ← β₂ v + (1 − β₂) g², x ← keep·x − rate·m / (√(v·bias2) + ε)
/// (Kingma & Ba 2015, with the decoupled weight decay of Loshchilov & Hutter 2019).
struct AdamNumbers {
  double beta1;    ///< β₁, decay of the first moment m
  double beta2;    ///< β₂, decay of the second moment v
  double epsilon;  ///< ε, added to the root of the second moment
  double rate;     ///< learning rate, divided by 1 − β₁ᵗ
  double bias2;    ///< 1 / (1 − β₂ᵗ)
  double keep;     ///< 1 − rate · weight_decay, with the rate before its division
};

}  // namespace zofo

/// @file The numbers of one step of Adam, for optimisers and for fused kernels.
#pragma once

namespace zofo {

/// m ← β₁ m + (1 − β₁) g, v ← β₂ v + (1 − β₂) g², x ← keep·x − rate·m / (√(v·bias2) + ε) (Kingma & Ba 2015,
/// with the decoupled weight decay of Loshchilov & Hutter 2019).
struct AdamNumbers {
  double beta1, beta2, epsilon;
  double rate;   ///< divided by 1 − β₁ᵗ
  double bias2;  ///< 1 / (1 − β₂ᵗ)
  double keep;   ///< 1 − rate · weight_decay
};

}  // namespace zofo

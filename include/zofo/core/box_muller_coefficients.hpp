/// @file Polynomials of Box-Muller's functions, shared by the processor's and the GPU's generators.
#pragma once

namespace zofo {

/// -2 log(1 + f) / f on [1/sqrt(2) - 1, sqrt(2) - 1], error 1.1e-7.
inline constexpr float kMinusTwoLog[] = {-2.0f,        0.999999583f,  -0.666683197f,
                                         0.500058889f, -0.399168313f, 0.33087492f,
                                         -0.29834789f, 0.289642721f,  -0.179196075f};
/// sin(pi/4 t) / t in t^2 on [0, 1], error 2.7e-8.
inline constexpr float kSine[] = {0.785398185f, -0.0807454363f, 0.00249000709f, -3.59545083e-05f};
/// cos(pi/4 t) in t^2 on [0, 1], error 5.4e-8.
inline constexpr float kCosine[] = {1.0f, -0.308424264f, 0.0158499144f, -0.000318880513f};

}  // namespace zofo

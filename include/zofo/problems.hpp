/// @file All problems whose answers are known, in one include (zofo::zofo).
#pragma once

#include "zofo/problems/hypercleaning.hpp"
#include "zofo/problems/linear_meta_family.hpp"
#include "zofo/problems/logistic.hpp"
#include "zofo/problems/noisy.hpp"
#include "zofo/problems/nonconvex_upper.hpp"
#include "zofo/problems/pl_lower.hpp"
#include "zofo/problems/quadratic.hpp"
#include "zofo/problems/ridge.hpp"

/// @file The framework in one include (zofo::zofo); the language-model rooms are included one by one.
#pragma once

#include "zofo/bilevel/options.hpp"
#include "zofo/bilevel/penalty.hpp"
#include "zofo/bilevel/solver.hpp"
#include "zofo/core/observer.hpp"
#include "zofo/estimate/central.hpp"
#include "zofo/estimate/forward.hpp"
#include "zofo/inner/adam.hpp"
#include "zofo/inner/gradient_descent.hpp"
#include "zofo/inner/sgd.hpp"
#include "zofo/outer/adam.hpp"
#include "zofo/outer/sgd.hpp"
#include "zofo/perturb/gaussian.hpp"
#include "zofo/perturb/rademacher.hpp"
#include "zofo/problems/quadratic.hpp"

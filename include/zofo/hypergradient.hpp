/// @file Checks of a problem's derivatives, and hypergradients by implicit differentiation, in one include.
#pragma once

#include "zofo/hypergradient/check_problem.hpp"
#include "zofo/hypergradient/counted.hpp"
#include "zofo/hypergradient/implicit_gradient.hpp"

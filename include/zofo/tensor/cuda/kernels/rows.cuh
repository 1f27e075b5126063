/// @file Kernels and launchers of rows.hpp, each idea in its own file.
#pragma once

#include "zofo/tensor/cuda/kernels/rows_activate.cuh"
#include "zofo/tensor/cuda/kernels/rows_embed.cuh"
#include "zofo/tensor/cuda/kernels/rows_norm.cuh"
#include "zofo/tensor/cuda/kernels/rows_qkv.cuh"

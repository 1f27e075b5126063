/// @file Kernels and launchers of rows.hpp, each idea in its own file.
#pragma once

#include "cuda/kernels/rows_activate.cuh"
#include "cuda/kernels/rows_embed.cuh"
#include "cuda/kernels/rows_norm.cuh"
#include "cuda/kernels/rows_qkv.cuh"
#include "cuda/kernels/rows_scale.cuh"
#include "cuda/kernels/rows_segment_norm.cuh"

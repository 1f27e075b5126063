/// @file Embedding, and rows gathered and scattered.
#pragma once

#include "cuda/kernels/philox.cuh"
#include "cuda/kernels/row_pack.cuh"
#include "zofo/tensor/cuda/kernels/rows.hpp"

namespace zofo::tensor::cuda {

namespace detail {

/// z of coordinates first … first + 7 of a stream; `first` is a multiple of 8.
__device__ inline void dense_noise(Distribution distribution, const ProbeArgument& probe,
                                   std::uint32_t stream, std::uint64_t first, float (&z)[8]) {
  if (distribution == Distribution::gaussian) {
    const auto block = static_cast<std::uint32_t>(first / 4);
    const float4 front = cuda::normals4(probe, stream, block);
    const float4 back = cuda::normals4(probe, stream, block + 1);
    z[0] = front.x, z[1] = front.y, z[2] = front.z, z[3] = front.w;
    z[4] = back.x, z[5] = back.y, z[6] = back.z, z[7] = back.w;
  } else {
    const uint4 words = cuda::philox_block(probe, stream, static_cast<std::uint32_t>(first / 128));
    const auto bit = static_cast<std::uint32_t>(first % 128);
#pragma unroll
    for (std::uint32_t i = 0; i < 8; ++i) z[i] = cuda::sign_of(words, bit + i);
  }
}

/// z of columns column … column + 7 of a row of low-rank noise, in the order of sums of perturb/low_rank.hpp.
__device__ inline void low_rank_noise(const LowRankTable& noise, std::uint32_t probe, std::uint32_t row,
                                      std::uint32_t width, std::uint32_t column, float (&z)[8]) {
  const float* const u = noise.u + probe * noise.stride + row;
  const float* const v = noise.v + probe * noise.stride + column;
  const float scale = 1.0F / sqrtf(static_cast<float>(noise.rank));
  set_zero(z);
  for (std::size_t l = 0; l < noise.rank; ++l) {
    const float weight = scale * u[l * noise.rows];
#pragma unroll
    for (std::size_t i = 0; i < 8; ++i) z[i] = fmaf(weight, v[l * width + i], z[i]);
  }
}

/// One of the two tables that make up a token's embedding.
template <class T>
struct EmbeddingTable {
  const T* entry;
  std::uint32_t stream;
  LowRankTable noise;
};

/// h += the table's row at a probe, columns column … column + 7. `probes` null: at θ itself.
template <class T>
__device__ inline void add_table_row(const EmbeddingTable<T>& table, Distribution distribution,
                                     const ProbeArgument* probes, std::uint32_t probe, std::uint32_t row,
                                     std::uint32_t width, std::uint32_t column, float (&h)[8]) {
  const std::uint64_t first = std::uint64_t{row} * width + column;
  float value[8];
  load_values(table.entry + first, value);
  const bool low_rank = table.noise.rank != 0;
  if (probes != nullptr && (low_rank || distribution != Distribution::none)) {
    const ProbeArgument at = probes[probe];
    if (at.scale != 0.0F) {
      float z[8];
      if (low_rank)
        low_rank_noise(table.noise, probe, row, width, column, z);
      else
        dense_noise(distribution, at, table.stream, first, z);
#pragma unroll
      for (int i = 0; i < 8; ++i) value[i] = fmaf(at.scale, z[i], value[i]);
    }
  }
#pragma unroll
  for (int i = 0; i < 8; ++i) h[i] += value[i];
}

/// The tables of an Embedding, and what it needs of the rest.
template <class T>
struct EmbeddingTables {
  EmbeddingTable<T> tokens, positions;
  Distribution distribution;
  const ProbeArgument* probes;
  std::uint32_t width, position_offset;
  bool add;
};

template <class T>
__global__ void embed_kernel(Rows rows, const std::int32_t* token, const std::uint32_t* position,
                             const __grid_constant__ EmbeddingTables<T> tables, T* h) {
  const EmbeddingTable<T>&tokens = tables.tokens, &positions = tables.positions;
  const std::uint32_t width = tables.width;
  const std::uint32_t row = blockIdx.x;
  const std::uint32_t probe = row / rows.tokens, at = row - probe * rows.tokens;
  const auto word = tokens.entry != nullptr ? static_cast<std::uint32_t>(token[at]) : 0;
  const std::uint32_t place = positions.entry != nullptr ? position[at] + tables.position_offset : 0;
  for (std::uint32_t column = 8 * threadIdx.x; column < width; column += 8 * blockDim.x) {
    float sum[8];
    set_zero(sum);
    if (tables.add) load_values(h + std::size_t{row} * width + column, sum);
    if (tokens.entry != nullptr)
      add_table_row(tokens, tables.distribution, tables.probes, probe, word, width, column, sum);
    if (positions.entry != nullptr)
      add_table_row(positions, tables.distribution, tables.probes, probe, place, width, column, sum);
    store_values(sum, h + std::size_t{row} * width + column);
  }
}

/// to[probe, i] = from[probe, row[i]] in units of 16 bytes, `units` a row.
__global__ void __launch_bounds__(256)
    gather_rows_kernel(std::uint32_t tokens, std::uint32_t units, const std::uint32_t* row,
                       std::uint32_t count, const uint4* from, uint4* to) {
  const std::size_t source = std::size_t{blockIdx.y} * tokens + row[blockIdx.x];
  const std::size_t target = std::size_t{blockIdx.y} * count + blockIdx.x;
  for (std::uint32_t i = threadIdx.x; i < units; i += blockDim.x)
    to[target * units + i] = from[source * units + i];
}

__global__ void __launch_bounds__(256)
    scatter_rows_kernel(std::uint32_t units, const std::uint32_t* row, const std::uint32_t* used,
                        const uint4* from, uint4* to) {
  if (blockIdx.x >= *used) return;
  const std::size_t target = row[blockIdx.x];
  for (std::uint32_t i = threadIdx.x; i < units; i += blockDim.x)
    to[target * units + i] = from[std::size_t{blockIdx.x} * units + i];
}

/// Pieces of 16 bytes in a row of T.
template <class T>
std::uint32_t units_of(std::uint32_t width) {
  return static_cast<std::uint32_t>(width * sizeof(T) / sizeof(uint4));
}

}  // namespace detail

template <class T>
void embed(cudaStream_t stream, const Embedding& e, const Rows& rows, const PackedTokens& packed,
           const T* table, const T* positions, T* h) {
  if (rows.count() == 0) return;
  const detail::EmbeddingTables<T> tables{.tokens = {table, e.table_stream, e.table_noise},
                                          .positions = {positions, e.position_stream, e.position_noise},
                                          .distribution = e.distribution,
                                          .probes = e.probes,
                                          .width = e.width,
                                          .position_offset = e.position_offset,
                                          .add = e.add};
  detail::embed_kernel<T>
      <<<static_cast<unsigned>(rows.count()), detail::threads_for(e.width / 8, 256), 0, stream>>>(
          rows, packed.token, packed.position, tables, h);
  launched("embed");
}

template <class T>
void gather_rows(cudaStream_t stream, const Rows& rows, std::uint32_t width, const std::uint32_t* row,
                 std::uint32_t count, const T* h, T* out) {
  if (count == 0 || rows.probes == 0) return;
  const std::uint32_t units = detail::units_of<T>(width);
  detail::gather_rows_kernel<<<dim3(count, rows.probes), detail::threads_for(units, 256), 0, stream>>>(
      rows.tokens, units, row, count, reinterpret_cast<const uint4*>(h), reinterpret_cast<uint4*>(out));
  launched("gather_rows");
}

template <class T>
void scatter_rows(cudaStream_t stream, const Rows& rows, std::uint32_t width, const std::uint32_t* row,
                  std::uint32_t count, const std::uint32_t* used, const T* d, T* h) {
  cudaMemsetAsync(h, 0, std::size_t{rows.tokens} * width * sizeof(T), stream);
  launched("scatter_rows: zero");
  if (count == 0) return;
  const std::uint32_t units = detail::units_of<T>(width);
  detail::scatter_rows_kernel<<<count, detail::threads_for(units, 256), 0, stream>>>(
      units, row, used, reinterpret_cast<const uint4*>(d), reinterpret_cast<uint4*>(h));
  launched("scatter_rows");
}

}  // namespace zofo::tensor::cuda

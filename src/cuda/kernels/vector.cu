/// @file The operations on vectors, compiled.
#include <algorithm>

#include "cuda/kernels/vector.cuh"

namespace zofo::tensor::cuda {

using namespace detail;

void axpy(cudaStream_t stream, std::size_t n, float a, const float* x, float* y) {
  if (n == 0) return;
  with_packs<4>(
      [&](auto size) {
        axpy_kernel<size()><<<vector_blocks(n, size()), vector_threads, 0, stream>>>(n, a, x, y);
      },
      x, y);
  launched("axpy");
}

void scale(cudaStream_t stream, std::size_t n, float a, float* x) {
  if (n == 0) return;
  with_packs<4>(
      [&](auto size) {
        scale_kernel<size()><<<vector_blocks(n, size()), vector_threads, 0, stream>>>(n, a, x);
      },
      x);
  launched("scale");
}

std::size_t dot_workspace() { return dot_blocks; }

void dot(cudaStream_t stream, std::size_t n, const float* x, const float* y, double* workspace, double* out) {
  const unsigned blocks = std::clamp(blocks_of(n, dot_entries), 1U, dot_blocks);
  double* const partial = blocks == 1 ? out : workspace;
  with_packs<4>(
      [&](auto size) { dot_kernel<size()><<<blocks, vector_threads, 0, stream>>>(n, x, y, partial); }, x, y);
  launched("dot");
  if (blocks == 1) return;
  dot_total_kernel<<<1, vector_threads, 0, stream>>>(blocks, partial, out);
  launched("dot: total");
}

void adam(cudaStream_t stream, std::size_t n, AdamNumbers numbers, const float* g, float* m, float* v,
          float* x) {
  if (n == 0) return;
  with_packs<4>(
      [&](auto size) {
        adam_kernel<size()><<<vector_blocks(n, size()), vector_threads, 0, stream>>>(n, numbers, g, m, v, x);
      },
      g, m, v, x);
  launched("adam");
}

void narrow(cudaStream_t stream, std::size_t n, const float* x, bf16* out) {
  if (n == 0) return;
  convert(stream, n, x, out);
  launched("narrow");
}

void widen(cudaStream_t stream, std::size_t n, const bf16* x, float* out) {
  if (n == 0) return;
  convert(stream, n, x, out);
  launched("widen");
}

template void find_not_finite<bf16>(cudaStream_t, std::size_t, const bf16*, std::uint32_t*);
template void find_not_finite<float>(cudaStream_t, std::size_t, const float*, std::uint32_t*);

}  // namespace zofo::tensor::cuda

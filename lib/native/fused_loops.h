// The loops of the fused kernels, mostly over rows of C floats. They are compiled apart, for this very processor and with
// relaxed floating-point rules, which let the compiler vectorise the sums.
#pragma once

#include <cstdint>

namespace ncore {

// Rows [first, last) of x, y: `[rows, C]`; weight, bias: `[C]`; r, mean: `[rows]`. Results may overwrite x or dy.
struct RowRange {
  int64_t first;
  int64_t last;
  int64_t channels;
};

// r = 1/sqrt(mean(x²) + epsilon); y = act(x·r·weight), act being the tanh GELU or the identity.
void RmsNormForward(RowRange rows, bool gelu, float epsilon, const float *x, const float *weight, float *y, float *r);

// dx, and (unless null) the rows' share of dweight, added to it.
void RmsNormBackward(RowRange rows, bool gelu, const float *dy, const float *x, const float *weight, const float *r,
                     float *dx, float *dweight);

// mean and r = 1/sqrt(variance + epsilon); y = (x − mean)·r·weight + bias.
void LayerNormForward(RowRange rows, float epsilon, const float *x, const float *weight, const float *bias, float *y,
                      float *mean, float *r);

// dx, and (unless null) the rows' shares of dweight and dbias, added to them.
void LayerNormBackward(RowRange rows, const float *dy, const float *x, const float *weight, const float *mean,
                       const float *r, float *dx, float *dweight, float *dbias);

// The tanh GELU of the values [first, last); y may be x.
void GeluForward(int64_t first, int64_t last, const float *x, float *y);

// dx = dy·GELU'(x); dx may be dy.
void GeluBackward(int64_t first, int64_t last, const float *dy, const float *x, float *dx);

// weight = (code − 128)·scale of the rows' bytes `[rows, C]`; scales `[rows]`.
void DequantizeInt8(RowRange rows, const uint8_t *codes, const float *scales, float *weight);

// The values of the blocks [first, last) of 64 codes in 32 bytes, the high half first: table[code]·scale. `bytes` counts all
// bytes, since the last block may be short.
void DequantizeNf4(int64_t first, int64_t last, int64_t bytes, const uint8_t *packed, const float *scales, float *weight);

}  // namespace ncore

#include "fused_loops.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

namespace ncore {
namespace {

// Every loop over values carries `omp simd`: without it the compiler would look at run time whether results overlap inputs
// and, where TensorFlow reuses an input's memory, take a scalar loop that rounds otherwise. A value is read before its
// place is written, so overlapping is harmless.

// e^x for |x| ≤ 88 with a relative error below 2e-7, in operations that vectorise (Cephes' expf): x = n·ln 2 + f, a
// polynomial in f, and n put into the exponent's bits.
inline float Exp(float x) {
  const float n = std::floor(x * 1.44269504f + 0.5f);
  const float f = x - n * 0.693359375f + n * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * f + 1.3981999507e-3f;
  p = p * f + 8.3334519073e-3f;
  p = p * f + 4.1665795894e-2f;
  p = p * f + 1.6666665459e-1f;
  p = p * f + 5.0000001201e-1f;
  p = p * f * f + f + 1.f;
  const int32_t bits = (static_cast<int32_t>(n) + 127) << 23;
  float power;
  std::memcpy(&power, &bits, sizeof power);
  return p * power;
}

// The tanh GELU as x·sigmoid(x·(a + b·x²)): a = 2·sqrt(2/π), b = 0.044715·a (ops/gelu.ts).
constexpr float kLinear = 1.5957691216057308f;
constexpr float kCubic = 0.07135481282052f;

// Where the sigmoid has reached 0 and 1 in float32: its argument is ±87.3 there.
constexpr float kSaturation = 10.f;

inline float Saturated(float x) { return std::min(std::max(x, -kSaturation), kSaturation); }

// The sigmoid at a saturated x.
inline float Gate(float x) { return 1.f / (1.f + Exp(-x * (kLinear + kCubic * x * x))); }

inline float GeluOf(float x) { return x * Gate(Saturated(x)); }

inline float GeluSlope(float x) {
  const float z = Saturated(x);
  const float gate = Gate(z);
  return gate + z * gate * (1.f - gate) * (kLinear + 3.f * kCubic * z * z);
}

template <bool kGelu>
void RmsForward(RowRange rows, float epsilon, const float *x, const float *weight, float *y, float *r) {
  const int64_t C = rows.channels;
  for (int64_t i = rows.first; i < rows.last; i++) {
    const float *xi = x + i * C;
    float *yi = y + i * C;
    float squares = 0;
#pragma omp simd reduction(+ : squares)
    for (int64_t c = 0; c < C; c++) squares += xi[c] * xi[c];
    const float ri = 1.f / std::sqrt(squares / C + epsilon);
    r[i] = ri;
#pragma omp simd
    for (int64_t c = 0; c < C; c++) {
      const float normed = xi[c] * ri * weight[c];
      yi[c] = kGelu ? GeluOf(normed) : normed;
    }
  }
}

template <bool kGelu, bool kWeight>
void RmsBackward(RowRange rows, const float *dy, const float *x, const float *weight, const float *r, float *dx,
                 float *dweight) {
  const int64_t C = rows.channels;
  std::vector<float> dunit(C);
  for (int64_t i = rows.first; i < rows.last; i++) {
    const float *xi = x + i * C;
    const float *dyi = dy + i * C;
    float *dxi = dx + i * C;
    const float ri = r[i];
    float projection = 0;
#pragma omp simd reduction(+ : projection)
    for (int64_t c = 0; c < C; c++) {
      const float unit = xi[c] * ri;
      const float dnormed = kGelu ? dyi[c] * GeluSlope(unit * weight[c]) : dyi[c];
      if (kWeight) dweight[c] += dnormed * unit;
      dunit[c] = dnormed * weight[c];
      projection += dunit[c] * unit;
    }
    projection /= C;
#pragma omp simd
    for (int64_t c = 0; c < C; c++) dxi[c] = ri * (dunit[c] - xi[c] * ri * projection);
  }
}

template <bool kWeight, bool kBias>
void LayerBackward(RowRange rows, const float *dy, const float *x, const float *weight, const float *mean,
                   const float *r, float *dx, float *dweight, float *dbias) {
  const int64_t C = rows.channels;
  std::vector<float> dunit(C);
  for (int64_t i = rows.first; i < rows.last; i++) {
    const float *xi = x + i * C;
    const float *dyi = dy + i * C;
    float *dxi = dx + i * C;
    const float ri = r[i];
    const float mi = mean[i];
    float sum = 0;
    float projection = 0;
#pragma omp simd reduction(+ : sum, projection)
    for (int64_t c = 0; c < C; c++) {
      const float unit = (xi[c] - mi) * ri;
      if (kWeight) dweight[c] += dyi[c] * unit;
      if (kBias) dbias[c] += dyi[c];
      dunit[c] = dyi[c] * weight[c];
      sum += dunit[c];
      projection += dunit[c] * unit;
    }
    sum /= C;
    projection /= C;
#pragma omp simd
    for (int64_t c = 0; c < C; c++) dxi[c] = ri * (dunit[c] - sum - (xi[c] - mi) * ri * projection);
  }
}

}  // namespace

void RmsNormForward(RowRange rows, bool gelu, float epsilon, const float *x, const float *weight, float *y, float *r) {
  (gelu ? RmsForward<true> : RmsForward<false>)(rows, epsilon, x, weight, y, r);
}

void RmsNormBackward(RowRange rows, bool gelu, const float *dy, const float *x, const float *weight, const float *r,
                     float *dx, float *dweight) {
  const auto backward = gelu ? (dweight ? RmsBackward<true, true> : RmsBackward<true, false>)
                             : (dweight ? RmsBackward<false, true> : RmsBackward<false, false>);
  backward(rows, dy, x, weight, r, dx, dweight);
}

void LayerNormForward(RowRange rows, float epsilon, const float *x, const float *weight, const float *bias, float *y,
                      float *mean, float *r) {
  const int64_t C = rows.channels;
  for (int64_t i = rows.first; i < rows.last; i++) {
    const float *xi = x + i * C;
    float *yi = y + i * C;
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t c = 0; c < C; c++) sum += xi[c];
    const float m = sum / C;
    float squares = 0;
#pragma omp simd reduction(+ : squares)
    for (int64_t c = 0; c < C; c++) squares += (xi[c] - m) * (xi[c] - m);
    const float ri = 1.f / std::sqrt(squares / C + epsilon);
    mean[i] = m;
    r[i] = ri;
#pragma omp simd
    for (int64_t c = 0; c < C; c++) yi[c] = (xi[c] - m) * ri * weight[c] + bias[c];
  }
}

void LayerNormBackward(RowRange rows, const float *dy, const float *x, const float *weight, const float *mean,
                       const float *r, float *dx, float *dweight, float *dbias) {
  const auto backward = dweight ? (dbias ? LayerBackward<true, true> : LayerBackward<true, false>)
                                : (dbias ? LayerBackward<false, true> : LayerBackward<false, false>);
  backward(rows, dy, x, weight, mean, r, dx, dweight, dbias);
}

void GeluForward(int64_t first, int64_t last, const float *x, float *y) {
#pragma omp simd
  for (int64_t i = first; i < last; i++) y[i] = GeluOf(x[i]);
}

void GeluBackward(int64_t first, int64_t last, const float *dy, const float *x, float *dx) {
#pragma omp simd
  for (int64_t i = first; i < last; i++) dx[i] = dy[i] * GeluSlope(x[i]);
}

void DequantizeInt8(RowRange rows, const uint8_t *codes, const float *scales, float *weight) {
  const int64_t C = rows.channels;
  for (int64_t i = rows.first; i < rows.last; i++) {
    const uint8_t *ci = codes + i * C;
    float *wi = weight + i * C;
    const float scale = scales[i];
#pragma omp simd
    for (int64_t c = 0; c < C; c++) wi[c] = static_cast<float>(static_cast<int32_t>(ci[c]) - 128) * scale;
  }
}

void DequantizeNf4(int64_t first, int64_t last, int64_t bytes, const uint8_t *packed, const float *scales,
                   float *weight) {
  // ops/quantization_tables.ts
  constexpr float kTable[16] = {-1.f, -0.6961928009986877f, -0.5250730514526367f, -0.39491748809814453f,
                                -0.28444138169288635f, -0.18477343022823334f, -0.09105003625154495f, 0.f,
                                0.07958029955625534f, 0.16093020141124725f, 0.24611230194568634f, 0.33791524171829224f,
                                0.44070982933044434f, 0.5626170039176941f, 0.7229568362236023f, 1.f};
  constexpr int64_t kBlockBytes = 32;
  for (int64_t block = first; block < last; block++) {
    float scaled[16];
    for (int k = 0; k < 16; k++) scaled[k] = kTable[k] * scales[block];
    const int64_t end = std::min(bytes, (block + 1) * kBlockBytes);
    for (int64_t j = block * kBlockBytes; j < end; j++) {
      weight[2 * j] = scaled[packed[j] >> 4];
      weight[2 * j + 1] = scaled[packed[j] & 15];
    }
  }
}

}  // namespace ncore

#include "fused_loops.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

namespace ncore {
namespace {

// e^x with a relative error below 2e-7, in operations that vectorise (Cephes' expf): x = n·ln 2 + f, a polynomial in f,
// and n put into the exponent's bits.
inline float Exp(float x) {
  x = std::min(std::max(x, -87.f), 88.f);
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

inline float Gate(float x) { return 1.f / (1.f + Exp(-x * (kLinear + kCubic * x * x))); }

inline float GeluSlope(float x) {
  const float gate = Gate(x);
  return gate + x * gate * (1.f - gate) * (kLinear + 3.f * kCubic * x * x);
}

template <bool kGelu>
void RmsForward(RowRange rows, float epsilon, const float *x, const float *weight, float *y, float *r) {
  const int64_t C = rows.channels;
  for (int64_t i = rows.first; i < rows.last; i++) {
    const float *xi = x + i * C;
    float *yi = y + i * C;
    float squares = 0;
    for (int64_t c = 0; c < C; c++) squares += xi[c] * xi[c];
    const float ri = 1.f / std::sqrt(squares / C + epsilon);
    r[i] = ri;
    for (int64_t c = 0; c < C; c++) {
      const float normed = xi[c] * ri * weight[c];
      yi[c] = kGelu ? normed * Gate(normed) : normed;
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
    float projection = 0;
    for (int64_t c = 0; c < C; c++) {
      const float unit = xi[c] * r[i];
      const float dnormed = kGelu ? dyi[c] * GeluSlope(unit * weight[c]) : dyi[c];
      if (kWeight) dweight[c] += dnormed * unit;
      dunit[c] = dnormed * weight[c];
      projection += dunit[c] * unit;
    }
    projection /= C;
    for (int64_t c = 0; c < C; c++) dxi[c] = r[i] * (dunit[c] - xi[c] * r[i] * projection);
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
    float sum = 0;
    float projection = 0;
    for (int64_t c = 0; c < C; c++) {
      const float unit = (xi[c] - mean[i]) * r[i];
      if (kWeight) dweight[c] += dyi[c] * unit;
      if (kBias) dbias[c] += dyi[c];
      dunit[c] = dyi[c] * weight[c];
      sum += dunit[c];
      projection += dunit[c] * unit;
    }
    sum /= C;
    projection /= C;
    for (int64_t c = 0; c < C; c++) {
      dxi[c] = r[i] * (dunit[c] - sum - (xi[c] - mean[i]) * r[i] * projection);
    }
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
    for (int64_t c = 0; c < C; c++) sum += xi[c];
    const float m = sum / C;
    float squares = 0;
    for (int64_t c = 0; c < C; c++) squares += (xi[c] - m) * (xi[c] - m);
    const float ri = 1.f / std::sqrt(squares / C + epsilon);
    mean[i] = m;
    r[i] = ri;
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
  for (int64_t i = first; i < last; i++) y[i] = x[i] * Gate(x[i]);
}

void GeluBackward(int64_t first, int64_t last, const float *dy, const float *x, float *dx) {
  for (int64_t i = first; i < last; i++) dx[i] = dy[i] * GeluSlope(x[i]);
}

}  // namespace ncore

#include "norm_ops.h"

#include <algorithm>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include "fused_loops.h"
#include "kernel_context.h"
#include "op_definition.h"
#include "parallel.h"

namespace ncore {
namespace {

using Dims = std::vector<int64_t>;

struct Extent {
  int64_t rows;
  int64_t channels;
};

Extent ExtentOf(const FloatTensor &x, const FloatTensor &weight) {
  const Dims shape = x.shape();
  if (shape.empty() || weight.size() != shape.back()) {
    throw std::invalid_argument("the weight must have the size of the last axis of x");
  }
  return {shape.back() == 0 ? 0 : x.size() / shape.back(), shape.back()};
}

Dims WithoutLast(Dims shape) {
  if (!shape.empty()) shape.pop_back();
  return shape;
}

void ExpectSize(const FloatTensor &tensor, int64_t size, const char *what) {
  if (tensor.size() != size) throw std::invalid_argument(std::string(what) + " does not fit x");
}

// A sum over rows `[C]` taken block by block: each block of rows adds to its own part and the parts are added in order,
// so that the result does not depend on which thread was first.
class BlockSums {
 public:
  BlockSums(bool wanted, int64_t blocks, int64_t channels)
      : channels_(channels), blocks_(blocks), parts_(wanted ? blocks * channels : 0, 0.f), wanted_(wanted) {}

  // Where block `block` adds; null when the sum is not wanted.
  float *Part(int64_t block) { return wanted_ ? parts_.data() + block * channels_ : nullptr; }

  // Writes the sum, zeros when it is not wanted.
  void Store(float *result) const {
    std::fill_n(result, channels_, 0.f);
    if (!wanted_) return;
    for (int64_t block = 0; block < blocks_; block++) {
      for (int64_t c = 0; c < channels_; c++) result[c] += parts_[block * channels_ + c];
    }
  }

 private:
  int64_t channels_;
  int64_t blocks_;
  std::vector<float> parts_;
  bool wanted_;
};

// Rough numbers of operations a value, which decide when threads pay.
constexpr int64_t kNormCost = 4;
constexpr int64_t kGeluCost = 12;

class RmsNorm {
 public:
  explicit RmsNorm(const KernelAttributes &attributes)
      : epsilon_(attributes.Float("epsilon")), gelu_(attributes.Bool("gelu")) {}

  void Compute(const KernelContext &context) const {
    const FloatTensor y = context.OutputReusing(0, 0, context.Input(0).shape());
    const FloatTensor x = context.Input(0);
    const FloatTensor weight = context.Input(1);
    const auto [rows, channels] = ExtentOf(x, weight);
    const FloatTensor r = context.Output(1, WithoutLast(x.shape()));
    const int64_t blocks = BlockCount(rows, channels * (gelu_ ? kGeluCost : kNormCost));
    const int64_t C = channels;
    ParallelFor(rows, blocks, [&](int64_t, int64_t first, int64_t last) {
      RmsNormForward({first, last, C}, gelu_, epsilon_, x.data(), weight.data(), y.data(), r.data());
    });
  }

 private:
  float epsilon_;
  bool gelu_;
};

class RmsNormGrad {
 public:
  explicit RmsNormGrad(const KernelAttributes &attributes)
      : gelu_(attributes.Bool("gelu")), weight_gradient_(attributes.Bool("weight_gradient")) {}

  void Compute(const KernelContext &context) const {
    const FloatTensor dx = context.OutputReusing(0, 0, context.Input(1).shape());
    const FloatTensor dy = context.Input(0);
    const FloatTensor x = context.Input(1);
    const FloatTensor weight = context.Input(2);
    const FloatTensor r = context.Input(3);
    const auto [rows, channels] = ExtentOf(x, weight);
    ExpectSize(dy, x.size(), "dy");
    ExpectSize(r, rows, "r");
    const FloatTensor dweight = context.Output(1, weight.shape());
    const int64_t blocks = BlockCount(rows, channels * (gelu_ ? 2 * kGeluCost : 2 * kNormCost));
    const int64_t C = channels;
    BlockSums sums(weight_gradient_, blocks, channels);
    ParallelFor(rows, blocks, [&](int64_t block, int64_t first, int64_t last) {
      RmsNormBackward({first, last, C}, gelu_, dy.data(), x.data(), weight.data(), r.data(), dx.data(),
                      sums.Part(block));
    });
    sums.Store(dweight.data());
  }

 private:
  bool gelu_;
  bool weight_gradient_;
};

class LayerNorm {
 public:
  explicit LayerNorm(const KernelAttributes &attributes) : epsilon_(attributes.Float("epsilon")) {}

  void Compute(const KernelContext &context) const {
    const FloatTensor y = context.OutputReusing(0, 0, context.Input(0).shape());
    const FloatTensor x = context.Input(0);
    const FloatTensor weight = context.Input(1);
    const FloatTensor bias = context.Input(2);
    const auto [rows, channels] = ExtentOf(x, weight);
    ExpectSize(bias, channels, "bias");
    const FloatTensor mean = context.Output(1, WithoutLast(x.shape()));
    const FloatTensor r = context.Output(2, WithoutLast(x.shape()));
    const int64_t C = channels;
    ParallelFor(rows, BlockCount(rows, channels * kNormCost), [&](int64_t, int64_t first, int64_t last) {
      LayerNormForward({first, last, C}, epsilon_, x.data(), weight.data(), bias.data(), y.data(), mean.data(),
                       r.data());
    });
  }

 private:
  float epsilon_;
};

class LayerNormGrad {
 public:
  explicit LayerNormGrad(const KernelAttributes &attributes)
      : weight_gradient_(attributes.Bool("weight_gradient")), bias_gradient_(attributes.Bool("bias_gradient")) {}

  void Compute(const KernelContext &context) const {
    const FloatTensor dx = context.OutputReusing(0, 0, context.Input(1).shape());
    const FloatTensor dy = context.Input(0);
    const FloatTensor x = context.Input(1);
    const FloatTensor weight = context.Input(2);
    const FloatTensor mean = context.Input(3);
    const FloatTensor r = context.Input(4);
    const auto [rows, channels] = ExtentOf(x, weight);
    ExpectSize(dy, x.size(), "dy");
    ExpectSize(mean, rows, "mean");
    ExpectSize(r, rows, "r");
    const FloatTensor dweight = context.Output(1, weight.shape());
    const FloatTensor dbias = context.Output(2, weight.shape());
    const int64_t blocks = BlockCount(rows, channels * 2 * kNormCost);
    const int64_t C = channels;
    BlockSums weight_sums(weight_gradient_, blocks, channels);
    BlockSums bias_sums(bias_gradient_, blocks, channels);
    ParallelFor(rows, blocks, [&](int64_t block, int64_t first, int64_t last) {
      LayerNormBackward({first, last, C}, dy.data(), x.data(), weight.data(), mean.data(), r.data(), dx.data(),
                        weight_sums.Part(block), bias_sums.Part(block));
    });
    weight_sums.Store(dweight.data());
    bias_sums.Store(dbias.data());
  }

 private:
  bool weight_gradient_;
  bool bias_gradient_;
};

template <int kRowOutputs>
void ForwardShapes(TF_ShapeInferenceContext *context, TF_Status *status) {
  SameShape(context, 0, 0, status);
  for (int output = 1; output <= kRowOutputs && TF_GetCode(status) == TF_OK; output++) {
    RowShape(context, output, status);
  }
}

template <int kVectorOutputs>
void GradientShapes(TF_ShapeInferenceContext *context, TF_Status *status) {
  SameShape(context, 1, 0, status);
  for (int output = 1; output <= kVectorOutputs && TF_GetCode(status) == TF_OK; output++) {
    SameShape(context, 2, output, status);
  }
}

void RegisterAll() {
  RegisterOp({"NcoreRmsNorm",
              {"x: float", "weight: float"},
              {"y: float", "r: float"},
              {"epsilon: float", "gelu: bool"},
              ForwardShapes<1>});
  RegisterOp({"NcoreRmsNormGrad",
              {"dy: float", "x: float", "weight: float", "r: float"},
              {"dx: float", "dweight: float"},
              {"gelu: bool", "weight_gradient: bool"},
              GradientShapes<1>});
  RegisterOp({"NcoreLayerNorm",
              {"x: float", "weight: float", "bias: float"},
              {"y: float", "mean: float", "r: float"},
              {"epsilon: float"},
              ForwardShapes<2>});
  RegisterOp({"NcoreLayerNormGrad",
              {"dy: float", "x: float", "weight: float", "mean: float", "r: float"},
              {"dx: float", "dweight: float", "dbias: float"},
              {"weight_gradient: bool", "bias_gradient: bool"},
              GradientShapes<2>});
  RegisterCpuKernel<RmsNorm>("NcoreRmsNorm");
  RegisterCpuKernel<RmsNormGrad>("NcoreRmsNormGrad");
  RegisterCpuKernel<LayerNorm>("NcoreLayerNorm");
  RegisterCpuKernel<LayerNormGrad>("NcoreLayerNormGrad");
}

}  // namespace

void RegisterNormOps() {
  static std::once_flag once;
  std::call_once(once, RegisterAll);
}

}  // namespace ncore

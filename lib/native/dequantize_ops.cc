#include "dequantize_ops.h"

#include <mutex>
#include <stdexcept>
#include <vector>

#include "fused_loops.h"
#include "kernel_context.h"
#include "op_definition.h"
#include "parallel.h"

namespace ncore {
namespace {

// Rough numbers of operations a value, which decide when threads pay.
constexpr int64_t kInt8Cost = 2;
constexpr int64_t kNf4Cost = 4;
constexpr int64_t kBlockSize = 64;

// A matrix of two axes; the third input of both operations only orders them after what made it.
std::vector<int64_t> MatrixShape(const ByteTensor &codes) {
  const std::vector<int64_t> shape = codes.shape();
  if (shape.size() != 2) throw std::invalid_argument("the codes must have two axes");
  return shape;
}

class DequantizeInt8Kernel {
 public:
  explicit DequantizeInt8Kernel(const KernelAttributes &) {}

  void Compute(const KernelContext &context) const {
    const ByteTensor codes = context.ByteInput(0);
    const FloatTensor scales = context.Input(1);
    const std::vector<int64_t> shape = MatrixShape(codes);
    if (scales.size() != shape[0]) throw std::invalid_argument("a row must have one scale");
    const FloatTensor weight = context.Output(0, shape);
    ParallelFor(shape[0], BlockCount(shape[0], shape[1] * kInt8Cost), [&](int64_t, int64_t first, int64_t last) {
      DequantizeInt8({first, last, shape[1]}, codes.data(), scales.data(), weight.data());
    });
  }
};

class DequantizeNf4Kernel {
 public:
  explicit DequantizeNf4Kernel(const KernelAttributes &) {}

  void Compute(const KernelContext &context) const {
    const ByteTensor packed = context.ByteInput(0);
    const FloatTensor scales = context.Input(1);
    const std::vector<int64_t> shape = MatrixShape(packed);
    const int64_t blocks = (2 * packed.size() + kBlockSize - 1) / kBlockSize;
    if (scales.size() != blocks) throw std::invalid_argument("a block of 64 must have one scale");
    const FloatTensor weight = context.Output(0, {shape[0], 2 * shape[1]});
    ParallelFor(blocks, BlockCount(blocks, kBlockSize * kNf4Cost), [&](int64_t, int64_t first, int64_t last) {
      DequantizeNf4(first, last, packed.size(), packed.data(), scales.data(), weight.data());
    });
  }
};

void RegisterAll() {
  const auto same = [](TF_ShapeInferenceContext *context, TF_Status *status) { SameShape(context, 0, 0, status); };
  const auto doubled = [](TF_ShapeInferenceContext *context, TF_Status *status) { DoubledShape(context, 0, status); };
  RegisterOp({"NcoreDequantizeInt8", {"codes: uint8", "scales: float", "after: float"}, {"weight: float"}, {}, same});
  RegisterOp({"NcoreDequantizeNf4", {"packed: uint8", "scales: float", "after: float"}, {"weight: float"}, {}, doubled});
  RegisterCpuKernel<DequantizeInt8Kernel>("NcoreDequantizeInt8");
  RegisterCpuKernel<DequantizeNf4Kernel>("NcoreDequantizeNf4");
}

}  // namespace

void RegisterDequantizeOps() {
  static std::once_flag once;
  std::call_once(once, RegisterAll);
}

}  // namespace ncore

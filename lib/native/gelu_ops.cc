#include "gelu_ops.h"

#include <mutex>
#include <stdexcept>

#include "fused_loops.h"
#include "kernel_context.h"
#include "op_definition.h"
#include "parallel.h"

namespace ncore {
namespace {

// Rough numbers of operations a value, which decide when threads pay.
constexpr int64_t kForwardCost = 10;
constexpr int64_t kBackwardCost = 15;

class Gelu {
 public:
  explicit Gelu(const KernelAttributes &) {}

  void Compute(const KernelContext &context) const {
    const FloatTensor y = context.OutputReusing(0, 0, context.Input(0).shape());
    const FloatTensor x = context.Input(0);
    ParallelFor(x.size(), BlockCount(x.size(), kForwardCost),
                [&](int64_t, int64_t first, int64_t last) { GeluForward(first, last, x.data(), y.data()); });
  }
};

class GeluGrad {
 public:
  explicit GeluGrad(const KernelAttributes &) {}

  void Compute(const KernelContext &context) const {
    const FloatTensor dx = context.OutputReusing(0, 0, context.Input(1).shape());
    const FloatTensor dy = context.Input(0);
    const FloatTensor x = context.Input(1);
    if (dy.size() != x.size()) throw std::invalid_argument("dy does not fit x");
    ParallelFor(x.size(), BlockCount(x.size(), kBackwardCost), [&](int64_t, int64_t first, int64_t last) {
      GeluBackward(first, last, dy.data(), x.data(), dx.data());
    });
  }
};

void RegisterAll() {
  const auto same = [](TF_ShapeInferenceContext *context, TF_Status *status) { SameShape(context, 0, 0, status); };
  RegisterOp({"NcoreGelu", {"x: float"}, {"y: float"}, {}, same});
  RegisterOp({"NcoreGeluGrad", {"dy: float", "x: float"}, {"dx: float"}, {}, same});
  RegisterCpuKernel<Gelu>("NcoreGelu");
  RegisterCpuKernel<GeluGrad>("NcoreGeluGrad");
}

}  // namespace

void RegisterGeluOps() {
  static std::once_flag once;
  std::call_once(once, RegisterAll);
}

}  // namespace ncore

// TensorFlow's C interface for kernels, with owners and exceptions.
#pragma once

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "status.h"
#include "tensorflow/c/kernels.h"
#include "tensorflow/c/ops.h"
#include "tensorflow/c/tf_tensor.h"

namespace ncore {

// A tensor of a kernel.
template <typename T>
class TypedTensor {
 public:
  explicit TypedTensor(TF_Tensor *tensor) : tensor_(tensor, TF_DeleteTensor) {}

  T *data() const { return static_cast<T *>(TF_TensorData(tensor_.get())); }
  int64_t size() const { return TF_TensorElementCount(tensor_.get()); }
  std::vector<int64_t> shape() const {
    std::vector<int64_t> dims(TF_NumDims(tensor_.get()));
    for (size_t i = 0; i < dims.size(); i++) dims[i] = TF_Dim(tensor_.get(), static_cast<int>(i));
    return dims;
  }

 private:
  std::unique_ptr<TF_Tensor, decltype(&TF_DeleteTensor)> tensor_;
};

using FloatTensor = TypedTensor<float>;
using ByteTensor = TypedTensor<uint8_t>;

class KernelContext {
 public:
  explicit KernelContext(TF_OpKernelContext *context) : context_(context) {}

  FloatTensor Input(int index) const { return FloatTensor(InputTensor(index)); }
  ByteTensor ByteInput(int index) const { return ByteTensor(InputTensor(index)); }

  FloatTensor Output(int index, const std::vector<int64_t> &shape) const {
    size_t bytes = sizeof(float);
    for (int64_t size : shape) bytes *= size;
    Status status;
    TF_Tensor *tensor = TF_AllocateOutput(context_, index, TF_FLOAT, shape.data(), static_cast<int>(shape.size()),
                                          bytes, status.get());
    status.Check("output " + std::to_string(index));
    return FloatTensor(tensor);
  }

  // An output in the memory of an input of the same shape where nobody else reads that. No FloatTensor of the input may
  // exist when this is called: it counts as a reader.
  FloatTensor OutputReusing(int input, int index, const std::vector<int64_t> &shape) const {
    Status status;
    int forwarded = -1;
    TF_Tensor *tensor = TF_ForwardInputOrAllocateOutput(context_, &input, 1, index, shape.data(),
                                                        static_cast<int>(shape.size()), &forwarded, status.get());
    status.Check("output " + std::to_string(index));
    return FloatTensor(tensor);
  }

 private:
  TF_Tensor *InputTensor(int index) const {
    Status status;
    TF_Tensor *tensor = nullptr;
    TF_GetInput(context_, index, &tensor, status.get());
    status.Check("input " + std::to_string(index));
    return tensor;
  }

  TF_OpKernelContext *context_;
};

// Reads a kernel's attributes.
class KernelAttributes {
 public:
  explicit KernelAttributes(TF_OpKernelConstruction *construction) : construction_(construction) {}

  float Float(const char *name) const {
    Status status;
    float value = 0;
    TF_OpKernelConstruction_GetAttrFloat(construction_, name, &value, status.get());
    status.Check(name);
    return value;
  }

  bool Bool(const char *name) const {
    Status status;
    TF_Bool value = 0;
    TF_OpKernelConstruction_GetAttrBool(construction_, name, &value, status.get());
    status.Check(name);
    return value != 0;
  }

 private:
  TF_OpKernelConstruction *construction_;
};

// Registers a CPU kernel: a class with a constructor from KernelAttributes and Compute(const KernelContext &) const.
template <typename Kernel>
void RegisterCpuKernel(const char *op) {
  const auto create = [](TF_OpKernelConstruction *construction) -> void * {
    try {
      return new Kernel(KernelAttributes(construction));
    } catch (const std::exception &error) {
      Status status;
      TF_SetStatus(status.get(), TF_INVALID_ARGUMENT, error.what());
      TF_OpKernelConstruction_Failure(construction, status.get());
      return nullptr;
    }
  };
  const auto compute = [](void *kernel, TF_OpKernelContext *context) {
    try {
      static_cast<const Kernel *>(kernel)->Compute(KernelContext(context));
    } catch (const std::exception &error) {
      Status status;
      TF_SetStatus(status.get(), TF_INVALID_ARGUMENT, error.what());
      TF_OpKernelContext_Failure(context, status.get());
    }
  };
  const auto destroy = [](void *kernel) { delete static_cast<Kernel *>(kernel); };
  Status status;
  TF_KernelBuilder *builder = TF_NewKernelBuilder(op, "CPU", create, compute, destroy);
  TF_RegisterKernelBuilder(op, builder, status.get());
  status.Check(std::string("kernel ") + op);
}

}  // namespace ncore

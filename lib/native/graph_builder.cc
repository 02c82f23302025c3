#include "graph_builder.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "op_signature.h"
#include "status.h"

namespace ncore {
namespace {

template <typename... Visitors>
struct Overloaded : Visitors... {
  using Visitors::operator()...;
};
template <typename... Visitors>
Overloaded(Visitors...) -> Overloaded<Visitors...>;

void SetAttribute(TF_OperationDescription *description, const Attribute &attribute) {
  const char *name = attribute.name.c_str();
  std::visit(Overloaded{
                 [&](const std::string &v) { TF_SetAttrString(description, name, v.data(), v.size()); },
                 [&](int64_t v) { TF_SetAttrInt(description, name, v); },
                 [&](const std::vector<int64_t> &v) { TF_SetAttrIntList(description, name, v.data(), v.size()); },
                 [&](float v) { TF_SetAttrFloat(description, name, v); },
                 [&](const std::vector<float> &v) { TF_SetAttrFloatList(description, name, v.data(), v.size()); },
                 [&](bool v) { TF_SetAttrBool(description, name, v ? 1 : 0); },
                 [&](TF_DataType v) { TF_SetAttrType(description, name, v); },
                 [&](const Attribute::ShapeValue &v) {
                   TF_SetAttrShape(description, name, v.dims.data(), v.dims.size());
                 },
             },
             attribute.value);
}

}  // namespace

TF_OperationDescription *GraphBuilder::Describe(const std::string &op) {
  return TF_NewOperation(graph_, op.c_str(), (op + "_" + std::to_string(operations_++)).c_str());
}

TF_Output GraphBuilder::At(int64_t id) const {
  if (id < 0 || id >= static_cast<int64_t>(symbols_.size())) {
    throw std::runtime_error("the graph has no tensor " + std::to_string(id));
  }
  return symbols_[id];
}

TF_Operation *GraphBuilder::Finish(TF_OperationDescription *description, const std::string &op) {
  Status status;
  TF_Operation *operation = TF_FinishOperation(description, status.get());
  status.Check("operation " + op);
  return operation;
}

std::vector<Symbol> GraphBuilder::Outputs(TF_Operation *operation) {
  std::vector<Symbol> outputs;
  Status status;
  const std::string op = TF_OperationOpType(operation);
  for (int i = 0; i < TF_OperationNumOutputs(operation); i++) {
    const TF_Output output{operation, i};
    const int rank = TF_GraphGetTensorNumDims(graph_, output, status.get());
    status.Check("shape of " + op);
    Shape shape(std::max(rank, 0));
    if (rank > 0) TF_GraphGetTensorShape(graph_, output, shape.data(), rank, status.get());
    status.Check("shape of " + op);
    if (rank < 0 || std::any_of(shape.begin(), shape.end(), [](int64_t size) { return size < 0; })) {
      throw std::runtime_error("the shape of an output of " + op + " depends on values, which a compiled function cannot have");
    }
    outputs.push_back({static_cast<int64_t>(symbols_.size()), TF_OperationOutputType(output), shape});
    symbols_.push_back(output);
  }
  return outputs;
}

Symbol GraphBuilder::AddPlaceholder(TF_DataType dtype, const Shape &shape) {
  TF_OperationDescription *description = Describe("Placeholder");
  TF_SetAttrType(description, "dtype", dtype);
  TF_SetAttrShape(description, "shape", shape.data(), shape.size());
  return Outputs(Finish(description, "Placeholder")).front();
}

Symbol GraphBuilder::AddConstant(TF_DataType dtype, const Shape &shape, const void *data, size_t bytes) {
  size_t expected = TF_DataTypeSize(dtype);
  for (int64_t size : shape) expected *= size;
  if (expected != bytes) {
    throw std::runtime_error("a constant of type " + std::to_string(dtype) + " needs " + std::to_string(expected) +
                             " bytes, got " + std::to_string(bytes));
  }
  TF_Tensor *tensor = TF_AllocateTensor(dtype, shape.data(), shape.size(), bytes);
  if (bytes > 0) std::memcpy(TF_TensorData(tensor), data, bytes);
  TF_OperationDescription *description = Describe("Const");
  Status status;
  TF_SetAttrTensor(description, "value", tensor, status.get());
  TF_DeleteTensor(tensor);
  status.Check("constant");
  TF_SetAttrType(description, "dtype", dtype);
  return Outputs(Finish(description, "Const")).front();
}

std::vector<GraphBuilder::Argument> GraphBuilder::Arrange(const std::string &op, const std::vector<bool> &input_is_list,
                                                         const std::vector<int64_t> &inputs) const {
  const size_t lists = std::count(input_is_list.begin(), input_is_list.end(), true);
  const size_t singles = input_is_list.size() - lists;
  if (lists > 1 || inputs.size() < singles || (lists == 0 && inputs.size() != singles)) {
    throw std::runtime_error("operation " + op + ": " + std::to_string(inputs.size()) + " inputs do not fit");
  }
  std::vector<Argument> arguments;
  auto next = inputs.begin();
  for (bool is_list : input_is_list) {
    Argument argument{is_list, {}};
    for (size_t left = is_list ? inputs.size() - singles : 1; left > 0; left--) argument.tensors.push_back(At(*next++));
    arguments.push_back(argument);
  }
  return arguments;
}

std::vector<Symbol> GraphBuilder::AddOperation(const std::string &op, const std::vector<Attribute> &attributes,
                                               const std::vector<int64_t> &inputs) {
  const OpSignature signature = ReadOpSignature(graph_, op);
  const std::vector<Argument> arguments = Arrange(op, signature.input_is_list, inputs);
  TF_OperationDescription *description = Describe(op);
  for (const Argument &argument : arguments) {
    if (argument.is_list) {
      TF_AddInputList(description, argument.tensors.data(), argument.tensors.size());
    } else {
      TF_AddInput(description, argument.tensors.front());
    }
  }
  for (const Attribute &attribute : attributes) {
    if (signature.Takes(attribute.name)) SetAttribute(description, attribute);
  }
  return Outputs(Finish(description, op));
}

void GraphBuilder::RegisterFunction(TFE_Context *context, const std::string &name, const std::vector<int64_t> &inputs,
                                    const std::vector<int64_t> &outputs) {
  std::vector<TF_Output> arguments;
  for (int64_t id : inputs) arguments.push_back(At(id));
  std::vector<TF_Output> results;
  // Through an Identity each, so that an input, or one tensor twice, may be a result.
  for (int64_t id : outputs) {
    TF_OperationDescription *description = Describe("Identity");
    TF_AddInput(description, At(id));
    results.push_back({Finish(description, "Identity"), 0});
  }
  Status status;
  TF_Function *function =
      TF_GraphToFunction(graph_, name.c_str(), 0, -1, nullptr, arguments.size(), arguments.data(), results.size(),
                         results.data(), nullptr, nullptr, nullptr, status.get());
  status.Check("graph function");
  TFE_ContextAddFunction(context, function, status.get());
  TF_DeleteFunction(function);
  status.Check("graph function");
}

}  // namespace ncore

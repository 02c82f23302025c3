#include "op_definition.h"

#include "status.h"

namespace ncore {
namespace {

std::vector<std::string> registered;

// A shape of shape inference, freed at the end.
class InferredShape {
 public:
  InferredShape() : handle_(TF_NewShapeHandle()) {}
  ~InferredShape() { TF_DeleteShapeHandle(handle_); }
  InferredShape(const InferredShape &) = delete;
  InferredShape &operator=(const InferredShape &) = delete;
  explicit InferredShape(TF_ShapeHandle *handle) : handle_(handle) {}
  TF_ShapeHandle *get() { return handle_; }

 private:
  TF_ShapeHandle *handle_;
};

}  // namespace

void RegisterOp(const OpDefinition &op) {
  TF_OpDefinitionBuilder *builder = TF_NewOpDefinitionBuilder(op.name);
  for (const char *input : op.inputs) TF_OpDefinitionBuilderAddInput(builder, input);
  for (const char *output : op.outputs) TF_OpDefinitionBuilderAddOutput(builder, output);
  for (const char *attribute : op.attributes) TF_OpDefinitionBuilderAddAttr(builder, attribute);
  TF_OpDefinitionBuilderSetShapeInferenceFunction(builder, op.shapes);
  Status status;
  TF_RegisterOpDefinition(builder, status.get());
  status.Check(std::string("operation ") + op.name);
  registered.push_back(op.name);
}

const std::vector<std::string> &RegisteredOps() { return registered; }

void SameShape(TF_ShapeInferenceContext *context, int input, int output, TF_Status *status) {
  InferredShape shape;
  TF_ShapeInferenceContextGetInput(context, input, shape.get(), status);
  if (TF_GetCode(status) == TF_OK) TF_ShapeInferenceContextSetOutput(context, output, shape.get(), status);
}

void RowShape(TF_ShapeInferenceContext *context, int output, TF_Status *status) {
  InferredShape shape;
  InferredShape rows;
  TF_ShapeInferenceContextGetInput(context, 0, shape.get(), status);
  if (TF_GetCode(status) != TF_OK) return;
  TF_ShapeInferenceContextSubshape(context, shape.get(), 0, -1, rows.get(), status);
  if (TF_GetCode(status) == TF_OK) TF_ShapeInferenceContextSetOutput(context, output, rows.get(), status);
}

void DoubledShape(TF_ShapeInferenceContext *context, int output, TF_Status *status) {
  InferredShape shape;
  TF_ShapeInferenceContextGetInput(context, 0, shape.get(), status);
  if (TF_GetCode(status) != TF_OK) return;
  TF_DimensionHandle *size = TF_NewDimensionHandle();
  const auto vector = [&](int64_t axis, int64_t factor) {
    TF_ShapeInferenceContextDim(context, shape.get(), axis, size);
    return TF_ShapeInferenceContextVectorFromSize(context, factor * TF_DimensionHandleValue(size));
  };
  InferredShape rows(vector(0, 1));
  InferredShape columns(vector(1, 2));
  TF_DeleteDimensionHandle(size);
  InferredShape doubled;
  TF_ShapeInferenceContextConcatenateShapes(context, rows.get(), columns.get(), doubled.get(), status);
  if (TF_GetCode(status) == TF_OK) TF_ShapeInferenceContextSetOutput(context, output, doubled.get(), status);
}

}  // namespace ncore

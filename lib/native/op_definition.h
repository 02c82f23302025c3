// Definitions of the operations that the addon brings.
#pragma once

#include <string>
#include <vector>

#include "tensorflow/c/ops.h"

namespace ncore {

struct OpDefinition {
  const char *name;
  // `name: type`, as in TensorFlow's op definitions.
  std::vector<const char *> inputs;
  std::vector<const char *> outputs;
  std::vector<const char *> attributes;
  // Says the outputs' shapes from the inputs'.
  void (*shapes)(TF_ShapeInferenceContext *, TF_Status *);
};

// Throws when TensorFlow refuses, e.g. a name that is taken.
void RegisterOp(const OpDefinition &op);

// The names of the operations registered so far.
const std::vector<std::string> &RegisteredOps();

// Output `output` has the shape of input `input`.
void SameShape(TF_ShapeInferenceContext *context, int input, int output, TF_Status *status);

// Output `output` has the shape of input 0 without its last axis.
void RowShape(TF_ShapeInferenceContext *context, int output, TF_Status *status);

// Output `output` has the shape `[a, b]` of input 0 as `[a, 2b]`.
void DoubledShape(TF_ShapeInferenceContext *context, int output, TF_Status *status);

}  // namespace ncore

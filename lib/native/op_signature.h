// Which inputs of an operation are lists and which attributes TensorFlow infers from its inputs.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "tensorflow/c/c_api.h"

namespace ncore {

struct OpSignature {
  // One entry an input argument: whether it takes a list of tensors.
  std::vector<bool> input_is_list;
  std::set<std::string> attributes;
  // Attributes that follow from the inputs: their types and the lengths of lists.
  std::set<std::string> inferred;

  // Whether an attribute exists and has to be given.
  bool Takes(const std::string &attribute) const {
    return attributes.count(attribute) > 0 && inferred.count(attribute) == 0;
  }
};

// Throws when TensorFlow knows no operation of that name.
OpSignature ReadOpSignature(TF_Graph *graph, const std::string &op);

}  // namespace ncore

// Builds a TensorFlow graph operation by operation and registers it as a function of an eager context.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "tensorflow/c/c_api.h"
#include "tensorflow/c/eager/c_api.h"

namespace ncore {

using Shape = std::vector<int64_t>;

struct Attribute {
  std::string name;
  // A shape has its own type because a list of integers is another kind of attribute.
  struct ShapeValue {
    Shape dims;
  };
  std::variant<std::string, int64_t, std::vector<int64_t>, float, std::vector<float>, bool, TF_DataType, ShapeValue>
      value;
};

// A tensor of the graph: its number, type and fully known shape.
struct Symbol {
  int64_t id;
  TF_DataType dtype;
  Shape shape;
};

class GraphBuilder {
 public:
  GraphBuilder() : graph_(TF_NewGraph()) {}
  ~GraphBuilder() { TF_DeleteGraph(graph_); }
  GraphBuilder(const GraphBuilder &) = delete;
  GraphBuilder &operator=(const GraphBuilder &) = delete;

  Symbol AddPlaceholder(TF_DataType dtype, const Shape &shape);
  // Throws unless `bytes` is the size of such a tensor.
  Symbol AddConstant(TF_DataType dtype, const Shape &shape, const void *data, size_t bytes);
  // Attributes that the operation lacks or infers from its inputs are left out, as eager execution does.
  // TensorFlow's shape functions give the outputs' shapes; throws where one depends on values.
  std::vector<Symbol> AddOperation(const std::string &op, const std::vector<Attribute> &attributes,
                                   const std::vector<int64_t> &inputs);
  // Registers the graph as an operation `name` of the context; nothing is executed.
  void RegisterFunction(TFE_Context *context, const std::string &name, const std::vector<int64_t> &inputs,
                        const std::vector<int64_t> &outputs);

 private:
  struct Argument {
    bool is_list;
    std::vector<TF_Output> tensors;
  };

  TF_OperationDescription *Describe(const std::string &op);
  TF_Output At(int64_t id) const;
  // Splits a flat list of inputs into arguments; at most one of them may be a list.
  std::vector<Argument> Arrange(const std::string &op, const std::vector<bool> &input_is_list,
                                const std::vector<int64_t> &inputs) const;
  TF_Operation *Finish(TF_OperationDescription *description, const std::string &op);
  std::vector<Symbol> Outputs(TF_Operation *operation);

  TF_Graph *graph_;
  std::vector<TF_Output> symbols_;
  int operations_ = 0;
};

}  // namespace ncore

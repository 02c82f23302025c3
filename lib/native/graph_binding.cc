#include "graph_binding.h"

#include <stdexcept>

#include "backend_access.h"
#include "graph_builder.h"
#include "js.h"
#include "status.h"

namespace ncore {
namespace {

GraphBuilder &ReadGraph(napi_env env, napi_value value) {
  void *builder = nullptr;
  Check(env, napi_get_value_external(env, value, &builder), "graph");
  return *static_cast<GraphBuilder *>(builder);
}

Attribute ReadAttribute(napi_env env, napi_value object) {
  Attribute attribute{ReadString(env, Property(env, object, "name")), false};
  const napi_value value = Property(env, object, "value");
  const bool is_array = IsArray(env, value);
  const int32_t type = ReadInt(env, Property(env, object, "type"));
  switch (type) {
    case TF_ATTR_STRING:
      attribute.value = ReadString(env, value);
      break;
    case TF_ATTR_INT:
      if (is_array) {
        attribute.value = ReadInts(env, value);
      } else {
        attribute.value = static_cast<int64_t>(ReadNumber(env, value));
      }
      break;
    case TF_ATTR_FLOAT:
      if (is_array) {
        std::vector<float> list;
        for (napi_value element : ReadArray(env, value)) list.push_back(static_cast<float>(ReadNumber(env, element)));
        attribute.value = list;
      } else {
        attribute.value = static_cast<float>(ReadNumber(env, value));
      }
      break;
    case TF_ATTR_BOOL:
      attribute.value = ReadBool(env, value);
      break;
    case TF_ATTR_TYPE:
      attribute.value = static_cast<TF_DataType>(ReadInt(env, value));
      break;
    case TF_ATTR_SHAPE:
      attribute.value = Attribute::ShapeValue{ReadInts(env, value)};
      break;
    default:
      throw std::runtime_error("attribute " + attribute.name + " has the unknown kind " + std::to_string(type));
  }
  return attribute;
}

napi_value Info(napi_env env, const Symbol &symbol) {
  napi_value object = nullptr;
  Check(env, napi_create_object(env, &object), "object");
  SetProperty(env, object, "id", MakeInt(env, symbol.id));
  SetProperty(env, object, "shape", MakeInts(env, symbol.shape));
  SetProperty(env, object, "dtype", MakeInt(env, symbol.dtype));
  return object;
}

// graphCreate(): graph
napi_value GraphCreate(napi_env env, napi_callback_info) {
  napi_value external = nullptr;
  const auto release = [](napi_env, void *builder, void *) { delete static_cast<GraphBuilder *>(builder); };
  Check(env, napi_create_external(env, new GraphBuilder, release, nullptr, &external), "graph");
  return external;
}

// graphPlaceholder(graph, dtype, shape): info
napi_value GraphPlaceholder(napi_env env, napi_callback_info info) {
  const auto arguments = Arguments(env, info, 3);
  const auto dtype = static_cast<TF_DataType>(ReadInt(env, arguments[1]));
  return Info(env, ReadGraph(env, arguments[0]).AddPlaceholder(dtype, ReadInts(env, arguments[2])));
}

// graphConstant(graph, shape, dtype, values: TypedArray): info
napi_value GraphConstant(napi_env env, napi_callback_info info) {
  const auto arguments = Arguments(env, info, 4);
  napi_value buffer = nullptr;
  napi_typedarray_type type;
  size_t length = 0;
  size_t offset = 0;
  void *data = nullptr;
  Check(env, napi_get_typedarray_info(env, arguments[3], &type, &length, &data, &buffer, &offset), "constant's values");
  const size_t width = type == napi_uint8_array || type == napi_int8_array || type == napi_uint8_clamped_array ? 1 : 4;
  if (type == napi_float64_array || type == napi_int16_array || type == napi_uint16_array) {
    throw std::runtime_error("a constant's values must be 8-bit or 32-bit");
  }
  const auto dtype = static_cast<TF_DataType>(ReadInt(env, arguments[2]));
  return Info(env,
              ReadGraph(env, arguments[0]).AddConstant(dtype, ReadInts(env, arguments[1]), data, length * width));
}

// graphOperation(graph, op, attributes, inputs): infos
napi_value GraphOperation(napi_env env, napi_callback_info info) {
  const auto arguments = Arguments(env, info, 4);
  std::vector<Attribute> attributes;
  for (napi_value element : ReadArray(env, arguments[2])) attributes.push_back(ReadAttribute(env, element));
  std::vector<napi_value> infos;
  for (const Symbol &symbol : ReadGraph(env, arguments[0])
                                  .AddOperation(ReadString(env, arguments[1]), attributes, ReadInts(env, arguments[3]))) {
    infos.push_back(Info(env, symbol));
  }
  return MakeArray(env, infos);
}

// graphRegister(graph, name, inputs, outputs): the function then runs by executeOp(name, [], inputs, outputs.length)
napi_value GraphRegister(napi_env env, napi_callback_info info) {
  const auto arguments = Arguments(env, info, 4);
  ReadGraph(env, arguments[0])
      .RegisterFunction(ContextOf(BackendOf(env)), ReadString(env, arguments[1]), ReadInts(env, arguments[2]),
                        ReadInts(env, arguments[3]));
  return nullptr;
}

// removeFunction(name)
napi_value RemoveFunction(napi_env env, napi_callback_info info) {
  const auto arguments = Arguments(env, info, 1);
  Status status;
  TFE_ContextRemoveFunction(ContextOf(BackendOf(env)), ReadString(env, arguments[0]).c_str(), status.get());
  status.Check("removing a graph function");
  return nullptr;
}

}  // namespace

void ExportGraphFunctions(napi_env env, napi_value exports) {
  SetFunction(env, exports, "graphCreate", Entry<GraphCreate>);
  SetFunction(env, exports, "graphPlaceholder", Entry<GraphPlaceholder>);
  SetFunction(env, exports, "graphConstant", Entry<GraphConstant>);
  SetFunction(env, exports, "graphOperation", Entry<GraphOperation>);
  SetFunction(env, exports, "graphRegister", Entry<GraphRegister>);
  SetFunction(env, exports, "removeFunction", Entry<RemoveFunction>);
}

}  // namespace ncore

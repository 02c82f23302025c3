// The addon's entry: compiled instead of the package's binding/tfjs_binding.cc, which it includes unchanged, and adds
// graph functions and fused kernels to what that exports.
#include <node_api.h>

#undef NAPI_MODULE
#define NAPI_MODULE(name, init)
#include "tfjs_binding.cc"
#undef NAPI_MODULE

#include "dequantize_ops.h"
#include "gelu_ops.h"
#include "graph_binding.h"
#include "js.h"
#include "norm_ops.h"
#include "op_definition.h"

namespace {

// The names of the operations this addon brings: `nativeOps`.
void ExportNativeOps(napi_env env, napi_value exports) {
  std::vector<napi_value> names;
  for (const std::string &name : ncore::RegisteredOps()) {
    napi_value text = nullptr;
    ncore::Check(env, napi_create_string_utf8(env, name.data(), name.size(), &text), "name");
    names.push_back(text);
  }
  ncore::SetProperty(env, exports, "nativeOps", ncore::MakeArray(env, names));
}

}  // namespace

NAPI_MODULE_INIT() {
  exports = tfnodejs::InitTFNodeJSBinding(env, exports);
  if (exports == nullptr) return nullptr;
  try {
    ncore::ExportGraphFunctions(env, exports);
    ncore::ExportExecuteAsync(env, exports);
    ncore::RegisterDequantizeOps();
    ncore::RegisterGeluOps();
    ncore::RegisterNormOps();
    ExportNativeOps(env, exports);
  } catch (const std::exception &error) {
    napi_throw_error(env, nullptr, error.what());
  }
  return exports;
}

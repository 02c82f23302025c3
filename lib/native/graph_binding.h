// Graph functions as JavaScript sees them (lib/src/engine/binding.ts has the types).
#pragma once

#include <node_api.h>

namespace ncore {

// Adds graphCreate, graphPlaceholder, graphConstant, graphOperation, graphRegister and removeFunction.
void ExportGraphFunctions(napi_env env, napi_value exports);

// Adds executeAsync: executeOp on a thread of the pool, with a promise of the outputs.
void ExportExecuteAsync(napi_env env, napi_value exports);

}  // namespace ncore

// What the additions need of the package's TFJSBackend: its eager context, its tensor handles and its way of handing
// outputs to JavaScript. The package is compiled unchanged and keeps these private; an explicit template instantiation
// is where C++ allows private members to be named.
#pragma once

#include <node_api.h>

#include <stdexcept>

#include "tfjs_backend.h"

namespace ncore {

using tfnodejs::TFJSBackend;

template <typename Tag, typename Tag::type Member>
struct Expose {
  friend typename Tag::type MemberOf(Tag) { return Member; }
};

struct ContextTag {
  using type = TFE_Context *TFJSBackend::*;
  friend type MemberOf(ContextTag);
};
struct HandlesTag {
  using type = std::unordered_map<int32_t, TFE_TensorHandle *> TFJSBackend::*;
  friend type MemberOf(HandlesTag);
};
struct OutputInfoTag {
  using type = napi_value (TFJSBackend::*)(napi_env, TFE_TensorHandle *);
  friend type MemberOf(OutputInfoTag);
};

template struct Expose<ContextTag, &TFJSBackend::tfe_context_>;
template struct Expose<HandlesTag, &TFJSBackend::tfe_handle_map_>;
template struct Expose<OutputInfoTag, &TFJSBackend::GenerateOutputTensorInfo>;

inline TFJSBackend &BackendOf(napi_env env) {
  void *backend = nullptr;
  if (napi_get_instance_data(env, &backend) != napi_ok || backend == nullptr) {
    throw std::runtime_error("the TensorFlow backend is not open");
  }
  return *static_cast<TFJSBackend *>(backend);
}

inline TFE_Context *ContextOf(TFJSBackend &backend) { return backend.*MemberOf(ContextTag()); }

// The handle behind a tensor id; the backend keeps it.
inline TFE_TensorHandle *HandleOf(TFJSBackend &backend, int32_t id) {
  const auto &handles = backend.*MemberOf(HandlesTag());
  const auto found = handles.find(id);
  if (found == handles.end()) throw std::runtime_error("unknown tensor id " + std::to_string(id));
  return found->second;
}

// Gives a handle to the backend and describes it as `{ id, shape, dtype }`.
inline napi_value OutputInfo(napi_env env, TFJSBackend &backend, TFE_TensorHandle *handle) {
  return (backend.*MemberOf(OutputInfoTag()))(env, handle);
}

}  // namespace ncore

// JavaScript values: reading arguments and making results. Every function throws std::runtime_error on a wrong value.
#pragma once

#include <node_api.h>

#include <cstdint>
#include <exception>
#include <string>
#include <vector>

namespace ncore {

void Check(napi_env env, napi_status status, const char *what);

// The arguments of a call; throws when there are fewer than `count`.
std::vector<napi_value> Arguments(napi_env env, napi_callback_info info, size_t count);

int32_t ReadInt(napi_env env, napi_value value);
double ReadNumber(napi_env env, napi_value value);
bool ReadBool(napi_env env, napi_value value);
std::string ReadString(napi_env env, napi_value value);
bool IsArray(napi_env env, napi_value value);
std::vector<napi_value> ReadArray(napi_env env, napi_value value);
std::vector<int64_t> ReadInts(napi_env env, napi_value value);
napi_value Property(napi_env env, napi_value object, const char *name);

napi_value MakeInt(napi_env env, int64_t value);
napi_value MakeArray(napi_env env, const std::vector<napi_value> &elements);
napi_value MakeInts(napi_env env, const std::vector<int64_t> &values);
void SetProperty(napi_env env, napi_value object, const char *name, napi_value value);
void SetFunction(napi_env env, napi_value exports, const char *name, napi_callback function);

// A native function as JavaScript sees it: an exception inside becomes an Error.
template <napi_value (*Function)(napi_env, napi_callback_info)>
napi_value Entry(napi_env env, napi_callback_info info) {
  try {
    return Function(env, info);
  } catch (const std::exception &error) {
    napi_throw_error(env, nullptr, error.what());
    return nullptr;
  }
}

}  // namespace ncore

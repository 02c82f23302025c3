#include "js.h"

#include <stdexcept>

namespace ncore {

void Check(napi_env env, napi_status status, const char *what) {
  if (status == napi_ok) return;
  const napi_extended_error_info *info = nullptr;
  napi_get_last_error_info(env, &info);
  const char *detail = info != nullptr && info->error_message != nullptr ? info->error_message : "unknown error";
  throw std::runtime_error(std::string(what) + ": " + detail);
}

std::vector<napi_value> Arguments(napi_env env, napi_callback_info info, size_t count) {
  size_t given = count;
  std::vector<napi_value> values(count);
  Check(env, napi_get_cb_info(env, info, &given, values.data(), nullptr, nullptr), "arguments");
  if (given < count) {
    throw std::runtime_error("expected " + std::to_string(count) + " arguments, got " + std::to_string(given));
  }
  return values;
}

int32_t ReadInt(napi_env env, napi_value value) {
  int32_t result = 0;
  Check(env, napi_get_value_int32(env, value, &result), "integer");
  return result;
}

double ReadNumber(napi_env env, napi_value value) {
  double result = 0;
  Check(env, napi_get_value_double(env, value, &result), "number");
  return result;
}

bool ReadBool(napi_env env, napi_value value) {
  bool result = false;
  Check(env, napi_get_value_bool(env, value, &result), "boolean");
  return result;
}

std::string ReadString(napi_env env, napi_value value) {
  size_t length = 0;
  Check(env, napi_get_value_string_utf8(env, value, nullptr, 0, &length), "string");
  std::string result(length, '\0');
  Check(env, napi_get_value_string_utf8(env, value, result.data(), length + 1, &length), "string");
  return result;
}

bool IsArray(napi_env env, napi_value value) {
  bool result = false;
  Check(env, napi_is_array(env, value, &result), "array");
  return result;
}

std::vector<napi_value> ReadArray(napi_env env, napi_value value) {
  uint32_t length = 0;
  Check(env, napi_get_array_length(env, value, &length), "array");
  std::vector<napi_value> elements(length);
  for (uint32_t i = 0; i < length; i++) Check(env, napi_get_element(env, value, i, &elements[i]), "array element");
  return elements;
}

std::vector<int64_t> ReadInts(napi_env env, napi_value value) {
  std::vector<int64_t> result;
  for (napi_value element : ReadArray(env, value)) {
    int64_t number = 0;
    Check(env, napi_get_value_int64(env, element, &number), "integer of an array");
    result.push_back(number);
  }
  return result;
}

napi_value Property(napi_env env, napi_value object, const char *name) {
  napi_value result = nullptr;
  Check(env, napi_get_named_property(env, object, name, &result), name);
  return result;
}

napi_value MakeInt(napi_env env, int64_t value) {
  napi_value result = nullptr;
  Check(env, napi_create_int64(env, value, &result), "integer");
  return result;
}

napi_value MakeArray(napi_env env, const std::vector<napi_value> &elements) {
  napi_value result = nullptr;
  Check(env, napi_create_array_with_length(env, elements.size(), &result), "array");
  for (uint32_t i = 0; i < elements.size(); i++) {
    Check(env, napi_set_element(env, result, i, elements[i]), "array element");
  }
  return result;
}

napi_value MakeInts(napi_env env, const std::vector<int64_t> &values) {
  std::vector<napi_value> elements;
  for (int64_t value : values) elements.push_back(MakeInt(env, value));
  return MakeArray(env, elements);
}

void SetProperty(napi_env env, napi_value object, const char *name, napi_value value) {
  Check(env, napi_set_named_property(env, object, name, value), name);
}

void SetFunction(napi_env env, napi_value exports, const char *name, napi_callback function) {
  napi_value value = nullptr;
  Check(env, napi_create_function(env, name, NAPI_AUTO_LENGTH, function, nullptr, &value), name);
  SetProperty(env, exports, name, value);
}

}  // namespace ncore

#include <memory>
#include <string>
#include <vector>

#include "backend_access.h"
#include "graph_binding.h"
#include "js.h"
#include "status.h"
#include "tensorflow/c/eager/c_api.h"

namespace ncore {
namespace {

// One execution under way. The operation holds its own references on the inputs.
struct Job {
  TFE_Op *op = nullptr;
  std::vector<TFE_TensorHandle *> outputs;
  Status status;
  napi_deferred deferred = nullptr;
  napi_async_work work = nullptr;

  ~Job() {
    if (op != nullptr) TFE_DeleteOp(op);
  }
};

// On a thread of the pool: no JavaScript here.
void Run(napi_env, void *data) {
  Job *job = static_cast<Job *>(data);
  int count = job->outputs.size();
  TFE_Execute(job->op, job->outputs.data(), &count, job->status.get());
}

napi_value ErrorOf(napi_env env, const std::string &message) {
  napi_value text = nullptr;
  napi_value error = nullptr;
  napi_create_string_utf8(env, message.data(), message.size(), &text);
  napi_create_error(env, nullptr, text, &error);
  return error;
}

void Settle(napi_env env, napi_status, void *data) {
  const std::unique_ptr<Job> job(static_cast<Job *>(data));
  napi_delete_async_work(env, job->work);
  try {
    job->status.Check("execution");
    std::vector<napi_value> infos;
    for (TFE_TensorHandle *handle : job->outputs) infos.push_back(OutputInfo(env, BackendOf(env), handle));
    napi_resolve_deferred(env, job->deferred, MakeArray(env, infos));
  } catch (const std::exception &error) {
    napi_reject_deferred(env, job->deferred, ErrorOf(env, error.what()));
  }
}

// executeAsync(op, inputs, outputCount): promise of infos
napi_value ExecuteAsync(napi_env env, napi_callback_info info) {
  const auto arguments = Arguments(env, info, 3);
  TFJSBackend &backend = BackendOf(env);
  auto job = std::make_unique<Job>();
  job->op = TFE_NewOp(ContextOf(backend), ReadString(env, arguments[0]).c_str(), job->status.get());
  job->status.Check("operation");
  for (int64_t id : ReadInts(env, arguments[1])) {
    TFE_OpAddInput(job->op, HandleOf(backend, id), job->status.get());
    job->status.Check("input");
  }
  job->outputs.resize(ReadInt(env, arguments[2]), nullptr);
  napi_value promise = nullptr;
  napi_value name = nullptr;
  Check(env, napi_create_string_utf8(env, "executeAsync", NAPI_AUTO_LENGTH, &name), "name");
  Check(env, napi_create_promise(env, &job->deferred, &promise), "promise");
  Check(env, napi_create_async_work(env, nullptr, name, Run, Settle, job.get(), &job->work), "work");
  Check(env, napi_queue_async_work(env, job->work), "work");
  job.release();
  return promise;
}

}  // namespace

void ExportExecuteAsync(napi_env env, napi_value exports) {
  SetFunction(env, exports, "executeAsync", Entry<ExecuteAsync>);
}

}  // namespace ncore

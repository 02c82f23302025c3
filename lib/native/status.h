// TF_Status that throws: inside the addon errors travel as exceptions and become JavaScript errors at its entry points.
#pragma once

#include <stdexcept>
#include <string>

#include "tensorflow/c/tf_status.h"

namespace ncore {

class Status {
 public:
  Status() : status_(TF_NewStatus()) {}
  ~Status() { TF_DeleteStatus(status_); }
  Status(const Status &) = delete;
  Status &operator=(const Status &) = delete;

  TF_Status *get() { return status_; }
  bool ok() const { return TF_GetCode(status_) == TF_OK; }
  std::string message() const { return TF_Message(status_); }

  // Throws what went wrong, after `what` was tried.
  void Check(const std::string &what) const {
    if (!ok()) throw std::runtime_error(what + ": " + message());
  }

 private:
  TF_Status *status_;
};

}  // namespace ncore

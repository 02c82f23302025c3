#include "op_signature.h"

#include <cstdint>
#include <memory>
#include <stdexcept>

#include "status.h"

namespace ncore {
namespace {

// Field numbers of tensorflow/core/framework/op_def.proto. The C API hands an OpDef out as bytes; reading the few fields
// needed here keeps the addon free of TensorFlow's C++ interface, so that any C++17 compiler and TensorFlow 2 fit.
enum OpDefField { kInputArg = 2, kAttr = 4 };
enum ArgDefField { kTypeAttr = 4, kNumberAttr = 5, kTypeListAttr = 6 };
enum AttrDefField { kAttrName = 1 };

// Walks the fields of one serialised protocol buffer message.
class MessageReader {
 public:
  MessageReader(const uint8_t *data, size_t size) : at_(data), end_(data + size) {}
  explicit MessageReader(const std::string &message)
      : MessageReader(reinterpret_cast<const uint8_t *>(message.data()), message.size()) {}

  // Moves to the next field; false at the end.
  bool Next() {
    if (at_ == end_) return false;
    const uint64_t tag = Varint();
    field_ = static_cast<int>(tag >> 3);
    bytes_.clear();
    switch (tag & 7) {
      case 0:
        Varint();
        break;
      case 1:
        Skip(8);
        break;
      case 2: {
        const size_t size = Varint();
        const uint8_t *start = at_;
        Skip(size);
        bytes_.assign(reinterpret_cast<const char *>(start), size);
        break;
      }
      case 5:
        Skip(4);
        break;
      default:
        throw std::runtime_error("malformed operation definition");
    }
    return true;
  }

  int field() const { return field_; }
  // The content of a string or message field.
  const std::string &bytes() const { return bytes_; }

 private:
  void Skip(size_t size) {
    if (size > static_cast<size_t>(end_ - at_)) throw std::runtime_error("truncated operation definition");
    at_ += size;
  }

  uint64_t Varint() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const uint8_t *byte = at_;
      Skip(1);
      value |= static_cast<uint64_t>(*byte & 0x7f) << shift;
      if (*byte < 0x80) return value;
    }
    throw std::runtime_error("malformed operation definition");
  }

  const uint8_t *at_;
  const uint8_t *end_;
  int field_ = 0;
  std::string bytes_;
};

void AddInput(const std::string &argument, OpSignature *signature) {
  bool is_list = false;
  for (MessageReader reader(argument); reader.Next();) {
    const int field = reader.field();
    if (field != kTypeAttr && field != kNumberAttr && field != kTypeListAttr) continue;
    if (reader.bytes().empty()) continue;
    signature->inferred.insert(reader.bytes());
    is_list = is_list || field != kTypeAttr;
  }
  signature->input_is_list.push_back(is_list);
}

void AddAttribute(const std::string &attribute, OpSignature *signature) {
  for (MessageReader reader(attribute); reader.Next();) {
    if (reader.field() == kAttrName) signature->attributes.insert(reader.bytes());
  }
}

}  // namespace

OpSignature ReadOpSignature(TF_Graph *graph, const std::string &op) {
  Status status;
  const std::unique_ptr<TF_Buffer, decltype(&TF_DeleteBuffer)> buffer(TF_NewBuffer(), TF_DeleteBuffer);
  TF_GraphGetOpDef(graph, op.c_str(), buffer.get(), status.get());
  status.Check("operation " + op);
  OpSignature signature;
  for (MessageReader reader(static_cast<const uint8_t *>(buffer->data), buffer->length); reader.Next();) {
    if (reader.field() == kInputArg) AddInput(reader.bytes(), &signature);
    if (reader.field() == kAttr) AddAttribute(reader.bytes(), &signature);
  }
  return signature;
}

}  // namespace ncore

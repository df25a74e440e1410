// SPDX-License-Identifier: Apache-2.0
#include "bus/protocol/subject.h"

namespace bitrepo::protocol {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

const Message* Inner(const Message& message, const std::string& name) {
  const FieldDescriptor* field = message.GetDescriptor()->FindFieldByName(name);
  const bool is_there = field != nullptr && !field->is_repeated() &&
                        field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE &&
                        message.GetReflection()->HasField(message, field);
  return is_there ? &message.GetReflection()->GetMessage(message, field) : nullptr;
}

std::string OwnFileId(const Message& message) {
  const FieldDescriptor* field = message.GetDescriptor()->FindFieldByName("file_id");
  return field == nullptr ? "" : message.GetReflection()->GetString(message, field);
}

}  // namespace

std::string FileIdOf(const wire::Body& body) {
  const google::protobuf::OneofDescriptor* oneof = body.GetDescriptor()->FindOneofByName("content");
  const FieldDescriptor* chosen = body.GetReflection()->GetOneofFieldDescriptor(body, oneof);
  if (chosen == nullptr) {
    return "";
  }
  const Message* content = &body.GetReflection()->GetMessage(body, chosen);
  std::string id = OwnFileId(*content);
  for (const char* place : {"range", "files", "file", "existing"}) {
    if (const Message* inner = id.empty() ? Inner(*content, place) : nullptr) {
      id = OwnFileId(*inner);
    }
  }
  return id;
}

}  // namespace bitrepo::protocol

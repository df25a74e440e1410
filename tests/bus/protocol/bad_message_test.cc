// SPDX-License-Identifier: Apache-2.0
// What is not valid of a message whatever its content, and no string that is not UTF-8.
#include <google/protobuf/stubs/logging.h>

#include "bus/protocol/limits.h"
#include "tests/bus/protocol/bad_rows.h"

namespace bitrepo::protocol {
namespace {

using samples::Check;
using samples::Open;
using samples::Sample;

// [B-12]
TEST(BadMessage, Header) {
  const auto header = [](std::function<void(wire::Header&)> spoil) {
    return [spoil](Sample& s) { spoil(s.header); };
  };
  const std::string put = "put-file-request";
  Check({
      {"no repository", put, header([](auto& h) { h.clear_repository_id(); }), "field"},
      {"repository is no name", put, header([](auto& h) { h.set_repository_id("Repo 1"); }),
       "field"},
      {"no message id", put, header([](auto& h) { h.clear_message_id(); }), "field"},
      {"message id of zeros", put, header([](auto& h) { h.set_message_id(std::string(16, '\0')); }),
       "field"},
      {"message id of 15 bytes", put, header([](auto& h) { h.set_message_id("123456789012345"); }),
       "field"},
      {"no conversation", put, header([](auto& h) { h.clear_conversation_id(); }), "field"},
      {"a conversation in a hello", "hello",
       header([](auto& h) { h.set_conversation_id(samples::Id('c')); }), "field"},
      {"an operation in a hello", "hello", header([](auto& h) { h.set_operation(wire::PUT_FILE); }),
       "field"},
      {"a conversation in an alarm", "alarm",
       header([](auto& h) { h.set_conversation_id(samples::Id('c')); }), ""},
      {"no operation", put, header([](auto& h) { h.clear_operation(); }), "field"},
      {"no collection", put, header([](auto& h) { h.clear_collection_id(); }), "field"},
      {"status without collection", "get-status-request",
       header([](auto& h) { h.clear_collection_id(); }), ""},
      {"roster with collection", "roster-request",
       header([](auto& h) { h.set_collection_id("books"); }), "field"},
      {"no from", put, header([](auto& h) { h.clear_from(); }), "field"},
      {"from too long", put, header([](auto& h) { h.set_from(std::string(65, 'a')); }), "field"},
      {"from as long as may be", put, header([](auto& h) { h.set_from(std::string(64, 'a')); }),
       ""},
      {"no reply_to in a request", put, header([](auto& h) { h.clear_reply_to(); }), "field"},
      {"reply_to in a reply", "put-file-final", header([](auto& h) { h.set_reply_to("x"); }),
       "field"},
      {"no answers in a reply", "put-file-final", header([](auto& h) { h.clear_answers(); }),
       "field"},
      {"answers in a request", put, header([](auto& h) { h.set_answers(samples::Id('a')); }),
       "field"},
      {"key id at its limit", put,
       header([](auto& h) { h.set_key_id(std::string(kKeyIdBytesMax, 'k')); }), ""},
      {"key id too long", put,
       header([](auto& h) { h.set_key_id(std::string(kKeyIdBytesMax + 1, 'k')); }), "field"},
      {"issued before 1970", put, header([](auto& h) { h.set_issued_at_us(-1); }), "field"},
      {"expires before it was issued", put,
       header([](auto& h) { h.set_expires_at_us(h.issued_at_us()); }), "field"},
      {"never expires", put, header([](auto& h) { h.set_expires_at_us(0); }), ""},
      {"kind unknown", put, header([](auto& h) { h.set_kind(static_cast<wire::Kind>(99)); }),
       "kind", wire::REQUEST_NOT_SUPPORTED},
      {"features at their limit are unknown", put, header([](auto& h) {
         for (size_t i = 0; i < kFeaturesMax; ++i) h.add_must_understand("x");
       }),
       "feature", wire::REQUEST_NOT_SUPPORTED},
      {"too many features", put, header([](auto& h) {
         for (size_t i = 0; i < kFeaturesMax + 1; ++i) h.add_must_understand("x");
       }),
       "list-limit"},
      {"lowest version above its own", put, header([](auto& h) { h.set_min_version(2); }),
       "version"},
      {"version from the future", put, header([](auto& h) {
         h.set_version(2);
         h.set_min_version(2);
       }),
       "version", wire::VERSION_NOT_SUPPORTED},
  });
}

// [B-10] [B-11]
TEST(BadMessage, Destination) {
  using Kind = Destination::Kind;
  const auto to = [](Kind kind, std::string id) {
    return [kind, id](Sample& s) { s.destination = {kind, id}; };
  };
  Check({
      {"a request to a collection", "put-file-request", to(Kind::kCollection, "books"),
       "destination"},
      {"a request to another pillar than it names", "put-file-request",
       to(Kind::kPillar, "pillar-2"), "destination"},
      {"a request to a client", "put-file-request", to(Kind::kClient, "pillar-1"), "destination"},
      {"an identify to the operators", "put-file-identify", to(Kind::kOperators, ""),
       "destination"},
      {"an identify to another collection than it names", "put-file-identify",
       to(Kind::kCollection, "maps"), "destination"},
      {"an identify to a collection that names one component", "put-file-identify",
       [](Sample& s) { s.header.set_to("pillar-1"); }, "destination"},
      {"an identify to one pillar", "put-file-identify",
       [](Sample& s) {
         s.header.set_to("pillar-1");
         s.destination = {Kind::kPillar, "pillar-1"};
       },
       ""},
      {"a final to a pillar", "put-file-final", to(Kind::kPillar, samples::kSession),
       "destination"},
      {"an alarm to the coordinator", "alarm", to(Kind::kCoordinator, ""), "destination"},
      {"a hello to a pillar", "hello", to(Kind::kPillar, "pillar-2"), "destination"},
      {"a heartbeat to a client", "heartbeat",
       [](Sample& s) {
         s.header.set_to("alice.5f03");
         s.destination = {Kind::kClient, "alice.5f03"};
       },
       ""},
      {"a heartbeat to a collection", "heartbeat", to(Kind::kCollection, "books"), "destination"},
  });
}

// [B-2] [B-21] [B-23]
TEST(BadMessage, OperationAndContent) {
  const auto operation = [](wire::Operation value) {
    return [value](Sample& s) { s.header.set_operation(value); };
  };
  Check({
      {"reserved operation", "put-file-request", operation(wire::UPDATE_FILE), "operation",
       wire::REQUEST_NOT_SUPPORTED},
      {"operation of the future", "put-file-request", operation(static_cast<wire::Operation>(77)),
       "operation", wire::REQUEST_NOT_SUPPORTED},
      {"identify of a reserved operation", "put-file-identify", operation(wire::UPDATE_FILE),
       "operation", wire::REQUEST_NOT_SUPPORTED},
      {"content of another operation", "put-file-request", operation(wire::GET_FILE),
       "content-mismatch"},
      {"content of another kind", "put-file-request",
       [](Sample& s) { s.body.mutable_put_file_identify(); }, "content-mismatch"},
      {"no content", "put-file-request", [](Sample& s) { s.body.clear_content(); },
       "content-mismatch"},
      {"a hub's content in a request", "put-file-request", [](Sample& s) { s.body.mutable_bye(); },
       "content-mismatch"},
      {"a refusal without content", "put-file-final-refusal",
       [](Sample& s) { s.body.clear_content(); }, ""},
      {"a refusal of an operation of the future", "put-file-final-refusal",
       operation(static_cast<wire::Operation>(77)), ""},
      {"success without content", "put-file-final", [](Sample& s) { s.body.clear_content(); },
       "content-mismatch"},
      {"an identify reply with a final's content", "put-file-identify-reply",
       [](Sample& s) { s.body.mutable_put_file_final(); }, "content-mismatch"},
  });
}

// [B-19]
TEST(BadMessage, SharedParts) {
  const auto code = [](wire::ResponseCode value) {
    return [value](Sample& s) { s.body.mutable_response()->set_code(value); };
  };
  Check({
      {"a reply without response", "put-file-final", [](Sample& s) { s.body.clear_response(); },
       "field"},
      {"a response in a request", "put-file-request",
       [](Sample& s) { s.body.mutable_response()->set_code(wire::FAILURE); }, "field"},
      {"unspecified code", "put-file-final", code(wire::RESPONSE_CODE_UNSPECIFIED), "field"},
      {"progress in a final", "put-file-final", code(wire::OPERATION_PROGRESS), "field"},
      {"completed in a progress", "put-file-progress", code(wire::OPERATION_COMPLETED), "field"},
      {"failure in a progress", "put-file-progress", code(wire::FAILURE), "field"},
      {"completed in an identify reply", "put-file-identify-reply", code(wire::OPERATION_COMPLETED),
       "field"},
      {"positive in a final", "put-file-final", code(wire::IDENTIFICATION_POSITIVE), "field"},
      {"a failure in an undelivered", "undelivered", code(wire::FAILURE), "field"},
      {"gone in an undelivered", "undelivered", code(wire::GONE), ""},
      {"success in a refused", "refused", code(wire::OPERATION_COMPLETED), "field"},
      {"a code of the future in a final", "put-file-final-refusal",
       code(static_cast<wire::ResponseCode>(99)), ""},
      {"text at its limit", "put-file-final-refusal",
       [](Sample& s) { s.body.mutable_response()->set_text(std::string(kTextBytesMax, 't')); }, ""},
      {"text too long", "put-file-final-refusal",
       [](Sample& s) { s.body.mutable_response()->set_text(std::string(kTextBytesMax + 1, 't')); },
       "field"},
      {"a progress without progress", "put-file-progress",
       [](Sample& s) { s.body.clear_progress(); }, "field"},
      {"a progress in a final", "put-file-final",
       [](Sample& s) { s.body.mutable_progress()->set_phase(wire::STORING); }, "field"},
      {"no phase", "put-file-progress", [](Sample& s) { s.body.mutable_progress()->clear_phase(); },
       "field"},
      {"a phase of the future", "put-file-progress",
       [](Sample& s) { s.body.mutable_progress()->set_phase(static_cast<wire::Phase>(99)); }, ""},
      {"a page in a put", "put-file-request", [](Sample& s) { s.body.mutable_page(); }, "page"},
      {"a page in an identify", "get-file-ids-identify", [](Sample& s) { s.body.mutable_page(); },
       "page"},
      {"cursor at its limit", "get-file-ids-request",
       [](Sample& s) { s.body.mutable_page()->set_cursor(std::string(kCursorBytesMax, 'c')); }, ""},
      {"cursor too long", "get-file-ids-request",
       [](Sample& s) { s.body.mutable_page()->set_cursor(std::string(kCursorBytesMax + 1, 'c')); },
       "page"},
  });
}

// Puts `value` into every string field that is set, wherever it is; one at a time, through `check`.
void SpoilStrings(google::protobuf::Message& message, const std::string& path,
                  const std::function<void(const std::string&)>& check) {
  using google::protobuf::FieldDescriptor;
  const auto& reflection = *message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    const std::string name = path + "." + field->name();
    if (field->is_map()) {
      continue;  // of counts by cause; tested by name above
    }
    const int count = field->is_repeated() ? reflection.FieldSize(message, field) : 1;
    for (int i = 0; i < count; ++i) {
      if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
        auto& inner = field->is_repeated() ? *reflection.MutableRepeatedMessage(&message, field, i)
                                           : *reflection.MutableMessage(&message, field);
        SpoilStrings(inner, name, check);
      } else if (field->type() == FieldDescriptor::TYPE_STRING) {
        if (field->is_repeated()) {
          const std::string before = reflection.GetRepeatedString(message, field, i);
          reflection.SetRepeatedString(&message, field, i, "\xff");
          check(name);
          reflection.SetRepeatedString(&message, field, i, before);
        } else {
          const std::string before = reflection.GetString(message, field);
          reflection.SetString(&message, field, "\xff");
          check(name);
          reflection.SetString(&message, field, before);
        }
      }
    }
  }
}

// [B-14]
TEST(BadMessage, NoStringIsAnythingButUtf8) {
  const google::protobuf::LogSilencer silencer;
  int fields = 0;
  for (Sample sample : samples::All()) {
    const auto check = [&](const std::string& field) {
      ++fields;
      EXPECT_FALSE(SealEnvelope(sample.destination, sample.header, sample.body, sample.secret).ok())
          << sample.name << field;
      EXPECT_FALSE(Open(sample).cause.empty()) << sample.name << field;
    };
    SpoilStrings(sample.header, ".header", check);
    SpoilStrings(sample.body, ".body", check);
  }
  EXPECT_GT(fields, 150);
}

}  // namespace
}  // namespace bitrepo::protocol

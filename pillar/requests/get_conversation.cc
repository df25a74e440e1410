// SPDX-License-Identifier: Apache-2.0
#include "pillar/requests/get_conversation.h"

#include <map>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "bus/protocol/page.h"
#include "bus/protocol/primitive.h"
#include "pillar/requests/page_cursor.h"
#include "pillar/requests/replies.h"

namespace bitrepo::requests {
namespace {

// The order in which they are told: that of their message ids, which is that of time.
std::string PlaceOf(const wire::RequestRecord& record) {
  return absl::StrCat(record.message_id(), record.principal());
}

wire::RequestRecord RecordOf(const store::Answer& answer) {
  wire::RequestRecord record;
  record.set_message_id(answer.key.message_id.ToBytes());
  record.set_principal(answer.key.principal);
  record.set_recorded_at_us(absl::ToUnixMicros(answer.recorded_at));
  wire::Body final;
  if (!answer.final_body.empty() && final.ParseFromString(answer.final_body)) {
    record.set_state(wire::REQUEST_DONE);
    AddFinal(final, record);
  } else {
    // Not under way, or the table would tell of it.
    record.set_state(wire::REQUEST_INTERRUPTED);
  }
  return record;
}

std::string QuestionOf(const base::ConversationId& conversation) {
  return absl::StrCat("conversation ", conversation.ToString());
}

}  // namespace

void AddFinal(const wire::Body& final, wire::RequestRecord& record) {
  for (const protocol::OperationRow& row : protocol::Operations()) {
    if (row.final == final.content_case() && final.content_case() != wire::Body::CONTENT_NOT_SET) {
      record.set_operation(row.operation);
    }
  }
  *record.mutable_response() = final.response();
  const auto add = [&record](const auto& message) {
    if (message.has_file()) *record.mutable_file() = message.file();
  };
  switch (final.content_case()) {
    case wire::Body::kPutFileFinal:
      return add(final.put_file_final());
    case wire::Body::kReplaceFileFinal:
      return add(final.replace_file_final());
    case wire::Body::kDeleteFileFinal:
      return add(final.delete_file_final());
    case wire::Body::kUndeleteFileFinal:
      return add(final.undelete_file_final());
    case wire::Body::kGetFileFinal:
      return add(final.get_file_final());
    default:
      return;
  }
}

void GetConversation::Start() {
  const std::string& id = request().body.get_conversation_request().conversation_id();
  if (id.empty()) {
    End(wire::REQUEST_NOT_UNDERSTOOD_FAILURE,
        "a pillar is asked for one conversation by its id; the coordinator has a list", {});
    return;
  }
  const auto conversation = base::ConversationId::FromBytes(id);
  absl::Status asked = conversation.status();
  const std::string& cursor = request().body.page().cursor();
  if (asked.ok()) conversation_ = *conversation;
  if (asked.ok() && !cursor.empty()) {
    absl::StatusOr<std::string> position =
        OpenCursor(parts_.store.store_id(), QuestionOf(conversation_), cursor);
    asked = position.status();
    if (asked.ok()) position_ = *std::move(position);
  }
  if (!asked.ok()) {
    End(wire::REQUEST_NOT_UNDERSTOOD_FAILURE, asked.message(), {});
    return;
  }
  const absl::Status taken = RunThen(
      runtime::Lane::kRead,
      [store = &parts_.store, conversation = conversation_] {
        return store->AnswersOf(conversation, kAnswersOfConversationMax);
      },
      &GetConversation::OnAnswers);
  if (!taken.ok()) End(wire::BUSY, "the pillar has too much to read", {});
}

void GetConversation::OnAnswers(absl::StatusOr<std::vector<store::Answer>> answers) {
  if (done_) return;
  if (!answers.ok()) {
    End(CodeOfStore(answers.status()), answers.status().message(), {});
    return;
  }
  std::map<std::string, wire::RequestRecord> records;
  for (const store::Answer& answer : *answers) {
    wire::RequestRecord record = RecordOf(answer);
    records[PlaceOf(record)] = std::move(record);
  }
  // Later than the look at the record: what it says is newer.
  for (wire::RequestRecord& record : parts_.host.RequestsOf(conversation_)) {
    if (record.message_id() == request().message_id().ToBytes()) continue;  // this very question
    wire::RequestRecord& known = records[PlaceOf(record)];
    if (known.state() != wire::REQUEST_DONE) known = std::move(record);
  }
  wire::GetConversationFinal found;
  found.mutable_page();
  protocol::PagePacker packer(protocol::EffectiveLimits(
      request().body.page(), {protocol::kRequestsOfConversationMax, protocol::kPageBytesMax}));
  for (auto next = records.upper_bound(position_); next != records.end(); ++next) {
    if (!packer.TryAdd(next->second)) {
      found.mutable_page()->set_next_cursor(SealCursor(
          parts_.store.store_id(), QuestionOf(conversation_), absl::string_view(position_)));
      break;
    }
    position_ = next->first;
    *found.add_requests() = std::move(next->second);
  }
  End(wire::OPERATION_COMPLETED, "", std::move(found));
}

void GetConversation::Cancel(wire::ResponseCode code, absl::string_view reason) {
  if (!done_) End(code, reason, {});
}

void GetConversation::End(wire::ResponseCode code, absl::string_view text,
                          wire::GetConversationFinal found) {
  done_ = true;
  wire::Body final = FinalBody(wire::GET_CONVERSATION, code, text);
  *final.mutable_get_conversation_final() = std::move(found);
  context_.Finished(std::move(final));
}

}  // namespace bitrepo::requests

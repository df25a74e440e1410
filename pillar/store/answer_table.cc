// SPDX-License-Identifier: Apache-2.0
#include "pillar/store/answer_table.h"

#include <utility>

#include "base/status.h"

namespace bitrepo::store {
namespace {

#define BITREPO_ANSWER_COLUMNS \
  "principal, conversation, message, body_sha256, final, recorded_at, interrupted"
constexpr int kAuditSeq = 7;  // the column behind them

absl::StatusOr<Answer> ReadAnswer(const Query& query) {
  absl::StatusOr<base::ConversationId> conversation =
      base::ConversationId::FromBytes(query.Bytes(1));
  absl::StatusOr<base::MessageId> message = base::MessageId::FromBytes(query.Bytes(2));
  if (!conversation.ok() || !message.ok()) {
    return absl::DataLossError("catalogue: the record of an answer is damaged");
  }
  return Answer{.key = AnswerKey{.principal = std::string(query.Bytes(0)),
                                 .conversation = *conversation,
                                 .message_id = *message},
                .body_sha256 = std::string(query.Bytes(3)),
                .final_body = std::string(query.Bytes(4)),
                .recorded_at = absl::FromUnixMicros(query.Int(5)),
                .interrupted = query.Int(6) != 0};
}

void BindKey(Query& query, const AnswerKey& key) {
  query.BindBlob(key.conversation.ToBytes())
      .BindBlob(key.message_id.ToBytes())
      .BindText(key.principal);
}

}  // namespace

absl::StatusOr<std::optional<Answer>> AnswerTable::Find(const AnswerKey& key) {
  BITREPO_ASSIGN_OR_RETURN(
      Query query, database_.Prepare("SELECT " BITREPO_ANSWER_COLUMNS " FROM answer"
                                     " WHERE conversation=? AND message=? AND principal=?"));
  BindKey(query, key);
  BITREPO_ASSIGN_OR_RETURN(const bool found, query.Step());
  if (!found) {
    return std::nullopt;
  }
  return ReadAnswer(query);
}

absl::Status AnswerTable::Open(const Answer& answer) {
  BITREPO_ASSIGN_OR_RETURN(
      Query query,
      database_.Prepare("INSERT INTO answer(conversation, message, principal, body_sha256, "
                        "recorded_at, interrupted)"
                        " VALUES(?,?,?,?,?,0) ON CONFLICT DO UPDATE SET interrupted=0"));
  BindKey(query, answer.key);
  return query.BindBlob(answer.body_sha256).Bind(absl::ToUnixMicros(answer.recorded_at)).Run();
}

absl::Status AnswerTable::Close(const Answer& answer, int64_t audit_seq) {
  BITREPO_ASSIGN_OR_RETURN(
      Query query,
      database_.Prepare(
          "INSERT INTO answer(conversation, message, principal, body_sha256, recorded_at,"
          " interrupted, final, audit_seq) VALUES(?,?,?,?,?,0,?,?)"
          " ON CONFLICT DO UPDATE SET interrupted=0, recorded_at=excluded.recorded_at,"
          " final=excluded.final, audit_seq=excluded.audit_seq WHERE final IS NULL"));
  BindKey(query, answer.key);
  return query.BindBlob(answer.body_sha256)
      .Bind(absl::ToUnixMicros(answer.recorded_at))
      .BindBlob(answer.final_body)
      .Bind(audit_seq)
      .Run();
}

absl::StatusOr<absl::btree_map<uint64_t, Answer>> AnswerTable::ClosedWith(uint64_t first,
                                                                          uint64_t last) {
  BITREPO_ASSIGN_OR_RETURN(
      Query query, database_.Prepare("SELECT " BITREPO_ANSWER_COLUMNS ", audit_seq FROM answer"
                                     " WHERE audit_seq>=? AND audit_seq<=?"));
  query.Bind(static_cast<int64_t>(first)).Bind(static_cast<int64_t>(last));
  absl::btree_map<uint64_t, Answer> answers;
  for (;;) {
    BITREPO_ASSIGN_OR_RETURN(const bool more, query.Step());
    if (!more) {
      return answers;
    }
    BITREPO_ASSIGN_OR_RETURN(Answer answer, ReadAnswer(query));
    answers.emplace(static_cast<uint64_t>(query.Int(kAuditSeq)), std::move(answer));
  }
}

absl::Status AnswerTable::MarkOpenInterrupted() {
  return database_.Execute("UPDATE answer SET interrupted=1 WHERE final IS NULL AND interrupted=0");
}

absl::StatusOr<std::vector<Answer>> AnswerTable::Interrupted(absl::Time recorded_before) {
  BITREPO_ASSIGN_OR_RETURN(
      Query query,
      database_.Prepare(
          "SELECT " BITREPO_ANSWER_COLUMNS " FROM answer"
          " WHERE final IS NULL AND interrupted=1 AND recorded_at<=? ORDER BY recorded_at"));
  query.Bind(absl::ToUnixMicros(recorded_before));
  return ReadAll(std::move(query));
}

absl::StatusOr<std::vector<Answer>> AnswerTable::Of(const base::ConversationId& conversation,
                                                    uint32_t limit) {
  BITREPO_ASSIGN_OR_RETURN(
      Query query, database_.Prepare("SELECT " BITREPO_ANSWER_COLUMNS " FROM answer"
                                     " WHERE conversation=? ORDER BY message, principal LIMIT ?"));
  query.BindBlob(conversation.ToBytes()).Bind(limit);
  return ReadAll(std::move(query));
}

absl::StatusOr<std::vector<Answer>> AnswerTable::ReadAll(Query query) {
  std::vector<Answer> answers;
  for (;;) {
    BITREPO_ASSIGN_OR_RETURN(const bool more, query.Step());
    if (!more) {
      return answers;
    }
    BITREPO_ASSIGN_OR_RETURN(Answer answer, ReadAnswer(query));
    answers.push_back(std::move(answer));
  }
}

absl::Status AnswerTable::Forget(absl::Time recorded_before) {
  BITREPO_ASSIGN_OR_RETURN(
      Query query,
      database_.Prepare("DELETE FROM answer WHERE recorded_at<? AND final IS NOT NULL"));
  return query.Bind(absl::ToUnixMicros(recorded_before)).Run();
}

#undef BITREPO_ANSWER_COLUMNS

}  // namespace bitrepo::store

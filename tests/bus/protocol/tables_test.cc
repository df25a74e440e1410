// SPDX-License-Identifier: Apache-2.0
// The tables of operations, kinds and response codes: complete, consistent, total both ways.
#include <gtest/gtest.h>

#include <set>

#include "bus/protocol/limits.h"
#include "bus/protocol/primitive.h"
#include "bus/protocol/response_code.h"

namespace bitrepo::protocol {
namespace {

using wire::Body;

TEST(OperationTable, HasEachOperationOnce) {
  std::set<int> seen;
  std::set<std::string> words;
  for (const OperationRow& row : Operations()) {
    EXPECT_TRUE(seen.insert(static_cast<int>(row.operation)).second) << row.name;
    EXPECT_TRUE(words.insert(std::string(row.word)).second) << row.word;
    EXPECT_FALSE(row.permission.empty()) << row.name;
    EXPECT_EQ(FindOperation(row.operation), &row);
    EXPECT_EQ(FindOperation(row.name), &row);
    EXPECT_EQ(FindOperation(row.word), &row);
    EXPECT_EQ(OperationWord(row.operation), row.word);
  }
  for (int number = wire::Operation_MIN; number <= wire::Operation_MAX; ++number) {
    const bool is_one = wire::Operation_IsValid(number) && number != 0;
    EXPECT_EQ(seen.contains(number), is_one) << number;
  }
  EXPECT_EQ(FindOperation("negotiate"), nullptr);
  EXPECT_EQ(OperationWord(static_cast<wire::Operation>(77)), "operation-77");
}

// [C-1] No content is shared by two operations or two kinds.
TEST(OperationTable, EachContentHasOneOwner) {
  std::set<int> owned;
  const auto own = [&owned](Content content) {
    if (content != Body::CONTENT_NOT_SET) {
      EXPECT_TRUE(owned.insert(static_cast<int>(content)).second) << static_cast<int>(content);
    }
  };
  for (const OperationRow& row : Operations()) {
    for (const Content content :
         {row.identify, row.identify_reply, row.request, row.progress, row.final}) {
      own(content);
    }
  }
  for (const KindRow& row : Kinds()) {
    own(row.content);
  }
  const auto* oneof = Body::descriptor()->FindOneofByName("content");
  EXPECT_EQ(owned.size(), static_cast<size_t>(oneof->field_count()));
}

// [C-2] At most two primitives: identify with its reply, request with progress and final.
TEST(OperationTable, PrimitivesAreWhole) {
  for (const OperationRow& row : Operations()) {
    EXPECT_EQ(row.identify == Body::CONTENT_NOT_SET, row.identify_reply == Body::CONTENT_NOT_SET);
    EXPECT_EQ(row.request == Body::CONTENT_NOT_SET, row.final == Body::CONTENT_NOT_SET);
    EXPECT_TRUE(row.request != Body::CONTENT_NOT_SET || row.identify == Body::CONTENT_NOT_SET);
    EXPECT_EQ(ContentOf(wire::IDENTIFY, row.operation), row.identify);
    EXPECT_EQ(ContentOf(wire::IDENTIFY_REPLY, row.operation), row.identify_reply);
    EXPECT_EQ(ContentOf(wire::REQUEST, row.operation), row.request);
    EXPECT_EQ(ContentOf(wire::PROGRESS, row.operation), row.progress);
    EXPECT_EQ(ContentOf(wire::FINAL, row.operation), row.final);
    EXPECT_EQ(ContentOf(wire::CANCEL, row.operation), Body::kCancel);
  }
}

TEST(OperationTable, EmptyContentAndReadersFitEachRow) {
  for (const OperationRow& row : Operations()) {
    Body body;
    SetEmptyContent(body, row.final);
    EXPECT_EQ(body.content_case(), row.final);
    EXPECT_EQ(PageEndOf(body) != nullptr, row.paged) << row.name;
    SetEmptyContent(body, row.identify_reply);
    EXPECT_EQ(body.content_case(), row.identify_reply);
    if (row.identify_reply != Body::CONTENT_NOT_SET) {
      const auto* field =
          Body::descriptor()->FindFieldByNumber(static_cast<int>(row.identify_reply));
      auto* reply = body.GetReflection()->MutableMessage(&body, field);
      const auto* time = reply->GetDescriptor()->FindFieldByName("time_to_deliver");
      ASSERT_NE(time, nullptr) << row.name;
      dynamic_cast<wire::TimeToDeliver*>(reply->GetReflection()->MutableMessage(reply, time))
          ->set_first_byte_us(7);
      EXPECT_EQ(TimeToDeliverOf(body).first_byte_us(), 7u) << row.name;
    }
  }
  EXPECT_EQ(TimeToDeliverOf(Body()).first_byte_us(), 0u);
}

// [C-37] [C-33]
TEST(OperationTable, AnIdentifyReplyMaySayThatItIsDoneAlready) {
  for (const OperationRow& row : Operations()) {
    Envelope reply;
    reply.header.set_kind(wire::IDENTIFY_REPLY);
    reply.header.set_operation(row.operation);
    SetEmptyContent(reply.body, row.identify_reply);
    reply.body.mutable_response()->set_code(wire::IDENTIFICATION_POSITIVE);
    EXPECT_FALSE(IsDoneAlready(reply)) << row.name;
    reply.body.mutable_response()->set_code(wire::FILE_NOT_FOUND_FAILURE);
    reply.body.clear_content();
    EXPECT_EQ(IsDoneAlready(reply), row.operation == wire::DELETE_FILE) << row.name;
  }
  Envelope held;
  held.header.set_operation(wire::PUT_FILE);
  held.body.mutable_response()->set_code(wire::IDENTIFICATION_POSITIVE);
  held.body.mutable_put_file_identify_reply()->set_already_held(true);
  EXPECT_TRUE(IsDoneAlready(held));
  held.body.mutable_response()->set_code(wire::BUSY);
  EXPECT_FALSE(IsDoneAlready(held)) << "a refusal promises nothing";
  held.header.set_operation(wire::REPLACE_FILE);
  held.body.mutable_response()->set_code(wire::IDENTIFICATION_POSITIVE);
  held.body.mutable_replace_file_identify_reply()->set_already_held(true);
  EXPECT_TRUE(IsDoneAlready(held));
}

TEST(OperationTable, WhatChangesAStoreNeedsMoreThanToRead) {
  for (const OperationRow& row : Operations()) {
    EXPECT_EQ(row.changes, row.permission == "write" || row.permission == "delete") << row.name;
    EXPECT_TRUE(row.moves != Moves::kUp || row.changes) << row.name;
    EXPECT_TRUE(!row.by_token || row.paged) << row.name;
  }
}

TEST(KindTable, HasEachKindOnce) {
  std::set<int> seen;
  for (const KindRow& row : Kinds()) {
    EXPECT_TRUE(seen.insert(static_cast<int>(row.kind)).second) << row.name;
    EXPECT_EQ(FindKind(row.kind), &row);
    EXPECT_EQ(KindName(row.kind), row.name);
  }
  for (int number = wire::Kind_MIN; number <= wire::Kind_MAX; ++number) {
    EXPECT_EQ(seen.contains(number), wire::Kind_IsValid(number) && number != 0) << number;
  }
  EXPECT_EQ(KindName(static_cast<wire::Kind>(99)), "kind-99");
}

TEST(ResponseCodeTable, HasEachCodeUnderItsNumberAndName) {
  for (int number = wire::ResponseCode_MIN; number <= wire::ResponseCode_MAX; ++number) {
    const auto code = static_cast<wire::ResponseCode>(number);
    EXPECT_EQ(RowOf(code).code, code);
    EXPECT_EQ(NameOf(code), wire::ResponseCode_Name(code));
    EXPECT_FALSE(RowOf(code).when.empty());
  }
}

// [B-20]
TEST(ResponseCodeTable, ACodeOfTheFutureIsAFailure) {
  for (const int number : {wire::ResponseCode_MAX + 1, 999, -1}) {
    EXPECT_EQ(RowOf(static_cast<wire::ResponseCode>(number)).code, wire::FAILURE);
    EXPECT_TRUE(IsRefusal(static_cast<wire::ResponseCode>(number)));
  }
}

TEST(ResponseCodeTable, OnlyWellEndsInZero) {
  for (const ResponseCodeRow& row : ResponseCodes()) {
    EXPECT_EQ(row.exit_code == 0, row.meaning == CodeMeaning::kWell) << row.name;
    EXPECT_EQ(row.status == absl::StatusCode::kOk, row.meaning == CodeMeaning::kWell) << row.name;
    EXPECT_LE(row.exit_code, 10) << row.name;
    EXPECT_NE(row.exit_code, 2) << "usage is found before anything is sent";
  }
  EXPECT_EQ(ExitCodeOf(wire::DATA_LOSS), 6);
  EXPECT_EQ(ExitCodeOf(wire::NEW_FILE_CHECKSUM_FAILURE), 6);
  EXPECT_EQ(ExitCodeOf(wire::FILE_NOT_FOUND_FAILURE), 4);
  EXPECT_EQ(ExitCodeOf(wire::UNREACHABLE), 5);
  EXPECT_EQ(ExitCodeOf(wire::RANGE_ERROR), 7);
  EXPECT_EQ(ExitCodeOf(wire::DUPLICATE_FILE_FAILURE), 7);
  EXPECT_EQ(ExitCodeOf(wire::SOURCE_CHANGED), 10);
}

TEST(ResponseCodeTable, CodesSurviveAsStatuses) {
  for (const ResponseCodeRow& row : ResponseCodes()) {
    wire::ResponseInfo info;
    info.set_code(row.code);
    info.set_text("why");
    const absl::Status status = ToStatus(info);
    EXPECT_EQ(status.ok(), row.meaning == CodeMeaning::kWell) << row.name;
    if (!status.ok()) {
      EXPECT_EQ(CodeFor(status), row.code);
      EXPECT_EQ(status.code(), row.status);
      EXPECT_EQ(ToResponse(status).SerializeAsString(), info.SerializeAsString());
      EXPECT_EQ(StatusWith(row.code, "").message(), row.name);
    }
  }
}

TEST(ResponseCodeTable, EveryStatusHasACode) {
  for (int number = 0; number <= 16; ++number) {
    const absl::Status status(static_cast<absl::StatusCode>(number), "x");
    const wire::ResponseCode code = CodeFor(status);
    EXPECT_EQ(IsRefusal(code), !status.ok()) << number;
    EXPECT_NE(code, wire::RESPONSE_CODE_UNSPECIFIED) << number;
  }
  EXPECT_EQ(CodeFor(absl::OkStatus()), wire::OPERATION_COMPLETED);
  EXPECT_EQ(CodeFor(absl::NotFoundError("")), wire::FILE_NOT_FOUND_FAILURE);
  EXPECT_EQ(CodeFor(absl::DataLossError("")), wire::DATA_LOSS);
  EXPECT_EQ(CodeFor(absl::ResourceExhaustedError("")), wire::NO_SPACE);
  EXPECT_EQ(CodeFor(absl::InternalError("")), wire::FAILURE);
}

TEST(ResponseCodeTable, TextOfAStatusFits) {
  EXPECT_EQ(ToResponse(absl::InternalError(std::string(kTextBytesMax, 'x'))).text().size(),
            kTextBytesMax);
  const wire::ResponseInfo cut =
      ToResponse(absl::InternalError(std::string(kTextBytesMax + 1, 'x')));
  EXPECT_LE(cut.text().size(), kTextBytesMax);
  EXPECT_GT(cut.text().size(), kTextBytesMax / 2);
  EXPECT_EQ(ToResponse(absl::InternalError("\xff")).text(), "\\xff");
}

// The order in which exit codes outrank one another: 2, 6, 7, 3, 10, 5, 9, 8, 4, 1.
TEST(ResponseCodeTable, TheMostTellingIsTold) {
  const wire::ResponseCode order[] = {
      wire::DATA_LOSS,          wire::DUPLICATE_FILE_FAILURE, wire::SOURCE_CHANGED,
      wire::UNREACHABLE,        wire::FILE_NOT_FOUND_FAILURE, wire::FAILURE,
      wire::OPERATION_COMPLETED};
  for (size_t i = 0; i + 1 < std::size(order); ++i) {
    EXPECT_TRUE(TellsMore(order[i], order[i + 1])) << NameOf(order[i]);
  }
  for (const ResponseCodeRow& a : ResponseCodes()) {
    EXPECT_FALSE(TellsMore(a.code, a.code));
    for (const ResponseCodeRow& b : ResponseCodes()) {
      EXPECT_TRUE(a.code == b.code || TellsMore(a.code, b.code) != TellsMore(b.code, a.code));
    }
  }
}

}  // namespace
}  // namespace bitrepo::protocol

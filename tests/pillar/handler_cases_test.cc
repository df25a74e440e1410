// SPDX-License-Identifier: Apache-2.0
// The handler cases of the bitrepository.org reference, H-01 to H-23 and H-33 to H-41, as far as
// the tests of each operation do not have them: each for a pillar that keeps bytes and, where it
// says something of it, for one that keeps digests only. Where the reference wants an audit record
// of an identify to be missing, that is what is looked at.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/pillar/change_asks.h"
#include "tests/support/status_matchers.h"

namespace bitrepo::pillar {
namespace {

using protocol::Envelope;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

RigOptions Options(bool full) {
  RigOptions options;
  options.kind = full ? wire::FULL_PILLAR : wire::CHECKSUM_PILLAR;
  options.intake = requests::ChecksumIntake::kNever;
  return options;
}

// Of both kinds of pillar, with the file "a" in it.
struct HandlerCases : ::testing::TestWithParam<bool> {
  void SetUp() override {
    ASSERT_EQ(rig.PutFile("a", "hello"), wire::OPERATION_COMPLETED);
    rig.store.keeps = full();
    rows = rig.store.memory.audit().size();
  }
  bool full() const { return GetParam(); }
  size_t NewRows() {
    rig.Run(absl::Seconds(2));  // rows of reads wait for company
    return rig.store.memory.audit().size() - rows;
  }
  PillarRig rig{Options(GetParam())};
  size_t rows = 0;
};
INSTANTIATE_TEST_SUITE_P(Kinds, HandlerCases, ::testing::Bool(),
                         [](const auto& kind) { return kind.param ? "Full" : "DigestsOnly"; });

wire::Body PutIdentify(absl::string_view id, absl::string_view bytes) {
  wire::Body body;
  body.mutable_put_file_identify()->set_file_id(std::string(id));
  body.mutable_put_file_identify()->set_size_bytes(bytes.size());
  *body.mutable_put_file_identify()->mutable_digest() = WireSha256Of(bytes);
  return body;
}

// Case H-01.
TEST_P(HandlerCases, IdentifyOfAPutIsPositiveAndLeavesNoTrace) {
  const Envelope asked = SendIdentify(rig, wire::PUT_FILE, PutIdentify("new", "hello"));
  ASSERT_EQ(rig.Code(asked), wire::IDENTIFICATION_POSITIVE);
  const wire::TimeToDeliver& time = rig.Reply(asked)->put_file_identify_reply().time_to_deliver();
  EXPECT_GT(time.first_byte_us(), 0u);
  EXPECT_EQ(time.pillar_kind(), full() ? wire::FULL_PILLAR : wire::CHECKSUM_PILLAR);
  EXPECT_EQ(NewRows(), 0u);
}

// Cases H-02, H-03.
TEST_P(HandlerCases, APutOfOtherBytesIsADuplicateAtIdentifyAndAtTheRequest) {
  const Envelope identify = SendIdentify(rig, wire::PUT_FILE, PutIdentify("a", "world"));
  EXPECT_EQ(rig.Code(identify), wire::DUPLICATE_FILE_FAILURE);
  EXPECT_EQ(NewRows(), 0u);
  const Envelope put = SendWithBytes(rig, PutAsk("a", "world"), "world");
  EXPECT_EQ(rig.Code(put), wire::DUPLICATE_FILE_FAILURE);
  EXPECT_EQ(NewRows(), 1u) << "a refused change is in the trail";
}

// Case H-04. A pillar that keeps bytes needs no digest of the new file; one that takes none does.
TEST_P(HandlerCases, APutWithoutADigestIsRefusedWithAnAlarmWhereOneIsNeeded) {
  PillarRig::Ask ask = PutAsk("new", "world");
  ask.body.mutable_put_file_request()->clear_digest();
  const Envelope put = SendWithBytes(rig, ask, "world");
  if (full()) {
    EXPECT_EQ(rig.Code(put), wire::OPERATION_COMPLETED);
    EXPECT_THAT(rig.Alarms(), IsEmpty());
    return;
  }
  EXPECT_EQ(rig.Code(put), wire::NEW_FILE_CHECKSUM_FAILURE);
  ASSERT_THAT(rig.Alarms(), ElementsAre("refused-put"));
  const auto alarm = std::find_if(rig.heard.begin(), rig.heard.end(), [](const Envelope& each) {
    return each.header.kind() == wire::ALARM;
  });
  EXPECT_EQ(alarm->body.alarm().file_id(), "new");
  EXPECT_EQ(alarm->header.from(), "p1");
  EXPECT_EQ(NewRows(), 1u);
}

// Cases H-05, H-06. The bytes come to the pillar that keeps them.
TEST(HandlerCasesOfAFullPillar, APutIsOneRowAndTellsDigestsOnlyWhenAsked) {
  PillarRig rig;
  const size_t rows = rig.store.memory.audit().size();
  const Envelope without = SendWithBytes(rig, PutAsk("a", "hello"), "hello");
  ASSERT_EQ(rig.Code(without), wire::OPERATION_COMPLETED);
  EXPECT_THAT(rig.Final(without)->body.put_file_final().digests(), IsEmpty());
  EXPECT_EQ(rig.store.memory.audit().size(), rows + 1);
  PillarRig::Ask ask = PutAsk("b", "hello");
  ask.body.mutable_put_file_request()->mutable_checksums()->add_algorithms(wire::HMAC_SHA256);
  ask.body.mutable_put_file_request()->mutable_checksums()->add_algorithms(wire::HMAC_MD5);
  ask.body.mutable_put_file_request()->mutable_checksums()->set_salt("salt");
  const Envelope with = SendWithBytes(rig, ask, "hello");
  ASSERT_EQ(rig.Code(with), wire::OPERATION_COMPLETED);
  const auto& digests = rig.Final(with)->body.put_file_final().digests();
  ASSERT_THAT(digests, SizeIs(2));
  EXPECT_EQ(digests[0].value(), WireDigestOf(wire::HMAC_SHA256, "hello", "salt").value());
  EXPECT_EQ(digests[1].value(), WireDigestOf(wire::HMAC_MD5, "hello", "salt").value());
  EXPECT_EQ(rig.store.memory.audit().size(), rows + 2);
}

// Cases H-07, H-08.
TEST_P(HandlerCases, IdentifyOfADeleteTellsWhetherThereIsAFileAndLeavesNoTrace) {
  wire::Body body;
  body.mutable_delete_file_identify()->set_file_id("a");
  const Envelope asked = SendIdentify(rig, wire::DELETE_FILE, body);
  ASSERT_EQ(rig.Code(asked), wire::IDENTIFICATION_POSITIVE);
  EXPECT_EQ(rig.Reply(asked)->delete_file_identify_reply().file().file_id(), "a");
  EXPECT_GT(rig.Reply(asked)->delete_file_identify_reply().time_to_deliver().first_byte_us(), 0u);
  body.mutable_delete_file_identify()->set_file_id("nobody");
  EXPECT_EQ(rig.Code(SendIdentify(rig, wire::DELETE_FILE, body)), wire::FILE_NOT_FOUND_FAILURE);
  EXPECT_EQ(NewRows(), 0u);
}

// Cases H-09, H-10, H-11 where digests only are kept; delete_file_test has them for bytes.
TEST_P(HandlerCases, ADeleteNeedsTheDigestAndTheFile) {
  EXPECT_EQ(rig.Code(Send(rig, DeleteAsk(rig, "nobody", "hello"))), wire::FILE_NOT_FOUND_FAILURE);
  EXPECT_EQ(rig.Code(Send(rig, DeleteAsk(rig, "a", std::nullopt))),
            wire::EXISTING_FILE_CHECKSUM_FAILURE);
  EXPECT_THAT(rig.Alarms(), ElementsAre("refused-delete"));
  EXPECT_EQ(NewRows(), 2u);
  EXPECT_EQ(rig.Code(Send(rig, DeleteAsk(rig, "a", "hello"))), wire::OPERATION_COMPLETED);
  EXPECT_THAT(rig.store.Find(Photos(), File("a")),
              testing_support::StatusIs(absl::StatusCode::kNotFound));
  EXPECT_EQ(NewRows(), 3u);
}

TEST_P(HandlerCases, WhereNoBytesAreKeptOnlySha256CanBeNamedOrAskedFor) {
  PillarRig::Ask named = DeleteAsk(rig, "a", "hello");
  *named.body.mutable_delete_file_request()->mutable_digest() = WireDigestOf(wire::MD5, "hello");
  PillarRig::Ask wanted = DeleteAsk(rig, "a", "hello");
  wanted.body.mutable_delete_file_request()->mutable_checksums()->add_algorithms(wire::SHA512);
  for (const PillarRig::Ask& ask : {named, wanted}) {
    EXPECT_EQ(rig.Code(Send(rig, ask)),
              full() ? wire::OPERATION_COMPLETED : wire::REQUEST_NOT_SUPPORTED);
    if (full()) {
      ASSERT_EQ(rig.PutFile("a", "hello"), wire::OPERATION_COMPLETED);
    }
  }
}

wire::Body ReplaceIdentify(absl::string_view id, absl::string_view bytes, absl::string_view old) {
  wire::Body body;
  body.mutable_replace_file_identify()->set_file_id(std::string(id));
  *body.mutable_replace_file_identify()->mutable_digest() = WireSha256Of(bytes);
  *body.mutable_replace_file_identify()->mutable_old_digest() = WireSha256Of(old);
  return body;
}

// Cases H-12, H-13.
TEST_P(HandlerCases, IdentifyOfAReplaceTellsOnWhatTermsAndLeavesNoTrace) {
  struct Row {
    wire::Body body;
    wire::ResponseCode code;
    bool existing;
    bool held;
  };
  for (const Row& row :
       {Row{ReplaceIdentify("a", "world", "hello"), wire::IDENTIFICATION_POSITIVE, true, false},
        Row{ReplaceIdentify("a", "hello", "older"), wire::IDENTIFICATION_POSITIVE, true, true},
        Row{ReplaceIdentify("a", "world", "HELLO"), wire::EXISTING_FILE_CHECKSUM_FAILURE, false,
            false},
        Row{ReplaceIdentify("nobody", "world", "hello"), wire::FILE_NOT_FOUND_FAILURE, false,
            false}}) {
    const Envelope asked = SendIdentify(rig, wire::REPLACE_FILE, row.body);
    EXPECT_EQ(rig.Code(asked), row.code);
    const wire::ReplaceFileIdentifyReply& reply = rig.Reply(asked)->replace_file_identify_reply();
    EXPECT_EQ(reply.has_existing(), row.existing);
    EXPECT_EQ(reply.already_held(), row.held);
  }
  wire::Body without = ReplaceIdentify("a", "world", "hello");
  without.mutable_replace_file_identify()->clear_old_digest();
  const Envelope asked = SendIdentify(rig, wire::REPLACE_FILE, without);
  EXPECT_EQ(rig.Code(asked), wire::IDENTIFICATION_POSITIVE);
  EXPECT_FALSE(rig.Reply(asked)->replace_file_identify_reply().has_existing())
      << "the digest is told to nobody who does not know it";
  EXPECT_EQ(NewRows(), 0u);
}

// Cases H-14, H-15, H-17 where digests only are kept; replace_file_test has them for bytes.
TEST_P(HandlerCases, AReplaceNeedsTheOldDigestAndTheFile) {
  EXPECT_EQ(rig.Code(Send(rig, ReplaceAsk("nobody", "world", "hello"))),
            wire::FILE_NOT_FOUND_FAILURE);
  EXPECT_EQ(rig.Code(Send(rig, ReplaceAsk("a", "world", std::nullopt))),
            wire::EXISTING_FILE_CHECKSUM_FAILURE);
  EXPECT_EQ(rig.Code(Send(rig, ReplaceAsk("a", "world", "HELLO"))),
            wire::EXISTING_FILE_CHECKSUM_FAILURE);
  EXPECT_THAT(rig.Alarms(), ElementsAre("refused-replace"));
  EXPECT_EQ(NewRows(), 3u);
}

TEST_P(HandlerCases, IdentifyOfAnUndeleteTellsWhatWouldComeBack) {
  wire::Body body;
  body.mutable_undelete_file_identify()->set_file_id("a");
  EXPECT_EQ(rig.Code(SendIdentify(rig, wire::UNDELETE_FILE, body)), wire::FILE_NOT_FOUND_FAILURE);
  ASSERT_EQ(rig.Code(Send(rig, DeleteAsk(rig, "a", "hello"))), wire::OPERATION_COMPLETED);
  const Envelope asked = SendIdentify(rig, wire::UNDELETE_FILE, body);
  ASSERT_EQ(rig.Code(asked), wire::IDENTIFICATION_POSITIVE);
  EXPECT_EQ(rig.Reply(asked)->undelete_file_identify_reply().file().digest().value(),
            Sha256Of("hello").bytes());
}

// Cases H-20, H-21. A pillar without bytes says no.
TEST_P(HandlerCases, IdentifyOfAGetTellsWhetherItCanBeServed) {
  wire::Body body;
  body.mutable_get_file_identify()->mutable_range()->set_file_id("a");
  EXPECT_EQ(rig.Code(SendIdentify(rig, wire::GET_FILE, body)),
            full() ? wire::IDENTIFICATION_POSITIVE : wire::REQUEST_NOT_SUPPORTED);
  body.mutable_get_file_identify()->mutable_range()->set_file_id("nobody");
  EXPECT_EQ(rig.Code(SendIdentify(rig, wire::GET_FILE, body)),
            full() ? wire::FILE_NOT_FOUND_FAILURE : wire::REQUEST_NOT_SUPPORTED);
  EXPECT_EQ(NewRows(), 0u);
}

// Cases H-22, H-23.
TEST(HandlerCasesOfAFullPillar, AGetIsOneRowAndItsProgressTellsTheSize) {
  PillarRig rig;
  ASSERT_EQ(rig.PutFile("a", "hello"), wire::OPERATION_COMPLETED);
  EXPECT_EQ(rig.GetFile("nobody").first, wire::FILE_NOT_FOUND_FAILURE);
  const Envelope get = rig.Get("a");
  rig.Send(get);
  rig.Run();
  EXPECT_EQ(rig.Progress(get).front().body.get_file_progress().file().size_bytes(), 5u);
  const auto transfer = rig.Fetch(rig.Token(get));
  rig.Run(absl::Seconds(2));
  EXPECT_EQ(transfer->sink->text, "hello");
  EXPECT_EQ(rig.store.Audited("GET_FILE", "OPERATION_COMPLETED"), 1);
  EXPECT_EQ(rig.store.Audited("GET_FILE", "FILE_NOT_FOUND_FAILURE"), 1);
}

// Case H-33: one that went astray is another's to answer; one whose two addresses differ is none.
TEST_P(HandlerCases, ARequestForAnotherPillarIsLeftAlone) {
  Envelope asked = rig.Request(DeleteAsk(rig, "a", "hello"));
  asked.header.set_to("p2");
  asked.header_bytes = asked.header.SerializeAsString();
  Envelope astray = asked;
  astray.destination = {protocol::Destination::Kind::kPillar, "p2"};
  rig.Send(astray);
  rig.Run();
  EXPECT_EQ(rig.Finals(astray), 0);
  EXPECT_EQ(NewRows(), 0u);
  rig.Send(asked);
  rig.Run();
  EXPECT_EQ(rig.Code(asked), wire::REQUEST_NOT_UNDERSTOOD_FAILURE);
  EXPECT_EQ(NewRows(), 1u) << "a refused change is in the trail";
  EXPECT_OK(rig.store.Find(Photos(), File("a")));
}

// Cases H-34 to H-41: the ids that the reference takes and refuses, for each change. Ours are
// freer:
// "$HOME/x" and "~/x" name files of these ids and nothing else (H-39, H-40), and 255 bytes are the
// most (H-41).
TEST_P(HandlerCases, FileIdsAreTakenOrRefusedByEveryChange) {
  struct Row {
    const char* number;
    std::string id;
    bool taken;
  };
  for (const Row& row :
       {Row{"H-34", "default-test-file.txt", true}, Row{"H-35", "folder/file", true},
        Row{"H-36", "../x", false}, Row{"H-37", "/x", false}, Row{"H-38", "a/../../x", false},
        Row{"H-39", "$HOME/x", true}, Row{"H-40", "~/x", true},
        Row{"H-41", std::string(255, 'x'), true}, Row{"H-41", std::string(256, 'x'), false}}) {
    // What a change of a file that is not there is told, when its id is one.
    for (PillarRig::Ask ask : {ReplaceAsk("good", "world", "hello"),
                               DeleteAsk(rig, "good", "hello"), UndeleteAsk("good")}) {
      Envelope asked = rig.Request(ask);
      if (asked.body.has_replace_file_request()) {
        asked.body.mutable_replace_file_request()->set_file_id(row.id);
      } else if (asked.body.has_delete_file_request()) {
        asked.body.mutable_delete_file_request()->set_file_id(row.id);
      } else {
        asked.body.mutable_undelete_file_request()->set_file_id(row.id);
      }
      asked.body_bytes = asked.body.SerializeAsString();
      rig.Send(asked);
      rig.Run();
      EXPECT_EQ(rig.Code(asked),
                row.taken ? wire::FILE_NOT_FOUND_FAILURE : wire::REQUEST_NOT_UNDERSTOOD_FAILURE)
          << row.number << " " << row.id;
    }
  }
}

}  // namespace
}  // namespace bitrepo::pillar

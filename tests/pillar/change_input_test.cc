// SPDX-License-Identifier: Apache-2.0
// Bad input to what changes files, against a live pillar: each row its code, and nothing changed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "absl/strings/str_cat.h"
#include "tests/pillar/change_asks.h"
#include "tests/support/status_matchers.h"

namespace bitrepo::pillar {
namespace {

using protocol::Envelope;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

struct ChangeInput : ::testing::Test {
  void SetUp() override {
    ASSERT_EQ(rig.PutFile("a", "hello"), wire::OPERATION_COMPLETED);
    before = rig.store.Find(Photos(), File("a"))->generation;
  }
  void ExpectNothingChanged(absl::string_view what) {
    EXPECT_EQ(rig.Stored("a"), "hello") << what;
    EXPECT_EQ(rig.store.Find(Photos(), File("a"))->generation, before) << what;
    EXPECT_THAT(rig.store.List({.collection = Photos()}, 10, "")->records, SizeIs(1)) << what;
    EXPECT_THAT(rig.store.FindRemoved(Photos(), File("a")),
                testing_support::StatusIs(absl::StatusCode::kNotFound))
        << what;
    EXPECT_EQ(rig.pillar->requests_under_way(), 0u) << what;
  }
  // What answers the request whose body, or header, was changed after it was made.
  wire::ResponseCode CodeFor(Envelope asked, const std::function<void(Envelope&)>& change) {
    change(asked);
    asked.body_bytes = asked.body.SerializeAsString();
    asked.header_bytes = asked.header.SerializeAsString();
    rig.Send(asked);
    rig.Run();
    EXPECT_LE(rig.Finals(asked), 1);
    return rig.Code(asked);
  }
  PillarRig rig;
  base::GenerationId before;
};

wire::Digest Broken(wire::DigestAlgorithm algorithm, size_t length) {
  wire::Digest digest;
  digest.set_algorithm(algorithm);
  digest.set_value(std::string(length, 'd'));
  return digest;
}

void Expire(Envelope& asked) {
  asked.header.set_issued_at_us(1);
  asked.header.set_expires_at_us(2);
}

struct Row {
  const char* what;
  wire::ResponseCode code;
  std::function<void(Envelope&)> change;
};

TEST_F(ChangeInput, OfADelete) {
  const auto body = [](Envelope& asked) { return asked.body.mutable_delete_file_request(); };
  const std::string ahead = "precondition-of-tomorrow";
  const std::vector<Row> rows = {
      {"no digest", wire::EXISTING_FILE_CHECKSUM_FAILURE,
       [&](Envelope& asked) { body(asked)->clear_digest(); }},
      {"another digest", wire::EXISTING_FILE_CHECKSUM_FAILURE,
       [&](Envelope& asked) { *body(asked)->mutable_digest() = WireSha256Of("HELLO"); }},
      {"all zero", wire::EXISTING_FILE_CHECKSUM_FAILURE,
       [&](Envelope& asked) { body(asked)->mutable_digest()->set_value(std::string(32, '\0')); }},
      {"a digest cut short", wire::REQUEST_NOT_UNDERSTOOD_FAILURE,
       [&](Envelope& asked) { *body(asked)->mutable_digest() = Broken(wire::SHA256, 31); }},
      {"an unknown algorithm", wire::REQUEST_NOT_SUPPORTED,
       [&](Envelope& asked) {
         *body(asked)->mutable_digest() = Broken(static_cast<wire::DigestAlgorithm>(99), 32);
       }},
      {"a salted digest", wire::REQUEST_NOT_UNDERSTOOD_FAILURE,
       [&](Envelope& asked) { *body(asked)->mutable_digest() = Broken(wire::HMAC_SHA256, 32); }},
      {"a salt without HMAC", wire::REQUEST_NOT_UNDERSTOOD_FAILURE,
       [&](Envelope& asked) {
         body(asked)->mutable_checksums()->add_algorithms(wire::MD5);
         body(asked)->mutable_checksums()->set_salt("salt");
       }},
      {"an HMAC without salt", wire::REQUEST_NOT_UNDERSTOOD_FAILURE,
       [&](Envelope& asked) { body(asked)->mutable_checksums()->add_algorithms(wire::HMAC_MD5); }},
      {"an algorithm twice", wire::REQUEST_NOT_UNDERSTOOD_FAILURE,
       [&](Envelope& asked) {
         body(asked)->mutable_checksums()->add_algorithms(wire::MD5);
         body(asked)->mutable_checksums()->add_algorithms(wire::MD5);
       }},
      {"the last good copy", wire::DENIED, [&](Envelope& asked) { body(asked)->clear_copies(); }},
      {"a proof of this pillar itself", wire::DENIED,
       [&](Envelope& asked) { body(asked)->mutable_copies(0)->set_pillar_id("p1"); }},
      {"a proof of yesterday", wire::DENIED,
       [&](Envelope& asked) {
         body(asked)->mutable_copies(0)->set_calculated_at_us(
             absl::ToUnixMicros(rig.loop.clock().WallNow() - absl::Hours(25)));
       }},
      {"a proof of other bytes", wire::DENIED,
       [&](Envelope& asked) {
         *body(asked)->mutable_copies(0)->mutable_digest() = WireSha256Of("HELLO");
       }},
      {"a proof of nobody", wire::REQUEST_NOT_UNDERSTOOD_FAILURE,
       [&](Envelope& asked) { body(asked)->mutable_copies(0)->clear_pillar_id(); }},
      {"from all pillars, another id", wire::REQUEST_NOT_UNDERSTOOD_FAILURE,
       [&](Envelope& asked) { body(asked)->set_delete_everywhere("b"); }},
      {"no id", wire::REQUEST_NOT_UNDERSTOOD_FAILURE,
       [&](Envelope& asked) { body(asked)->clear_file_id(); }},
      {"content of another operation", wire::REQUEST_NOT_UNDERSTOOD_FAILURE,
       [&](Envelope& asked) { asked.body.mutable_undelete_file_request()->set_file_id("a"); }},
      {"another collection", wire::FILE_NOT_FOUND_FAILURE,
       [&](Envelope& asked) { asked.header.set_collection_id("sounds"); }},
      {"a collection that is not kept", wire::REQUEST_NOT_UNDERSTOOD_FAILURE,
       [&](Envelope& asked) { asked.header.set_collection_id("films"); }},
      {"past its time", wire::EXPIRED, Expire},
      {"a precondition of a newer protocol", wire::REQUEST_NOT_SUPPORTED,
       [&](Envelope& asked) { asked.header.add_must_understand(ahead); }},
      {"a newer protocol", wire::VERSION_NOT_SUPPORTED, [&](Envelope& asked) {
         asked.header.set_version(99);
         asked.header.set_min_version(99);
       }}};
  for (const Row& row : rows) {
    EXPECT_EQ(CodeFor(rig.Request(DeleteAsk(rig, "a", "hello")), row.change), row.code) << row.what;
    ExpectNothingChanged(row.what);
  }
}

TEST_F(ChangeInput, OfAReplace) {
  const auto body = [](Envelope& asked) { return asked.body.mutable_replace_file_request(); };
  const std::vector<Row> rows = {
      {"no old digest", wire::EXISTING_FILE_CHECKSUM_FAILURE,
       [&](Envelope& asked) { body(asked)->clear_old_digest(); }},
      {"another old digest", wire::EXISTING_FILE_CHECKSUM_FAILURE,
       [&](Envelope& asked) { *body(asked)->mutable_old_digest() = WireSha256Of("HELLO"); }},
      {"another old digest of another algorithm", wire::EXISTING_FILE_CHECKSUM_FAILURE,
       [&](Envelope& asked) {
         *body(asked)->mutable_old_digest() = WireDigestOf(wire::SHA1, "HELLO");
       }},
      {"an old digest cut short", wire::REQUEST_NOT_UNDERSTOOD_FAILURE,
       [&](Envelope& asked) { *body(asked)->mutable_old_digest() = Broken(wire::MD5, 15); }},
      {"a new digest too long", wire::REQUEST_NOT_UNDERSTOOD_FAILURE,
       [&](Envelope& asked) { *body(asked)->mutable_digest() = Broken(wire::SHA512, 65); }},
      {"a salted new digest", wire::REQUEST_NOT_UNDERSTOOD_FAILURE,
       [&](Envelope& asked) { *body(asked)->mutable_digest() = Broken(wire::HMAC_MD5, 16); }},
      {"a salt without HMAC, of the old", wire::REQUEST_NOT_UNDERSTOOD_FAILURE,
       [&](Envelope& asked) { body(asked)->mutable_old_checksums()->set_salt("salt"); }},
      {"a salt of more than 1 KiB", wire::REQUEST_NOT_UNDERSTOOD_FAILURE,
       [&](Envelope& asked) {
         body(asked)->mutable_checksums()->add_algorithms(wire::HMAC_MD5);
         body(asked)->mutable_checksums()->set_salt(std::string(1025, 's'));
       }},
      {"a file that is not there", wire::FILE_NOT_FOUND_FAILURE,
       [&](Envelope& asked) { body(asked)->set_file_id("b"); }},
      {"more than can be kept", wire::NO_SPACE,
       [&](Envelope& asked) { body(asked)->set_size_bytes(UINT64_MAX); }},
      {"past its time", wire::EXPIRED, Expire}};
  for (const Row& row : rows) {
    EXPECT_EQ(CodeFor(rig.Request(ReplaceAsk("a", "world", "hello")), row.change), row.code)
        << row.what;
    ExpectNothingChanged(row.what);
  }
}

TEST_F(ChangeInput, OfAnUndelete) {
  const auto body = [](Envelope& asked) { return asked.body.mutable_undelete_file_request(); };
  const std::vector<Row> rows = {
      {"nothing in quarantine", wire::FILE_NOT_FOUND_FAILURE, [](Envelope&) {}},
      {"a generation id cut short", wire::REQUEST_NOT_UNDERSTOOD_FAILURE,
       [&](Envelope& asked) { body(asked)->set_generation_id("short"); }},
      {"a generation that never was", wire::FILE_NOT_FOUND_FAILURE,
       [&](Envelope& asked) { body(asked)->set_generation_id(asked.header.message_id()); }},
      {"an old digest too long", wire::REQUEST_NOT_UNDERSTOOD_FAILURE,
       [&](Envelope& asked) { *body(asked)->mutable_old_digest() = Broken(wire::SHA256, 33); }}};
  for (const Row& row : rows) {
    EXPECT_EQ(CodeFor(rig.Request(UndeleteAsk("a")), row.change), row.code) << row.what;
    ExpectNothingChanged(row.what);
  }
}

TEST_F(ChangeInput, OfAPut) {
  const auto body = [](Envelope& asked) { return asked.body.mutable_put_file_request(); };
  const std::vector<Row> rows = {
      {"a salt without HMAC", wire::REQUEST_NOT_UNDERSTOOD_FAILURE,
       [&](Envelope& asked) { body(asked)->mutable_checksums()->set_salt("salt"); }},
      {"an unknown algorithm", wire::REQUEST_NOT_SUPPORTED,
       [&](Envelope& asked) {
         body(asked)->mutable_checksums()->add_algorithms(static_cast<wire::DigestAlgorithm>(99));
       }},
      {"an id that is taken", wire::DUPLICATE_FILE_FAILURE,
       [&](Envelope& asked) { body(asked)->set_file_id("a"); }},
      {"the largest size there is", wire::NO_SPACE,
       [&](Envelope& asked) { body(asked)->set_size_bytes(UINT64_MAX); }}};
  for (const Row& row : rows) {
    EXPECT_EQ(CodeFor(rig.Request(PutAsk("b", "world")), row.change), row.code) << row.what;
    ExpectNothingChanged(row.what);
  }
}

TEST_F(ChangeInput, AChangeThatIsNotUnderstoodIsInTheTrailToo) {
  EXPECT_EQ(CodeFor(rig.Request(DeleteAsk(rig, "a", "hello")),
                    [](Envelope& asked) {
                      asked.body.mutable_delete_file_request()->mutable_digest()->set_value("x");
                    }),
            wire::REQUEST_NOT_UNDERSTOOD_FAILURE);
  rig.Run(absl::Seconds(2));
  EXPECT_EQ(LastAudited(rig), "DELETE_FILE REQUEST_NOT_UNDERSTOOD_FAILURE");
  EXPECT_EQ(rig.store.memory.audit().back().event.principal, "alice");
}

// A request of the future is none that a clock forbids: what it may do, it may do now.
TEST_F(ChangeInput, AMessageFromTheFutureIsJudgedByItsContentAlone) {
  PillarRig::Ask ask = DeleteAsk(rig, "a", "HELLO");
  ask.issued = rig.loop.clock().WallNow() + absl::Hours(24 * 365);
  EXPECT_EQ(rig.Code(Send(rig, ask)), wire::EXISTING_FILE_CHECKSUM_FAILURE);
  ExpectNothingChanged("the future");
}

TEST_F(ChangeInput, RepliesAndFinalsThatNobodyAskedForAreLeftAlone) {
  const Envelope put = Send(rig, PutAsk("b", "world"));
  for (const wire::Kind kind : {wire::PROGRESS, wire::FINAL, wire::IDENTIFY_REPLY}) {
    Envelope stray = put;
    stray.header.set_kind(kind);
    stray.header.set_answers(put.header.message_id());
    stray.header.clear_reply_to();
    stray.header_bytes = stray.header.SerializeAsString();
    rig.Send(stray);
    rig.Run();
  }
  EXPECT_EQ(rig.Finals(put), 0);
  rig.Push(rig.Token(put), "world");
  rig.Run();
  EXPECT_EQ(rig.Code(put), wire::OPERATION_COMPLETED);
  EXPECT_EQ(rig.Finals(put), 1);
}

// ---- alarms

TEST(Alarms, ADiskThatBecomesNearlyFullIsOneAlarmUntilItHasRoomAgain) {
  RigOptions options;
  options.capacity_bytes = 1'000'000;
  options.keep_free_bytes = 500'000;
  PillarRig rig(options);
  ASSERT_EQ(rig.PutFile("a", std::string(600'000, 'x')), wire::OPERATION_COMPLETED);
  rig.Run(absl::Minutes(40));
  EXPECT_THAT(rig.Alarms(), ElementsAre("disk-nearly-full"));
  EXPECT_EQ(rig.Code(Send(rig, DeleteAsk(rig, "a", std::string(600'000, 'x')))),
            wire::OPERATION_COMPLETED)
      << "a disk that is full takes deletes";
}

TEST(Alarms, OfAFullDiskIsToldOnceWhateverIsRefusedForIt) {
  RigOptions options;
  options.capacity_bytes = 1'000'000;
  options.keep_free_bytes = 500'000;
  PillarRig rig(options);
  ASSERT_EQ(rig.PutFile("a", std::string(600'000, 'x')), wire::OPERATION_COMPLETED);
  rig.Run(absl::Minutes(2));
  for (int i = 0; i < 3; ++i) {
    const Envelope put = rig.Put(absl::StrCat("f", i), 500'000);
    rig.Send(put);
    rig.Run(absl::Minutes(11));
    EXPECT_EQ(rig.Code(put), wire::NO_SPACE);
  }
  EXPECT_THAT(rig.Alarms(), ElementsAre("disk-nearly-full", "no-space"));
}

TEST(Alarms, OfRefusedDeletesComeOnceInAWhileForEachFile) {
  PillarRig rig;
  for (const char* id : {"a", "b"}) {
    ASSERT_EQ(rig.PutFile(id, "hello"), wire::OPERATION_COMPLETED);
  }
  for (int i = 0; i < 20; ++i) Send(rig, DeleteAsk(rig, i % 2 == 0 ? "a" : "b", "HELLO"));
  EXPECT_THAT(rig.Alarms(), ElementsAre("refused-delete", "refused-delete"));
  rig.Run(absl::Minutes(11));
  Send(rig, DeleteAsk(rig, "a", "HELLO"));
  EXPECT_THAT(rig.Alarms(), SizeIs(3));
}

}  // namespace
}  // namespace bitrepo::pillar

// SPDX-License-Identifier: Apache-2.0
// What a put is told of digests, and the policies of a pillar that keeps digests only.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/pillar/change_asks.h"
#include "tests/support/status_matchers.h"

namespace bitrepo::pillar {
namespace {

using protocol::Envelope;
using requests::ChecksumIntake;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

// Plain and salted ones need requests of their own.
const std::vector<wire::DigestAlgorithm> kPlain = {wire::SHA512, wire::MD5, wire::SHA256,
                                                   wire::SHA1, wire::SHA384};
const std::vector<wire::DigestAlgorithm> kSalted = {
    wire::HMAC_SHA512, wire::HMAC_MD5, wire::HMAC_SHA256, wire::HMAC_SHA1, wire::HMAC_SHA384};

struct PutTellsDigests : ::testing::TestWithParam<bool> {
  const std::vector<wire::DigestAlgorithm>& algorithms() { return GetParam() ? kSalted : kPlain; }
  std::string salt() { return GetParam() ? "salt" : ""; }
  PillarRig::Ask AllWanted(absl::string_view id, absl::string_view bytes) {
    PillarRig::Ask ask = PutAsk(id, bytes);
    wire::ChecksumSpec* wanted = ask.body.mutable_put_file_request()->mutable_checksums();
    for (const wire::DigestAlgorithm algorithm : algorithms()) wanted->add_algorithms(algorithm);
    wanted->set_salt(salt());
    return ask;
  }
  void ExpectAll(const Envelope& put, absl::string_view bytes) {
    ASSERT_EQ(rig.Code(put), wire::OPERATION_COMPLETED);
    const auto& digests = rig.Final(put)->body.put_file_final().digests();
    ASSERT_THAT(digests, SizeIs(algorithms().size()));
    for (size_t i = 0; i < algorithms().size(); ++i) {
      EXPECT_EQ(digests[static_cast<int>(i)].value(),
                WireDigestOf(algorithms()[i], bytes, salt()).value())
          << wire::DigestAlgorithm_Name(algorithms()[i]);
    }
  }
  PillarRig rig;
};
INSTANTIATE_TEST_SUITE_P(Digests, PutTellsDigests, ::testing::Bool(),
                         [](const auto& kind) { return kind.param ? "Salted" : "Plain"; });

TEST_P(PutTellsDigests, OfTheBytesThatComeInTheOrderAskedFor) {
  const std::string bytes = base::SeededRandom(1).Bytes(2'500'000);
  ExpectAll(SendWithBytes(rig, AllWanted("a", bytes), bytes), bytes);
}

TEST_P(PutTellsDigests, OfWhatIsHeldAlreadyToo) {
  ASSERT_EQ(rig.PutFile("a", "hello"), wire::OPERATION_COMPLETED);
  const Envelope put = Send(rig, AllWanted("a", "hello"));
  EXPECT_THAT(rig.Token(put), IsEmpty());
  ExpectAll(put, "hello");
  EXPECT_TRUE(rig.Final(put)->body.put_file_final().already_held());
}

TEST(PutFile, ADigestThatIsNamedAndWantedIsMadeOnce) {
  PillarRig rig;
  PillarRig::Ask ask = PutAsk("a", "hello");
  *ask.body.mutable_put_file_request()->mutable_digest() = WireDigestOf(wire::MD5, "hello");
  ask.body.mutable_put_file_request()->mutable_checksums()->add_algorithms(wire::MD5);
  const Envelope put = SendWithBytes(rig, ask, "hello");
  ASSERT_EQ(rig.Code(put), wire::OPERATION_COMPLETED);
  ASSERT_THAT(rig.Final(put)->body.put_file_final().digests(), SizeIs(1));
}

TEST(PutFile, TheReasonOfTheAskerIsInTheTrail) {
  PillarRig rig;
  PillarRig::Ask ask = PutAsk("a", "hello");
  ask.body.set_reason("delivery 17");
  ASSERT_EQ(rig.Code(SendWithBytes(rig, ask, "hello")), wire::OPERATION_COMPLETED);
  EXPECT_THAT(rig.store.memory.audit().back().event.detail, HasSubstr("delivery 17"));
}

TEST(PutFile, PastItsTimeIsInTheTrail) {
  PillarRig rig;
  PillarRig::Ask ask = PutAsk("a", "hello");
  ask.issued = rig.loop.clock().WallNow() - absl::Seconds(2);
  ask.expires = ask.issued + absl::Seconds(1);
  EXPECT_EQ(rig.Code(Send(rig, ask)), wire::EXPIRED);
  rig.Run(absl::Seconds(2));
  EXPECT_EQ(rig.store.Audited("PUT_FILE", "EXPIRED"), 1);
}

TEST(PutFile, BusyIsNoDecisionAndNotInTheTrail) {
  RigOptions options;
  options.requests_max = 1;
  PillarRig rig(options);
  Send(rig, PutAsk("a", "hello"));
  EXPECT_EQ(rig.Code(Send(rig, PutAsk("b", "hello"))), wire::BUSY);
  rig.Run(absl::Seconds(2));
  EXPECT_EQ(rig.store.Audited("PUT_FILE", "BUSY"), 0);
}

// Case H-42: a fault in the middle of the work.
TEST(PutFile, AStoreThatFailsIsAnAlarmAndThePillarGoesOn) {
  PillarRig rig;
  rig.store.fail_publish = absl::InternalError("a bug");
  EXPECT_EQ(rig.PutFile("a", "hello"), wire::FAILURE);
  EXPECT_THAT(rig.Alarms(), ElementsAre("store-failed"));
  rig.store.fail_publish = absl::OkStatus();
  EXPECT_EQ(rig.PutFile("a", "hello"), wire::OPERATION_COMPLETED);
}

// ---- where no bytes are kept

// What a put of a new file is answered, and whether its bytes are asked for.
struct Answered {
  wire::ResponseCode code;  // unspecified: it was accepted
  bool bytes = false;
  bool digest_only = false;
};

Answered Ask(ChecksumIntake intake, const PillarRig::Ask& ask) {
  RigOptions options;
  options.kind = wire::CHECKSUM_PILLAR;
  options.intake = intake;
  PillarRig rig(options);
  rig.store.keeps = false;
  const Envelope put = Send(rig, ask);
  Answered answered{rig.Code(put)};
  if (rig.Progress(put).empty()) return answered;
  answered.digest_only = rig.Progress(put).front().body.put_file_progress().digest_only();
  answered.bytes = !answered.digest_only;
  const auto token = transfer::ReadToken(rig.Token(put));
  EXPECT_TRUE(token.ok());
  if (token.ok()) {
    EXPECT_EQ(token->digest_only(), answered.digest_only);
  }
  return answered;
}

TEST(PutOfDigests, WhetherBytesComeIsAMatterOfPolicy) {
  PillarRig::Ask whole = PutAsk("a", "hello");
  PillarRig::Ask no_digest = whole;
  no_digest.body.mutable_put_file_request()->clear_digest();
  PillarRig::Ask md5 = whole;
  *md5.body.mutable_put_file_request()->mutable_digest() = WireDigestOf(wire::MD5, "hello");
  PillarRig::Ask no_size = whole;
  no_size.body.mutable_put_file_request()->clear_size_bytes();
  PillarRig::Ask wants_more = whole;
  wants_more.body.mutable_put_file_request()->mutable_checksums()->add_algorithms(wire::MD5);
  PillarRig::Ask wants_sha256 = whole;
  wants_sha256.body.mutable_put_file_request()->mutable_checksums()->add_algorithms(wire::SHA256);

  constexpr auto kAccepted = wire::RESPONSE_CODE_UNSPECIFIED;
  const Answered bytes{kAccepted, true, false};
  const Answered digest{kAccepted, false, true};
  const Answered refused{wire::NEW_FILE_CHECKSUM_FAILURE, false, false};
  const Answered unsupported{wire::REQUEST_NOT_SUPPORTED, false, false};
  struct Row {
    const char* what;
    PillarRig::Ask ask;
    Answered always, when_missing, never;
  };
  for (const Row& row : {Row{"size and SHA-256", whole, bytes, digest, digest},
                         Row{"no digest", no_digest, bytes, bytes, refused},
                         Row{"another digest", md5, bytes, bytes, refused},
                         Row{"no size", no_size, bytes, digest, refused},
                         Row{"other digests wanted", wants_more, bytes, bytes, unsupported},
                         Row{"SHA-256 wanted", wants_sha256, bytes, digest, digest}}) {
    const auto expect = [&](ChecksumIntake intake, const Answered& expected, const char* policy) {
      const Answered answered = Ask(intake, row.ask);
      EXPECT_EQ(answered.code, expected.code) << policy << ": " << row.what;
      EXPECT_EQ(answered.bytes, expected.bytes) << policy << ": " << row.what;
      EXPECT_EQ(answered.digest_only, expected.digest_only) << policy << ": " << row.what;
    };
    expect(ChecksumIntake::kAlways, row.always, "always");
    expect(ChecksumIntake::kWhenMissing, row.when_missing, "when missing");
    expect(ChecksumIntake::kNever, row.never, "never");
  }
}

TEST(PutOfDigests, APillarThatKeepsBytesAlwaysTakesThem) {
  RigOptions options;
  options.intake = ChecksumIntake::kNever;
  PillarRig rig(options);
  EXPECT_EQ(rig.PutFile("a", "hello"), wire::OPERATION_COMPLETED);
}

}  // namespace
}  // namespace bitrepo::pillar

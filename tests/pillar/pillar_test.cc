// SPDX-License-Identifier: Apache-2.0
#include "pillar/pillar.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/pillar/pillar_rig.h"
#include "tests/support/status_matchers.h"

namespace bitrepo::pillar {
namespace {

using protocol::Envelope;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

PillarRig::Ask PutIdentify(const std::string& id, std::optional<uint64_t> size,
                           std::optional<base::Digest> sha256 = std::nullopt) {
  PillarRig::Ask ask;
  ask.operation = wire::PUT_FILE;
  wire::PutFileIdentify* put = ask.body.mutable_put_file_identify();
  put->set_file_id(id);
  if (size) put->set_size_bytes(*size);
  if (sha256) {
    put->mutable_digest()->set_algorithm(wire::SHA256);
    put->mutable_digest()->set_value(sha256->bytes());
  }
  return ask;
}

PillarRig::Ask GetIdentify(const std::string& id, uint64_t offset = 0,
                           std::optional<uint64_t> length = std::nullopt) {
  PillarRig::Ask ask;
  ask.operation = wire::GET_FILE;
  wire::FileRange* range = ask.body.mutable_get_file_identify()->mutable_range();
  range->set_file_id(id);
  range->set_offset(offset);
  if (length) range->set_length(*length);
  return ask;
}

PillarRig::Ask StatusRequest() {
  PillarRig::Ask ask;
  ask.operation = wire::GET_STATUS;
  ask.body.mutable_get_status_request();
  return ask;
}

Envelope SendAndRun(PillarRig& rig, const Envelope& asked) {
  rig.Send(asked);
  rig.Run();
  return asked;
}

// ---- identify

// [S-1]
TEST(Pillar, IdentifyOfAPutTellsWhatWouldBecomeOfIt) {
  RigOptions options;
  options.capacity_bytes = 1'000'000;
  PillarRig rig(options);
  ASSERT_EQ(rig.PutFile("a", "hello"), wire::OPERATION_COMPLETED);
  rig.Run(absl::Minutes(2));  // the store has checked itself
  struct Row {
    PillarRig::Ask ask;
    wire::ResponseCode code;
    bool existing;
    bool already_held;
  };
  for (const Row& row :
       {Row{PutIdentify("b", 5), wire::IDENTIFICATION_POSITIVE, false, false},
        Row{PutIdentify("b", std::nullopt), wire::IDENTIFICATION_POSITIVE, false, false},
        Row{PutIdentify("b", 2'000'000), wire::NO_SPACE, false, false},
        Row{PutIdentify("a", 5, Sha256Of("hello")), wire::IDENTIFICATION_POSITIVE, true, true},
        Row{PutIdentify("a", 5, Sha256Of("HELLO")), wire::DUPLICATE_FILE_FAILURE, true, false},
        Row{PutIdentify("a", 6), wire::DUPLICATE_FILE_FAILURE, true, false},
        Row{PutIdentify("a", 5), wire::IDENTIFICATION_POSITIVE, false, false}}) {
    const Envelope asked = SendAndRun(rig, rig.Identify(row.ask));
    ASSERT_EQ(rig.Code(asked), row.code);
    const wire::PutFileIdentifyReply& reply = rig.Reply(asked)->put_file_identify_reply();
    EXPECT_EQ(reply.has_existing(), row.existing);
    EXPECT_EQ(reply.already_held(), row.already_held);
    EXPECT_EQ(reply.has_time_to_deliver(), row.code == wire::IDENTIFICATION_POSITIVE);
  }
  EXPECT_EQ(rig.pillar->requests_under_way(), 0u) << "it leaves no trace";
}

TEST(Pillar, IdentifyOfAPutOfADamagedFileIsPositiveForItCanBeMadeGood) {
  PillarRig rig;
  ASSERT_EQ(rig.PutFile("a", "hello"), wire::OPERATION_COMPLETED);
  rig.store.memory.Lose(Photos(), File("a"));
  const Envelope asked = SendAndRun(rig, rig.Identify(PutIdentify("a", 5, Sha256Of("hello"))));
  EXPECT_EQ(rig.Code(asked), wire::IDENTIFICATION_POSITIVE);
  EXPECT_FALSE(rig.Reply(asked)->put_file_identify_reply().already_held());
}

TEST(Pillar, IdentifyOfAGetTellsWhetherAndWhat) {
  PillarRig rig;
  ASSERT_EQ(rig.PutFile("a", "hello"), wire::OPERATION_COMPLETED);
  const Envelope known = SendAndRun(rig, rig.Identify(GetIdentify("a", 1, 4)));
  ASSERT_EQ(rig.Code(known), wire::IDENTIFICATION_POSITIVE);
  EXPECT_EQ(rig.Reply(known)->get_file_identify_reply().file().size_bytes(), 5u);
  EXPECT_EQ(rig.Code(SendAndRun(rig, rig.Identify(GetIdentify("b")))),
            wire::FILE_NOT_FOUND_FAILURE);
  EXPECT_EQ(rig.Code(SendAndRun(rig, rig.Identify(GetIdentify("a", 1, 5)))), wire::RANGE_ERROR);
  rig.store.memory.Lose(Photos(), File("a"));
  EXPECT_EQ(rig.Code(SendAndRun(rig, rig.Identify(GetIdentify("a")))), wire::DATA_LOSS);
}

TEST(Pillar, TimeToDeliverIsMeasured) {
  PillarRig rig;
  ASSERT_EQ(rig.PutFile("a", "hello"), wire::OPERATION_COMPLETED);
  const Envelope quick = SendAndRun(rig, rig.Identify(GetIdentify("a")));
  rig.workers.piece = absl::Milliseconds(80);  // the disk has become slow
  const Envelope slow = SendAndRun(rig, rig.Identify(GetIdentify("a")));
  const auto time = [&](const Envelope& asked) {
    return rig.Reply(asked)->get_file_identify_reply().time_to_deliver();
  };
  EXPECT_GE(time(quick).first_byte_us(), 1000u);
  EXPECT_GE(time(slow).first_byte_us(), time(quick).first_byte_us() + 79'000);
  EXPECT_EQ(time(slow).queue_place(), 0u);
  const Envelope put = rig.Put("b", 5);
  rig.Send(put);
  EXPECT_EQ(time(SendAndRun(rig, rig.Identify(GetIdentify("a")))).queue_place(), 1u);
}

TEST(Pillar, IdentifyOfAllOperationsIsAnswered) {
  PillarRig rig;
  PillarRig::Ask ids;
  ids.operation = wire::GET_FILE_IDS;
  ids.body.mutable_get_file_ids_identify()->mutable_files()->mutable_all();
  PillarRig::Ask sums;
  sums.operation = wire::GET_CHECKSUMS;
  sums.body.mutable_get_checksums_identify()->mutable_files()->set_file_id("nobody");
  PillarRig::Ask status;
  status.operation = wire::GET_STATUS;
  status.body.mutable_get_status_identify();
  EXPECT_EQ(rig.Code(SendAndRun(rig, rig.Identify(ids))), wire::IDENTIFICATION_POSITIVE);
  EXPECT_EQ(rig.Code(SendAndRun(rig, rig.Identify(sums))), wire::FILE_NOT_FOUND_FAILURE);
  EXPECT_EQ(rig.Code(SendAndRun(rig, rig.Identify(status))), wire::IDENTIFICATION_POSITIVE);
}

TEST(Pillar, AStoreThatTakesNoWritesSaysNoToPutsAndServesReads) {
  PillarRig rig;
  ASSERT_EQ(rig.PutFile("a", "hello"), wire::OPERATION_COMPLETED);
  rig.store.memory.StopWriting("fsync failed");
  rig.Run(absl::Minutes(2));
  EXPECT_EQ(rig.Code(SendAndRun(rig, rig.Identify(PutIdentify("b", 5)))),
            wire::IDENTIFICATION_NEGATIVE);
  EXPECT_EQ(rig.PutFile("b", "hello"), wire::FAILURE);
  EXPECT_EQ(rig.GetFile("a"), std::make_pair(wire::OPERATION_COMPLETED, std::string("hello")));
  EXPECT_EQ(rig.load().state(), wire::LOAD_READ_ONLY);
}

// ---- what is not for it, or not valid

TEST(Pillar, RefusesWhatIsNotForIt) {
  PillarRig rig;
  PillarRig::Ask elsewhere = StatusRequest();
  elsewhere.collection = "films";
  const Envelope foreign = SendAndRun(rig, rig.Request(elsewhere));
  EXPECT_EQ(rig.Code(foreign), wire::REQUEST_NOT_UNDERSTOOD_FAILURE);
  EXPECT_THAT(rig.Reply(foreign)->response().text(), HasSubstr("films"));
  PillarRig::Ask identify = PutIdentify("a", 5);
  identify.collection = "films";
  EXPECT_EQ(rig.Code(SendAndRun(rig, rig.Identify(identify))),
            wire::REQUEST_NOT_UNDERSTOOD_FAILURE);
}

TEST(Pillar, LeavesAloneWhatIsAddressedToAnother) {
  PillarRig rig;
  const Envelope put = rig.Put("a", 5);
  protocol::Frames frames = ToFrames(put);
  frames[0] = "pillar:p2";
  rig.SendFrames(frames);
  rig.Run();
  EXPECT_EQ(rig.store.stages, 0);
  EXPECT_EQ(rig.pillar->requests_under_way(), 0u);
}

// Bodies that no client would make, sent in frames that are otherwise right.
class BadInput : public ::testing::Test {
 protected:
  // The code that answers a request whose body was changed.
  template <typename Change>
  wire::ResponseCode CodeFor(Envelope envelope, Change change) {
    change(envelope.body);
    envelope.body_bytes = envelope.body.SerializeAsString();
    rig.Send(envelope);
    rig.Run();
    EXPECT_EQ(rig.pillar->requests_under_way(), 0u);
    EXPECT_EQ(rig.store.stages, 0);
    return rig.Code(envelope);
  }
  PillarRig rig;
};

TEST_F(BadInput, FileIdsThatBreakTheRulesAreNotUnderstood) {
  const std::vector<std::string> bad = {"",
                                        std::string(256, 'a'),
                                        std::string(1025, 'a'),
                                        ".",
                                        "..",
                                        "../x",
                                        "a/../b",
                                        "a/./b",
                                        "/etc/passwd",
                                        "a//b",
                                        "a/",
                                        "/",
                                        std::string("nul\0l", 5),
                                        "new\nline",
                                        "tab\t",
                                        "\x7f",
                                        "\xc2\x85",
                                        "\xff",
                                        "\xc0\xaf",
                                        "\xed\xa0\x80",
                                        "a\xe2\x82"};
  for (const std::string& id : bad) {
    const auto change = [&](wire::Body& body) { body.mutable_put_file_request()->set_file_id(id); };
    EXPECT_EQ(CodeFor(rig.Put("good", 5), change), wire::REQUEST_NOT_UNDERSTOOD_FAILURE) << id;
    const auto change_get = [&](wire::Body& body) {
      body.mutable_get_file_request()->mutable_range()->set_file_id(id);
    };
    EXPECT_EQ(CodeFor(rig.Get("good"), change_get), wire::REQUEST_NOT_UNDERSTOOD_FAILURE) << id;
  }
}

TEST(Pillar, KeepsFilesUnderEveryIdThatIsAllowed) {
  PillarRig rig;
  std::string e_acute;
  for (int i = 0; i < 127; ++i) e_acute += "\xc3\xa9";
  const std::vector<std::string> good = {"a",
                                         std::string(255, 'a'),
                                         e_acute,
                                         "emoji \xf0\x9f\x98\x80 and spaces",
                                         "...",
                                         "..a",
                                         "trailing.",
                                         "trailing ",
                                         "%2e%2e",
                                         "back\\slash",
                                         "C:",
                                         "CON",
                                         "LOCK",
                                         "catalogue.sqlite",
                                         "$(rm -rf)",
                                         "%s%n",
                                         "\xe2\x80\xae",
                                         "\xef\xbb\xbf",
                                         "e\xcc\x81",
                                         "\xc3\xa9",
                                         "Case",
                                         "case",
                                         "a/b/c"};
  for (const std::string& id : good) {
    ASSERT_EQ(rig.PutFile(id, "bytes of " + id), wire::OPERATION_COMPLETED) << id;
  }
  for (const std::string& id : good) EXPECT_EQ(rig.GetFile(id).second, "bytes of " + id) << id;
}

TEST_F(BadInput, DigestsThatAreNoneAreNotUnderstood) {
  const auto with = [](wire::DigestAlgorithm algorithm, size_t length) {
    return [=](wire::Body& body) {
      body.mutable_put_file_request()->mutable_digest()->set_algorithm(algorithm);
      body.mutable_put_file_request()->mutable_digest()->set_value(std::string(length, 'd'));
    };
  };
  for (const auto& [algorithm, length] :
       std::vector<std::pair<wire::DigestAlgorithm, size_t>>{{wire::SHA256, 31},
                                                             {wire::SHA256, 33},
                                                             {wire::SHA256, 0},
                                                             {wire::MD5, 32},
                                                             {wire::HMAC_SHA256, 32}}) {
    EXPECT_EQ(CodeFor(rig.Put("a", 5), with(algorithm, length)),
              wire::REQUEST_NOT_UNDERSTOOD_FAILURE);
  }
}

TEST_F(BadInput, OffsetsThatOverflowAreARangeErrorOrNotUnderstood) {
  const auto change = [](wire::Body& body) {
    body.mutable_get_file_request()->mutable_range()->set_offset(UINT64_MAX);
    body.mutable_get_file_request()->mutable_range()->set_length(2);
  };
  EXPECT_THAT(CodeFor(rig.Get("a"), change),
              ::testing::AnyOf(wire::RANGE_ERROR, wire::REQUEST_NOT_UNDERSTOOD_FAILURE));
}

TEST_F(BadInput, AnotherOperationsContentIsNotUnderstood) {
  EXPECT_EQ(CodeFor(rig.Put("a", 5),
                    [](wire::Body& body) {
                      body.mutable_get_file_request()->mutable_range()->set_file_id("a");
                    }),
            wire::REQUEST_NOT_UNDERSTOOD_FAILURE);
}

TEST_F(BadInput, ReservedOperationsAndUnknownFeaturesAreNotSupported) {
  Envelope put = rig.Put("a", 5);
  put.header.set_operation(wire::UPDATE_FILE);
  put.header_bytes = put.header.SerializeAsString();
  EXPECT_EQ(CodeFor(put, [](wire::Body&) {}), wire::REQUEST_NOT_SUPPORTED);
  Envelope feature = rig.Put("a", 5);
  feature.header.add_must_understand("precondition-of-tomorrow");
  feature.header_bytes = feature.header.SerializeAsString();
  EXPECT_EQ(CodeFor(feature, [](wire::Body&) {}), wire::REQUEST_NOT_SUPPORTED);
}

TEST_F(BadInput, GarbageIsDroppedAndCounted) {
  const Envelope put = rig.Put("a", 5);
  protocol::Frames frames = ToFrames(put);
  frames[1] = "\xff\xff\xff";
  rig.SendFrames(frames);
  rig.SendFrames({"", "", ""});
  rig.SendFrames({});
  rig.Run();
  EXPECT_THAT(rig.heard, IsEmpty());
  const Envelope status = SendAndRun(rig, rig.Request(StatusRequest()));
  const auto& dropped = rig.Final(status)->body.get_status_final().dropped_frames();
  EXPECT_EQ(dropped.at("header-garbage"), 1u);
  EXPECT_GE(dropped.at("frame-count"), 1u);
}

// ---- limits

TEST(Pillar, BeyondItsLimitsItIsBusyAndLaterNotAnyMore) {
  RigOptions options;
  options.requests_max = 5;
  options.requests_per_principal_max = 3;
  PillarRig rig(options);
  std::vector<Envelope> puts;
  const auto put = [&](const std::string& principal) {
    PillarRig::Ask ask;
    ask.operation = wire::PUT_FILE;
    ask.principal = principal;
    ask.body.mutable_put_file_request()->set_file_id(absl::StrCat("f", puts.size()));
    puts.push_back(SendAndRun(rig, rig.Request(ask)));
  };
  for (int i = 0; i < 4; ++i) put("alice");  // 3 are taken
  for (int i = 0; i < 3; ++i) put("bob");    // 2 are taken
  EXPECT_EQ(rig.pillar->requests_under_way(), 5u);
  EXPECT_EQ(rig.Code(puts[3]), wire::BUSY);
  EXPECT_EQ(rig.Code(puts[6]), wire::BUSY);
  for (const size_t i : {0u, 1u, 2u, 4u, 5u}) EXPECT_EQ(rig.Final(puts[i]), nullptr);
  EXPECT_EQ(rig.Code(SendAndRun(rig, rig.Identify(PutIdentify("x", 5)))), wire::BUSY);
  EXPECT_EQ(rig.store.Audited("PUT_FILE", "BUSY"), 0)
      << "a refusal for lack of room leaves no trace";

  rig.Send(rig.CancelOf(puts[0]));
  rig.Run();
  SendAndRun(rig, puts[3]);  // the same request again: now it is taken
  EXPECT_THAT(rig.Token(puts[3]), Not(IsEmpty()));
}

TEST(Pillar, AFullLaneIsBusyToo) {
  PillarRig rig;
  rig.workers.full = true;
  const Envelope put = rig.Put("a", 5);
  const Envelope get = rig.Get("a");
  const Envelope identify = rig.Identify(PutIdentify("a", 5));
  for (const Envelope& asked : {put, get, identify}) {
    SendAndRun(rig, asked);
    EXPECT_EQ(rig.Code(asked), wire::BUSY);
  }
  EXPECT_EQ(rig.pillar->requests_under_way(), 0u);
}

TEST(Pillar, FinalsAreForgottenBeyondTheirLimitButPutsStayOnRecord) {
  RigOptions options;
  options.finished_kept_max = 2;
  PillarRig rig(options);
  const Envelope put = rig.Put("a", 5);
  SendAndRun(rig, put);
  rig.Push(rig.Token(put), "hello");
  rig.Run();
  for (int i = 0; i < 3; ++i) SendAndRun(rig, rig.Request(StatusRequest()));
  const int lookups = rig.store.lookups;
  SendAndRun(rig, put);
  EXPECT_EQ(rig.store.lookups, lookups + 1);
  EXPECT_EQ(rig.Code(put), wire::OPERATION_COMPLETED);
  EXPECT_EQ(rig.store.stages, 1);
}

// ---- the bus

TEST(Pillar, AFinalThatMetABusThatWasDownIsGivenWhenAskedAgain) {
  PillarRig rig;
  const Envelope put = rig.Put("a", 5);
  SendAndRun(rig, put);
  rig.address.SetReachable("p1", false);
  rig.Run();
  rig.Push(rig.Token(put), "hello");
  rig.Run();
  EXPECT_EQ(rig.Stored("a"), "hello");
  EXPECT_EQ(rig.Final(put), nullptr);
  rig.address.SetReachable("p1", true);
  rig.Run(absl::Seconds(5));
  SendAndRun(rig, put);
  EXPECT_EQ(rig.Code(put), wire::OPERATION_COMPLETED);
}

TEST(Pillar, ItsHeartbeatTellsItsLoad) {
  PillarRig rig;
  for (int i = 0; i < 3; ++i) rig.Send(rig.Put(absl::StrCat("f", i), 5));
  rig.Run(absl::Seconds(4));
  EXPECT_EQ(rig.load().state(), wire::LOAD_READY);
  EXPECT_EQ(rig.load().queue(), 3u);
  EXPECT_GT(rig.load().free_bytes(), 0u);
}

TEST(Pillar, RefusedByTheBrokerItTellsItsProgram) {
  PillarRig rig;
  rig.refuse_hello = true;
  rig.address.Break("p1");
  rig.Run(absl::Seconds(5));
  EXPECT_EQ(rig.refusals, 1);
  EXPECT_THAT(rig.refusal, testing_support::StatusIs(absl::StatusCode::kFailedPrecondition,
                                                     HasSubstr("another store")));
}

// ---- a clean stop

TEST(Pillar, StopsAtOnceWhenNothingIsUnderWay) {
  PillarRig rig;
  EXPECT_TRUE(rig.Stop(absl::Milliseconds(100)));
}

TEST(Pillar, AStopLetsWhatIsUnderWayEndAndTakesNothingNew) {
  PillarRig rig;
  ASSERT_EQ(rig.PutFile("a", "hello"), wire::OPERATION_COMPLETED);
  const Envelope put = SendAndRun(rig, rig.Put("b", 5));
  EXPECT_FALSE(rig.Stop(absl::Seconds(2)));
  const Envelope late = SendAndRun(rig, rig.Get("a"));
  EXPECT_EQ(rig.Code(late), wire::BUSY);
  EXPECT_EQ(rig.Code(SendAndRun(rig, rig.Identify(GetIdentify("a")))),
            wire::IDENTIFICATION_NEGATIVE);
  rig.Push(rig.Token(put), "hello");
  rig.Run();
  EXPECT_EQ(rig.Code(put), wire::OPERATION_COMPLETED);
  EXPECT_TRUE(rig.stopped);
}

TEST(Pillar, WhenTheGraceIsOverGetsAreToldAndPutsLeftToBeRepeated) {
  PillarRig rig;
  ASSERT_EQ(rig.PutFile("a", "hello"), wire::OPERATION_COMPLETED);
  const Envelope put = SendAndRun(rig, rig.Put("b", 5));
  const Envelope get = SendAndRun(rig, rig.Get("a"));
  EXPECT_TRUE(rig.Stop(absl::Seconds(12)));
  EXPECT_EQ(rig.Code(get), wire::GONE);
  EXPECT_EQ(rig.Final(put), nullptr);
  rig.Restart();
  SendAndRun(rig, put);
  rig.Push(rig.Token(put), "hello");
  rig.Run();
  EXPECT_EQ(rig.Code(put), wire::OPERATION_COMPLETED);
}

}  // namespace
}  // namespace bitrepo::pillar

// SPDX-License-Identifier: Apache-2.0
// A pillar with several collections, each with its own files and its own terms.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/pillar/pillar_rig.h"

namespace bitrepo::pillar {
namespace {

protocol::Envelope PutInto(PillarRig& rig, const std::string& collection,
                           const std::string& bytes) {
  PillarRig::Ask ask;
  ask.operation = wire::PUT_FILE;
  ask.collection = collection;
  ask.body.mutable_put_file_request()->set_file_id("f");
  ask.body.mutable_put_file_request()->set_size_bytes(bytes.size());
  const protocol::Envelope put = rig.Request(ask);
  rig.Send(put);
  rig.Run();
  if (!rig.Token(put).empty()) rig.Push(rig.Token(put), bytes);
  rig.Run();
  return put;
}

TEST(Collections, TwoHoldOneIdWithOtherBytes) {
  PillarRig rig;
  EXPECT_EQ(rig.Code(PutInto(rig, "photos", "seen")), wire::OPERATION_COMPLETED);
  EXPECT_EQ(rig.Code(PutInto(rig, "sounds", "heard")), wire::OPERATION_COMPLETED);
  EXPECT_EQ(rig.Stored("f"), "seen");
  PillarRig::Ask ask;
  ask.operation = wire::GET_FILE;
  ask.collection = "sounds";
  ask.body.mutable_get_file_request()->mutable_range()->set_file_id("f");
  const protocol::Envelope get = rig.Request(ask);
  rig.Send(get);
  rig.Run();
  const auto transfer = rig.Fetch(rig.Token(get));
  rig.Run();
  EXPECT_EQ(transfer->sink->text, "heard");
}

TEST(Collections, OneThatIsNotKeptIsNotUnderstood) {
  PillarRig rig;
  const protocol::Envelope put = PutInto(rig, "maps", "bytes");
  EXPECT_EQ(rig.Code(put), wire::REQUEST_NOT_UNDERSTOOD_FAILURE);
  EXPECT_EQ(rig.store.stages, 0);
}

TEST(Collections, ALargestFileIsTakenAndOneByteMoreIsNot) {
  RigOptions options;
  options.terms[Photos()].file_bytes_max = 4;
  PillarRig rig(options);
  EXPECT_EQ(rig.Code(PutInto(rig, "photos", "12345")), wire::NO_SPACE);
  EXPECT_EQ(rig.Code(PutInto(rig, "photos", "1234")), wire::OPERATION_COMPLETED);
  EXPECT_EQ(rig.Code(PutInto(rig, "sounds", "12345")), wire::OPERATION_COMPLETED);
  PillarRig::Ask ask;
  ask.operation = wire::PUT_FILE;
  ask.body.mutable_put_file_identify()->set_file_id("g");
  ask.body.mutable_put_file_identify()->set_size_bytes(5);
  const protocol::Envelope identify = rig.Identify(ask);
  rig.Send(identify);
  rig.Run();
  EXPECT_EQ(rig.Code(identify), wire::NO_SPACE);
}

TEST(Collections, AListThatNamesNoAlgorithmHasThatOfItsCollection) {
  RigOptions options;
  options.terms[Photos()].default_algorithm = wire::MD5;
  PillarRig rig(options);
  PutInto(rig, "photos", "bytes");
  PutInto(rig, "sounds", "bytes");
  const auto algorithm = [&](const std::string& collection) {
    PillarRig::Ask ask;
    ask.operation = wire::GET_CHECKSUMS;
    ask.collection = collection;
    ask.body.mutable_get_checksums_request()->mutable_files()->set_file_id("f");
    ask.body.mutable_get_checksums_request()->mutable_checksums();
    const protocol::Envelope asked = rig.Request(ask);
    rig.Send(asked);
    rig.Run();
    return rig.Reply(asked)->get_checksums_final().items(0).digests(0).algorithm();
  };
  EXPECT_EQ(algorithm("photos"), wire::MD5);
  EXPECT_EQ(algorithm("sounds"), wire::SHA256);
}

}  // namespace
}  // namespace bitrepo::pillar

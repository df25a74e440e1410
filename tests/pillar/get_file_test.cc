// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "tests/pillar/pillar_rig.h"
#include "tests/support/status_matchers.h"

namespace bitrepo::pillar {
namespace {

using protocol::Envelope;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr uint64_t kSize = 3'000'000;

// A pillar that holds "a": kSize bytes.
class GetFile : public ::testing::Test {
 protected:
  GetFile() { EXPECT_EQ(rig.PutFile("a", bytes), wire::OPERATION_COMPLETED); }
  // Asks for a range, and fetches it when a token comes.
  std::pair<wire::ResponseCode, std::string> Get(uint64_t offset, std::optional<uint64_t> length) {
    const Envelope get = rig.Get("a", offset, length);
    rig.Send(get);
    rig.Run();
    if (rig.Token(get).empty()) return {rig.Code(get), ""};
    const auto transfer = rig.Fetch(rig.Token(get));
    rig.Run();
    std::string text = transfer->sink->text;
    text.erase(0, std::min<size_t>(text.size(), offset));
    return {rig.Code(get), text};
  }

  const std::string bytes = base::SeededRandom(5).Bytes(kSize);
  PillarRig rig;
};

TEST_F(GetFile, ServesTheWholeFileAndThenSaysSo) {
  const Envelope get = rig.Get("a");
  rig.Send(get);
  rig.Run();
  ASSERT_THAT(rig.Token(get), Not(IsEmpty()));
  EXPECT_EQ(rig.Progress(get).front().body.get_file_progress().file().size_bytes(), kSize);
  EXPECT_EQ(rig.Final(get), nullptr) << "the final follows the receiver's word";
  const auto transfer = rig.Fetch(rig.Token(get));
  rig.Run();
  EXPECT_OK(*transfer->end);
  EXPECT_EQ(transfer->sink->text, bytes);
  EXPECT_EQ(transfer->sink->committed_digest, Sha256Of(bytes));
  ASSERT_EQ(rig.Code(get), wire::OPERATION_COMPLETED);
  EXPECT_EQ(rig.Final(get)->body.get_file_final().bytes_sent(), kSize);
  rig.Run(absl::Seconds(2));
  EXPECT_EQ(rig.store.Audited("GET_FILE", "OPERATION_COMPLETED"), 1);
}

TEST_F(GetFile, ServesAnEmptyFile) {
  ASSERT_EQ(rig.PutFile("empty", ""), wire::OPERATION_COMPLETED);
  EXPECT_EQ(rig.GetFile("empty").first, wire::OPERATION_COMPLETED);
}

// [S-4]
TEST_F(GetFile, ServesRangesAndRefusesWhatPassesTheEnd) {
  struct Row {
    uint64_t offset;
    std::optional<uint64_t> length;
    wire::ResponseCode code;
  };
  const uint64_t most = std::numeric_limits<uint64_t>::max();
  for (const Row& row :
       {Row{0, 1, wire::OPERATION_COMPLETED}, Row{1, kSize - 1, wire::OPERATION_COMPLETED},
        Row{1'048'575, 2, wire::OPERATION_COMPLETED},
        Row{kSize - 1, std::nullopt, wire::OPERATION_COMPLETED},
        Row{kSize, std::nullopt, wire::OPERATION_COMPLETED},
        Row{kSize, 0, wire::OPERATION_COMPLETED}, Row{5, 0, wire::OPERATION_COMPLETED},
        Row{0, kSize + 1, wire::RANGE_ERROR}, Row{kSize, 1, wire::RANGE_ERROR},
        Row{kSize + 1, std::nullopt, wire::RANGE_ERROR}, Row{kSize + 1, 0, wire::RANGE_ERROR},
        Row{1ull << 31, 1, wire::RANGE_ERROR}, Row{1ull << 32, 1, wire::RANGE_ERROR},
        Row{0, 1ull << 32, wire::RANGE_ERROR}, Row{1ull << 63, 1ull << 62, wire::RANGE_ERROR},
        Row{most, std::nullopt, wire::RANGE_ERROR}, Row{most - 1, 1, wire::RANGE_ERROR},
        Row{0, most, wire::RANGE_ERROR}}) {
    const auto [code, text] = Get(row.offset, row.length);
    EXPECT_EQ(code, row.code) << row.offset << "+" << row.length.value_or(999);
    if (code != wire::OPERATION_COMPLETED) continue;
    EXPECT_EQ(text, bytes.substr(row.offset, row.length.value_or(bytes.size())))
        << row.offset << "+" << row.length.value_or(999);
  }
  EXPECT_EQ(rig.pillar->requests_under_way(), 0u);
}

TEST_F(GetFile, OfAnUnknownIdOrGenerationIsNotFound) {
  EXPECT_EQ(rig.GetFile("b").first, wire::FILE_NOT_FOUND_FAILURE);
  Envelope known = rig.Get("a");
  PillarRig::Ask ask;
  ask.operation = wire::GET_FILE;
  ask.body = known.body;
  ask.body.mutable_get_file_request()->set_generation_id(std::string(16, 'g'));
  const Envelope other = rig.Request(ask);
  rig.Send(other);
  rig.Run();
  EXPECT_EQ(rig.Code(other), wire::FILE_NOT_FOUND_FAILURE);
}

TEST_F(GetFile, IsOfTheCollectionAsked) {
  PillarRig::Ask ask;
  ask.operation = wire::GET_FILE;
  ask.collection = "sounds";
  ask.body.mutable_get_file_request()->mutable_range()->set_file_id("a");
  const Envelope get = rig.Request(ask);
  rig.Send(get);
  rig.Run();
  EXPECT_EQ(rig.Code(get), wire::FILE_NOT_FOUND_FAILURE);
}

// [S-5]
TEST_F(GetFile, OfDamagedBytesIsDataLossAndAnAlarmAndNeverTheBytes) {
  const Envelope get = rig.Get("a");
  rig.Send(get);
  rig.Run();
  rig.store.memory.FlipBit(Photos(), File("a"), 2'500'000);
  const auto transfer = rig.Fetch(rig.Token(get));
  rig.Run();
  EXPECT_EQ(rig.Code(get), wire::DATA_LOSS);
  EXPECT_THAT(*transfer->end, Not(testing_support::IsOk()));
  EXPECT_EQ(transfer->sink->commits, 0);
  EXPECT_EQ(bytes.compare(0, transfer->sink->text.size(), transfer->sink->text), 0)
      << "what came before the damage is right";
  EXPECT_THAT(rig.Alarms(), ElementsAre("data-loss"));
  // The undamaged part of it can still be had.
  EXPECT_EQ(Get(0, 1'000'000).second, bytes.substr(0, 1'000'000));
  EXPECT_EQ(Get(2'400'000, 200'000).first, wire::DATA_LOSS);
  EXPECT_THAT(rig.Alarms(), ElementsAre("data-loss")) << "told once in a while";
}

// [S-5]
TEST_F(GetFile, OfALostFileIsDataLossAndNotNotFound) {
  rig.store.memory.Lose(Photos(), File("a"));
  EXPECT_EQ(rig.GetFile("a").first, wire::DATA_LOSS);
  EXPECT_THAT(rig.Alarms(), ElementsAre("data-loss"));
}

TEST_F(GetFile, KeepsItsWordWhenARepeatComes) {
  const Envelope get = rig.Get("a");
  rig.Send(get);
  rig.Send(get);
  rig.Run();
  const std::string token = rig.Token(get);
  const auto transfer = rig.Fetch(token);
  rig.Run();
  EXPECT_EQ(rig.Finals(get), 1);
  rig.Send(get);
  rig.Run();
  EXPECT_EQ(rig.Finals(get), 2);
  EXPECT_EQ(rig.Code(get), wire::OPERATION_COMPLETED);
}

TEST_F(GetFile, EndsWhenItIsWithdrawn) {
  for (const int milliseconds : {0, 1, 50}) {
    const Envelope get = rig.Get("a");
    rig.Send(get);
    rig.Run(absl::Milliseconds(milliseconds));
    rig.Send(rig.CancelOf(get));
    rig.Run();
    EXPECT_EQ(rig.Code(get), wire::CANCELLED);
    if (rig.Token(get).empty()) continue;
    const auto transfer = rig.Fetch(rig.Token(get));
    rig.Run();
    EXPECT_THAT(*transfer->end, Not(testing_support::IsOk()));
  }
}

TEST_F(GetFile, ExpiresWhenNobodyFetches) {
  const Envelope get = rig.Get("a");
  rig.Send(get);
  rig.Run(absl::Minutes(14));
  EXPECT_EQ(rig.Final(get), nullptr);
  EXPECT_EQ(rig.Progress(get).back().body.progress().phase(), wire::SENDING);
  rig.Run(absl::Minutes(2));
  EXPECT_EQ(rig.Code(get), wire::EXPIRED);
}

TEST_F(GetFile, ReadsTheSameGenerationWhateverHappensToTheName) {
  const Envelope get = rig.Get("a");
  rig.Send(get);
  rig.Run();
  EXPECT_EQ(rig.Progress(get).front().body.get_file_progress().file().generation_id(),
            rig.store.Find(Photos(), File("a"))->generation.ToBytes());
}

}  // namespace
}  // namespace bitrepo::pillar

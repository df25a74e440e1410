// SPDX-License-Identifier: Apache-2.0
#include "coordinator/watch/alarm_desk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "absl/strings/str_cat.h"
#include "tests/bus/overheard.h"

namespace bitrepo::watch {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr uint64_t kNewest = std::numeric_limits<uint64_t>::max();

class AlarmDeskTest : public ::testing::Test {
 protected:
  void Raise(const std::string& from, const std::string& code, const std::string& file = "",
             const std::string& text = "look here") {
    now_ += absl::Seconds(1);
    desk_->OnCopy(bus_.Alarm(from, code, file, text), now_);
  }
  // "p1 code" of each, as asked.
  std::vector<std::string> Listed(const wire::GetAlarmsRequest& asked = {},
                                  uint64_t place = kNewest) const {
    std::vector<std::string> rows;
    for (const auto& row : desk_->List(asked, place, 100)) {
      rows.push_back(absl::StrCat(row.item.from(), " ", row.item.alarm().code()));
    }
    return rows;
  }
  bus_test::Overheard bus_;
  absl::Time now_ = absl::FromUnixSeconds(1'700'000'000);
  std::optional<AlarmDesk> desk_{std::in_place};
};

TEST_F(AlarmDeskTest, EqualOnesOfOneComponentAreCounted) {
  Raise("p1", "data-loss", "a", "first");
  Raise("p1", "data-loss", "b");
  Raise("p2", "data-loss", "a");
  Raise("p1", "data-loss", "a", "second");
  const auto rows = desk_->List({}, kNewest, 100);
  ASSERT_THAT(rows, SizeIs(3));
  const wire::AlarmItem& again = rows[0].item;
  EXPECT_EQ(again.count(), 2u);
  EXPECT_EQ(again.alarm().text(), "second");
  EXPECT_EQ(again.last_us() - again.first_us(), 3'000'000);
  EXPECT_EQ(rows[1].item.from(), "p2");
  EXPECT_EQ(rows[2].item.alarm().file_id(), "b");
  EXPECT_EQ(rows[2].item.count(), 1u);
}

TEST_F(AlarmDeskTest, OtherMessagesArePassedOver) {
  desk_->OnCopy(bus_.Request(bus_.NewConversation(), "p1", "f"), now_);
  EXPECT_EQ(desk_->size(), 0u);
}

TEST_F(AlarmDeskTest, IsAskedByCodeSenderAndTime) {
  Raise("p1", "x");
  const absl::Time first = now_;
  Raise("p1", "y");
  Raise("p2", "x");
  wire::GetAlarmsRequest asked;
  asked.set_code("x");
  EXPECT_THAT(Listed(asked), ElementsAre("p2 x", "p1 x"));
  asked.set_from("p1");
  EXPECT_THAT(Listed(asked), ElementsAre("p1 x"));
  asked.Clear();
  asked.mutable_at()->set_until_us(absl::ToUnixMicros(first));
  EXPECT_THAT(Listed(asked), ElementsAre("p1 x"));
  asked.Clear();
  asked.mutable_at()->set_from_us(absl::ToUnixMicros(first) + 1);
  EXPECT_THAT(Listed(asked), ElementsAre("p2 x", "p1 y"));
}

TEST_F(AlarmDeskTest, AListGoesOnWhereItStoodWhateverIsRaisedMeanwhile) {
  for (const char* code : {"a", "b", "c"}) Raise("p1", code);
  const auto page = desk_->List({}, kNewest, 2);
  ASSERT_THAT(page, SizeIs(2));
  Raise("p1", "c");
  Raise("p1", "d");
  EXPECT_THAT(Listed({}, page[1].place), ElementsAre("p1 a"));
}

TEST_F(AlarmDeskTest, WhoeverFloodsPushesOutItsOwn) {
  desk_.emplace(AlarmLimits{.alarms_max = 10, .of_one_component_max = 3});
  Raise("p2", "precious");
  for (int i = 0; i < 3; ++i) Raise("p1", absl::StrCat("flood", i));
  EXPECT_EQ(desk_->size(), 4u) << "three fit";
  Raise("p1", "flood3");
  EXPECT_THAT(Listed(), ElementsAre("p1 flood3", "p1 flood2", "p1 flood1", "p2 precious"));
}

TEST_F(AlarmDeskTest, TheOneRaisedLongestAgoIsForgotten) {
  desk_.emplace(AlarmLimits{.alarms_max = 2});
  Raise("p1", "x");
  Raise("p2", "x");
  Raise("p1", "x");
  Raise("p3", "x");
  EXPECT_THAT(Listed(), ElementsAre("p3 x", "p1 x"));
}

TEST_F(AlarmDeskTest, NothingIsListedOfNothing) { EXPECT_THAT(Listed(), IsEmpty()); }

}  // namespace
}  // namespace bitrepo::watch

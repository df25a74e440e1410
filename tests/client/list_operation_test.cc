// SPDX-License-Identifier: Apache-2.0
#include "client/list_operation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/list_merge.h"
#include "tests/client/memory_repository.h"

namespace bitrepo::client {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using State = protocol::ContributorResult::State;

using InfoList = google::protobuf::RepeatedPtrField<wire::FileInfo>;

InfoList Infos(const std::vector<std::string>& ids) {
  InfoList infos;
  for (const std::string& id : ids) infos.Add()->set_file_id(id);
  return infos;
}

ListPage<wire::FileInfo> Page(InfoList infos, bool last) {
  return {std::make_shared<const InfoList>(std::move(infos)), last};
}

// "a:p1 b:p1,p2-p3": id, who has it, who lacks it.
std::string Text(const std::vector<FileIdRow>& rows) {
  std::string text;
  for (const FileIdRow& row : rows) {
    absl::StrAppend(&text, text.empty() ? "" : " ", row.file_id, ":");
    std::string between;
    for (const auto& [pillar, info] : row.pillars) {
      absl::StrAppend(&text, between, pillar.text());
      between = ",";
    }
    for (const base::ComponentId& pillar : row.lacking) absl::StrAppend(&text, "-", pillar.text());
  }
  return text;
}

class Merge : public ::testing::Test {
 protected:
  Merge() {
    merge_.Expect(p1_);
    merge_.Expect(p2_);
  }
  const base::ComponentId p1_ = PillarId("p1");
  const base::ComponentId p2_ = PillarId("p2");
  ListMerge<wire::FileInfo> merge_;
};

TEST_F(Merge, HoldsRowsBackUntilEveryPillarHasSpokenOfThem) {
  merge_.OnPage(p1_, Page(Infos({"a", "b", "d"}), true));
  EXPECT_THAT(merge_.Take(10), IsEmpty());
  merge_.OnPage(p2_, Page(Infos({"b", "c"}), false));
  EXPECT_EQ(Text(merge_.Take(10)), "a:p1-p2 b:p1,p2 c:p2-p1");
  merge_.OnPage(p2_, Page(Infos({}), true));
  EXPECT_EQ(Text(merge_.Take(10)), "d:p1-p2");
}

TEST_F(Merge, TakesNoMoreThanAsked) {
  merge_.OnPage(p1_, Page(Infos({"a", "b"}), true));
  merge_.OnPage(p2_, Page(Infos({"a", "b"}), true));
  EXPECT_EQ(Text(merge_.Take(1)), "a:p1,p2");
  EXPECT_EQ(Text(merge_.Take(1)), "b:p1,p2");
}

TEST_F(Merge, AListThatBrokeOffSaysNothingOfWhatIsBehindItsEnd) {
  merge_.OnPage(p1_, Page(Infos({"a", "c"}), true));
  merge_.OnPage(p2_, Page(Infos({"a"}), false));
  merge_.OnEnd(p2_);
  EXPECT_EQ(Text(merge_.Take(10)), "a:p1,p2 c:p1");
}

TEST_F(Merge, IdsThatDoNotRiseEndAList) {
  EXPECT_TRUE(merge_.OnPage(p1_, Page(Infos({"a", "b"}), false)));
  EXPECT_FALSE(merge_.OnPage(p1_, Page(Infos({"b", "c"}), false)));
  merge_.OnPage(p2_, Page(Infos({"c"}), true));
  EXPECT_EQ(Text(merge_.Take(10)), "a:p1-p2 b:p1-p2 c:p2");
}

TEST_F(Merge, AsksForThePageAfterTheOneInHandAndForNoMore) {
  EXPECT_THAT(merge_.Hungry(), IsEmpty()) << "the first comes by itself";
  merge_.OnPage(p1_, Page(Infos({"a", "b"}), false));
  EXPECT_THAT(merge_.Hungry(), ElementsAre(p1_));
  EXPECT_THAT(merge_.Hungry(), IsEmpty()) << "once for each page";
  merge_.OnPage(p1_, Page(Infos({"c", "d"}), false));
  EXPECT_THAT(merge_.Hungry(), IsEmpty()) << "two pages are held";
  merge_.OnPage(p2_, Page(Infos({"a", "b"}), true));
  merge_.Take(2);
  EXPECT_THAT(merge_.Hungry(), ElementsAre(p1_));
}

TEST_F(Merge, OrdersIdsAsBytes) {
  merge_.OnPage(p1_, Page(Infos({"B", "a", "z", "\xC3\xA9"}), true));
  merge_.OnPage(p2_, Page(Infos({"a"}), true));
  EXPECT_EQ(Text(merge_.Take(10)), "B:p1-p2 a:p1,p2 z:p1-p2 \xC3\xA9:p1-p2");
}

TEST_F(Merge, SeveralOfOneIdAreRowsOfTheirOwnInTheirOrder) {
  auto several = ListMerge<wire::FileInfo>::WithSeveralOfOneId();
  several.Expect(p1_);
  several.Expect(p2_);
  several.OnPage(p1_, Page(Infos({"a", "a", "b"}), true));
  several.OnPage(p2_, Page(Infos({"a", "b"}), true));
  const std::vector<FileIdRow> rows = several.Take(10);
  EXPECT_EQ(Text(rows), "a:p1,p2 a:p1-p2 b:p1,p2");
  EXPECT_EQ(rows[0].number, 0u);
  EXPECT_EQ(rows[1].number, 1u);
}

TEST_F(Merge, NamedIdsComeInTheirPlacesWhateverTheirOrder) {
  ListMerge<wire::FileInfo> named({"b", "a", "b"});
  named.Expect(p1_);
  named.Expect(p2_);
  InfoList answers = Infos({"b", "a", "b"});
  named.OnPage(p1_, Page(answers, true));
  answers.Mutable(1)->mutable_trouble()->set_code(wire::FILE_NOT_FOUND_FAILURE);
  named.OnPage(p2_, Page(answers, true));
  EXPECT_EQ(Text(named.Take(10)), "b:p1,p2 a:p1-p2 b:p1,p2");
}

TEST_F(Merge, AnAnswerToAnotherIdThanTheOneWhoseTurnItIsEndsAList) {
  ListMerge<wire::FileInfo> named({"b", "a"});
  named.Expect(p1_);
  named.Expect(p2_);
  EXPECT_TRUE(named.OnPage(p1_, Page(Infos({"b", "a"}), true)));
  EXPECT_FALSE(named.OnPage(p2_, Page(Infos({"a", "b"}), true)));
  EXPECT_EQ(Text(named.Take(10)), "b:p1 a:p1");
}

// ---- lists of real pillars

class GetFileIds : public ::testing::Test {
 protected:
  // "f000" ... at both pillars.
  void Fill(int files) {
    for (int i = 0; i < files; ++i) {
      const ToldPut put = repository_.Put(absl::StrFormat("f%03d", i), absl::StrCat("text ", i));
      ASSERT_TRUE(repository_.RunToEnd(put));
    }
  }
  GetFileIdsSpec All(uint32_t page_items = 0) {
    GetFileIdsSpec spec{.scope = {.collection = Photos(), .files = {}}};
    spec.scope.files.mutable_all();
    spec.scope.page_items = page_items;
    spec.on_rows = [this](std::vector<FileIdRow> rows, absl::AnyInvocable<void()> more) {
      for (FileIdRow& row : rows) rows_.push_back(std::move(row));
      if (hold_) {
        held_.push_back(std::move(more));
      } else {
        more();
      }
    };
    return spec;
  }
  // How many pages the pillars were asked for so far.
  static size_t Pages(const ToldList& list) {
    return static_cast<size_t>(
        std::count_if(list->events.begin(), list->events.end(),
                      [](const auto& event) { return event.kind == protocol::EventKind::kPage; }));
  }

  MemoryRepository repository_{2};
  std::vector<FileIdRow> rows_;
  bool hold_ = false;
  std::vector<absl::AnyInvocable<void()>> held_;
};

TEST_F(GetFileIds, ComeInOrderWithEachIdOnce) {
  Fill(25);
  const ToldList list = repository_.GetFileIds(All(4));
  ASSERT_TRUE(repository_.RunToEnd(list));
  EXPECT_EQ(list->result->outcome.verdict, protocol::Verdict::kSuccess);
  EXPECT_EQ(list->result->rows, 25u);
  ASSERT_THAT(rows_, SizeIs(25));
  for (int i = 0; i < 25; ++i) {
    const FileIdRow& row = rows_[static_cast<size_t>(i)];
    EXPECT_EQ(row.file_id, absl::StrFormat("f%03d", i));
    EXPECT_THAT(row.pillars, SizeIs(2));
    EXPECT_THAT(row.lacking, IsEmpty());
  }
}

TEST_F(GetFileIds, TellWhichPillarLacksAFileAndWhereDigestsDiffer) {
  repository_.StoreAt("p1", "only one", "x");
  repository_.StoreAt("p1", "other", "left");
  repository_.StoreAt("p2", "other", "right");
  const ToldList list = repository_.GetFileIds(All());
  ASSERT_TRUE(repository_.RunToEnd(list));
  EXPECT_EQ(Text(rows_), "only one:p1-p2 other:p1,p2");
  ASSERT_THAT(rows_, SizeIs(2));
  EXPECT_NE(rows_[1].pillars.at(PillarId("p1"))->digest().value(),
            rows_[1].pillars.at(PillarId("p2"))->digest().value());
}

TEST_F(GetFileIds, ASlowReaderHoldsThePillarsPagesBack) {
  Fill(40);
  hold_ = true;
  const ToldList list = repository_.GetFileIds(All(2));
  ASSERT_TRUE(repository_.RunUntil([this] { return !held_.empty(); }));
  repository_.Run(absl::Seconds(20));
  EXPECT_THAT(held_, SizeIs(1)) << "one batch at a time";
  const size_t pages = Pages(list);
  EXPECT_EQ(pages, 6u) << "two of each pillar in hand, and what was handed on";
  EXPECT_LT(rows_.size(), 10u);
  EXPECT_EQ(list->ends, 0);
  while (list->ends == 0) {
    ASSERT_TRUE(repository_.RunUntil([&] { return !held_.empty() || list->ends > 0; }));
    for (auto& more : std::exchange(held_, {})) more();
  }
  EXPECT_GT(Pages(list), pages);
  EXPECT_THAT(rows_, SizeIs(40));
  EXPECT_EQ(list->result->outcome.verdict, protocol::Verdict::kSuccess);
}

TEST_F(GetFileIds, APillarThatDiesInTheMiddleLeavesTheOtherOnesWord) {
  Fill(30);
  hold_ = true;
  const ToldList list = repository_.GetFileIds(All(3));
  ASSERT_TRUE(repository_.RunUntil([this] { return !held_.empty(); }));
  repository_.KillPillar("p2");
  hold_ = false;
  for (auto& more : std::exchange(held_, {})) more();
  ASSERT_TRUE(repository_.RunToEnd(list));
  EXPECT_EQ(list->result->outcome.verdict, protocol::Verdict::kPartial);
  ASSERT_THAT(rows_, SizeIs(30));
  EXPECT_EQ(Text({rows_.back()}), "f029:p1") << "a list that broke off lacks nothing";
}

TEST_F(GetFileIds, AFileThatNobodyHasIsARefusalAndNoRow) {
  GetFileIdsSpec spec = All();
  spec.scope.files.set_file_id("no/such");
  const ToldList list = repository_.GetFileIds(std::move(spec));
  ASSERT_TRUE(repository_.RunToEnd(list));
  EXPECT_THAT(rows_, IsEmpty());
  for (const auto& [pillar, contributor] : list->result->outcome.contributors) {
    EXPECT_EQ(contributor.code, wire::FILE_NOT_FOUND_FAILURE) << pillar.text();
  }
}

}  // namespace
}  // namespace bitrepo::client

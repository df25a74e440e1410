// SPDX-License-Identifier: Apache-2.0
// Lists of ids that are named: a few in a message, many by the data channel.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "bus/protocol/limits.h"
#include "client/long_list_operation.h"
#include "tests/client/memory_repository.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace bitrepo::client {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

// ---- the list itself

TEST(AnIdList, StaysInMemoryWhileItFitsAMessage) {
  const testing_support::TempDir dir;
  IdList few(dir.path());
  for (size_t i = 0; i < protocol::kFileListMax; ++i) ASSERT_OK(few.Add(File("a")));
  ASSERT_OK(few.Finish());
  EXPECT_TRUE(few.fits_message());
  EXPECT_EQ(few.Selection().list().file_ids_size(), static_cast<int>(protocol::kFileListMax));

  IdList many(dir.path());
  for (size_t i = 0; i <= protocol::kFileListMax; ++i) ASSERT_OK(many.Add(File("a")));
  ASSERT_OK(many.Finish());
  EXPECT_FALSE(many.fits_message());
  EXPECT_EQ(many.Selection().parameters().items(), protocol::kFileListMax + 1);
}

TEST(AnIdList, OfLongIdsIsBoundedByItsBytes) {
  const testing_support::TempDir dir;
  IdList full(dir.path());
  for (size_t i = 0; i < kNamedBytesMax / 128; ++i) {
    ASSERT_OK(full.Add(File(std::string(128, 'x'))));
  }
  EXPECT_TRUE(full.fits_message());
  ASSERT_OK(full.Add(File("y")));
  EXPECT_FALSE(full.fits_message());
}

TEST(AnIdList, ThatWentToAFileIsThereWhole) {
  const testing_support::TempDir dir;
  IdList ids(dir.path());
  for (int i = 0; i < 5000; ++i) ASSERT_OK(ids.Add(File(absl::StrCat("id-", i))));
  ASSERT_OK(ids.Finish());
  const wire::ParameterSet set = ids.Selection().parameters();
  std::string bytes(set.size_bytes(), '\0');
  ASSERT_OK(ids.file()->ReadAt(0, std::as_writable_bytes(std::span(bytes.data(), bytes.size()))));
  EXPECT_EQ(Sha256Of(bytes).bytes(), set.digest().value());
  ItemStream stream(ids.file());
  wire::ParameterItem item;
  for (int i = 0; i < 5000; ++i) {
    const auto more = stream.Next(item);
    ASSERT_TRUE(more.ok() && *more);
    EXPECT_EQ(item.file_id(), absl::StrCat("id-", i));
  }
  EXPECT_FALSE(*stream.Next(item));
}

TEST(AnItemStream, SaysThatItIsCutOrNone) {
  const testing_support::TempDir dir;
  for (const std::string& bad :
       {std::string("\x05"
                    "abc"),
        std::string("\xff"), std::string(12, '\xff'), std::string("\x02\xff\xff")}) {
    const auto file = NamelessFile::Create(dir.path());
    ASSERT_OK(file);
    ASSERT_OK((*file)->Append(absl::string_view(bad)));
    ItemStream stream(*file);
    wire::ParameterItem item;
    EXPECT_TRUE(absl::IsDataLoss(stream.Next(item).status()));
  }
}

// ---- asked of pillars

class NamedIds : public ::testing::Test {
 protected:
  NamedIds() {
    repository_.StoreAt("p1", "a", "text a");
    repository_.StoreAt("p2", "a", "text a");
    repository_.StoreAt("p1", "b", "text b");
  }
  ToldList Ask(const std::vector<std::string>& ids) {
    auto list = std::make_shared<IdList>(std::string(dir_.path()));
    for (const std::string& id : ids) EXPECT_OK(list->Add(File(id)));
    EXPECT_OK(list->Finish());
    GetChecksumsSpec spec{.scope = {.collection = Photos(), .ids = std::move(list)},
                          .checksums = {}};
    spec.on_rows = [this](std::vector<ChecksumRow> rows, absl::AnyInvocable<void()> more) {
      for (ChecksumRow& row : rows) rows_.push_back(std::move(row));
      more();
    };
    return repository_.GetChecksums(std::move(spec));
  }
  // "a:12 b:1-2": who has it, who lacks it.
  std::string Text(size_t begin, size_t count) const {
    std::string text;
    for (size_t i = begin; i < begin + count && i < rows_.size(); ++i) {
      absl::StrAppend(&text, i == begin ? "" : " ", rows_[i].file_id, ":");
      for (const auto& [pillar, item] : rows_[i].pillars) {
        absl::StrAppend(&text, pillar.text().substr(1));
      }
      for (const auto& pillar : rows_[i].lacking) {
        absl::StrAppend(&text, "-", pillar.text().substr(1));
      }
    }
    return text;
  }

  const testing_support::TempDir dir_;
  MemoryRepository repository_{2};
  std::vector<ChecksumRow> rows_;
};

TEST_F(NamedIds, AFewComeInTheirOrderWithOneRowForEach) {
  const ToldList list = Ask({"b", "zz", "a", "b"});
  ASSERT_TRUE(repository_.RunToEnd(list));
  EXPECT_EQ(list->result->outcome.verdict, protocol::Verdict::kSuccess);
  EXPECT_EQ(Text(0, 9), "b:1-2 zz:-1-2 a:12 b:1-2");
}

// [B20] [B21]
TEST_F(NamedIds, ManyComeInTheirOrderWithOneRowForEach) {
  std::vector<std::string> ids;
  for (int i = 0; i < 3000; ++i) ids.push_back(i % 3 == 0 ? "b" : i % 3 == 1 ? "zz" : "a");
  const ToldList list = Ask(ids);
  ASSERT_TRUE(repository_.RunToEnd(list));
  EXPECT_EQ(list->result->outcome.verdict, protocol::Verdict::kSuccess);
  EXPECT_EQ(list->result->rows, 3000u);
  ASSERT_THAT(rows_, SizeIs(3000));
  for (size_t i = 0; i < 3000; ++i) EXPECT_EQ(rows_[i].file_id, ids[i]);
  EXPECT_EQ(Text(2997, 3), "b:1-2 zz:-1-2 a:12");
  EXPECT_EQ(rows_[2].pillars.at(PillarId("p2"))->digests(0).value(), Sha256Of("text a").bytes());
}

TEST_F(NamedIds, APillarThatDiesHasNotSaidAndTheOtherOneAnswers) {
  const ToldList list = Ask(std::vector<std::string>(3000, "a"));
  ASSERT_TRUE(repository_.RunUntil([&] { return list->moved_bytes() > 0; }));
  repository_.KillPillar("p2");
  ASSERT_TRUE(repository_.RunToEnd(list));
  EXPECT_EQ(list->result->outcome.verdict, protocol::Verdict::kPartial);
  ASSERT_THAT(rows_, SizeIs(3000));
  EXPECT_EQ(Text(2999, 1), "a:1") << "neither has it nor lacks it";
}

TEST_F(NamedIds, AListThatIsWithdrawnEnds) {
  const ToldList list = Ask(std::vector<std::string>(3000, "a"));
  ASSERT_TRUE(repository_.RunUntil([&] { return list->moved_bytes() > 0; }));
  list->operation.Cancel("enough");
  ASSERT_TRUE(repository_.RunToEnd(list));
  EXPECT_EQ(list->result->outcome.verdict, protocol::Verdict::kCancelled);
}

}  // namespace
}  // namespace bitrepo::client

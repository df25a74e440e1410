// SPDX-License-Identifier: Apache-2.0
// Every operation of the disk fails, kills the process, or ends the power while files are replaced,
// removed, restored and purged; after each the file is the old or the new one, never neither, and
// the answer and the audit trail agree with it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "pillar/store/file_identity.h"
#include "tests/pillar/store/store_sweep.h"

namespace bitrepo::store {
namespace {

// One change of one file: its bytes before and after, nothing where it is not there.
struct Attempt {
  std::string id;
  AnswerKey key;
  std::optional<std::string> before;
  std::optional<std::string> after;
  bool acknowledged = false;
};

class ChangeSweepTest : public StoreSweep {
 protected:
  static std::string OldBytes(const std::string& id) { return Witness::BytesOf(id); }
  static std::string NewBytes(const std::string& id) { return absl::StrCat("new ", OldBytes(id)); }

  void Note(const std::string& id, const AnswerKey& key, std::optional<std::string> before,
            std::optional<std::string> after, const absl::Status& status) {
    attempts_.push_back({id, key, std::move(before), std::move(after), status.ok()});
  }
  void Replace(Witness& witness, const std::string& id) {
    absl::StatusOr<Publication> publication = witness.TrySealed(id, NewBytes(id));
    if (!publication.ok()) return;
    publication->replaces = Witness::Sha256(OldBytes(id));
    const AnswerKey key = publication->answer.key;
    Note(id, key, OldBytes(id), NewBytes(id), witness.PublishOne(*std::move(publication)).status());
  }
  void RemoveGroup(Witness& witness, const std::vector<std::string>& ids) {
    std::vector<Removal> group;
    for (const std::string& id : ids) group.push_back(witness.Removing(id, OldBytes(id)));
    const auto results = witness.store().Remove(group);
    for (size_t i = 0; i < ids.size(); ++i) {
      Note(ids[i], group[i].answer.key, OldBytes(ids[i]), std::nullopt, results[i].status());
    }
  }
  void Restore(Witness& witness, const std::string& id, std::optional<std::string> instead_of) {
    struct Restoration restoration = witness.Restoring(id);
    if (instead_of.has_value()) restoration.replaces = Witness::Sha256(*instead_of);
    Note(id, restoration.answer.key, instead_of, OldBytes(id),
         witness.store().Restore(restoration).status());
  }

  static std::vector<FileRecord> RemovedOf(Witness& witness) {
    ListQuery query = Witness::Query("");
    query.removed = true;
    return witness.ListAll(query, 100);
  }
  // Old or new, as the answer says; and what is not there is in quarantine, readable.
  void CheckAttempts(Witness& witness) {
    for (const Attempt& attempt : attempts_) {
      SCOPED_TRACE(attempt.id);
      const bool made = witness.store().FindAnswer(attempt.key).value().has_value();
      EXPECT_TRUE(made || !attempt.acknowledged) << "it was acknowledged";
      const auto trail =
          witness.store().ReadAudit({.conversation = attempt.key.conversation.ToString()}, 9);
      EXPECT_EQ(trail.value().records.size(), made ? 1u : 0u);
      const std::optional<std::string>& now = made ? attempt.after : attempt.before;
      const absl::StatusOr<std::string> bytes = witness.TryGet(attempt.id);
      if (now.has_value()) {
        ASSERT_THAT(bytes, IsOk());
        EXPECT_TRUE(*bytes == *now) << "it has other bytes";
      } else {
        EXPECT_TRUE(absl::IsNotFound(bytes.status())) << bytes.status();
      }
    }
  }
  // Each record has its file where it says, and each file a record.
  static void CheckPlaces(Witness& witness) {
    std::set<std::string> recorded;
    for (const FileRecord& record : witness.ListAll(Witness::Query(""), 100)) {
      EXPECT_EQ(record.trouble, "") << record.file_id.text();
    }
    uint64_t removed = 0;
    for (const FileRecord& record : RemovedOf(witness)) {
      ++removed;
      const auto file = witness.store().Open(Witness::books(), record.file_id, record.generation);
      ASSERT_THAT(file, IsOk());
      const auto read = (*file)->Read(base::ByteRange::Whole(record.size_bytes));
      ASSERT_THAT(read, IsOk());
      EXPECT_EQ(Witness::Sha256(read->text()), record.sha256);
    }
    uint64_t held_files = 0;
    uint64_t removed_files = 0;
    for (const std::string& path : witness.medium().Files()) {
      EXPECT_FALSE(absl::StrContains(path, "/staging/")) << path << " is left behind";
      if (absl::EndsWith(path, kIdentitySuffix)) continue;
      held_files += absl::StartsWith(path, "books/files/") ? 1 : 0;
      removed_files += absl::StartsWith(path, "books/quarantine/files/") ? 1 : 0;
    }
    const CollectionCount count = Witness::CountOf(witness.store().Check().value(), "books");
    EXPECT_EQ(held_files, count.files);
    EXPECT_EQ(removed_files, removed);
    EXPECT_GE(count.quarantined_files, removed);
    EXPECT_THAT(witness.store().VerifyAudit(), IsOk());
    EXPECT_TRUE(witness.store().Check().value().writable);
  }

  std::vector<Attempt> attempts_;
};

TEST_P(ChangeSweepTest, AReplacedFileIsTheOldOneOrTheNewOne) {
  Sweep(
      [](Witness& witness) {
        ASSERT_OK(witness.Open());
        for (const char* const id : {"f", "long"}) ASSERT_OK(witness.Put(id, OldBytes(id)));
      },
      Begin::kOpen,
      [&](Witness& witness) {
        attempts_.clear();
        Replace(witness, "f");
        Replace(witness, "long");
      },
      [&](Witness& witness) {
        CheckAttempts(witness);
        CheckPlaces(witness);
        if (witness.Get("f") == OldBytes("f")) Replace(witness, "f");
        EXPECT_TRUE(witness.Get("f") == NewBytes("f"));
        EXPECT_EQ(witness.FindRemoved("f").value().sha256, Witness::Sha256(OldBytes("f")));
      });
}

TEST_P(ChangeSweepTest, ARemovedFileIsThereOrInQuarantine) {
  Sweep(
      [](Witness& witness) {
        ASSERT_OK(witness.Open());
        for (const char* const id : {"a", "b", "c"}) ASSERT_OK(witness.Put(id, OldBytes(id)));
      },
      Begin::kOpen,
      [&](Witness& witness) {
        attempts_.clear();
        RemoveGroup(witness, {"a"});
        RemoveGroup(witness, {"b", "c"});
      },
      [&](Witness& witness) {
        CheckAttempts(witness);
        CheckPlaces(witness);
        attempts_.clear();
        for (const char* const id : {"a", "b", "c"}) {
          if (!witness.Find(id).ok()) {
            EXPECT_THAT(witness.Restore(id), IsOk());
          }
          EXPECT_TRUE(witness.Get(id) == OldBytes(id));
        }
        CheckPlaces(witness);
      });
}

TEST_P(ChangeSweepTest, ARestoredFileIsThereOrInQuarantine) {
  Sweep(
      [](Witness& witness) {
        ASSERT_OK(witness.Open());
        for (const char* const id : {"removed", "replaced"}) {
          ASSERT_OK(witness.Put(id, OldBytes(id)));
        }
        ASSERT_OK(witness.Remove("removed", OldBytes("removed")));
        ASSERT_OK(witness.Replace("replaced", OldBytes("replaced"), NewBytes("replaced")));
      },
      Begin::kOpen,
      [&](Witness& witness) {
        attempts_.clear();
        Restore(witness, "removed", std::nullopt);
        Restore(witness, "replaced", NewBytes("replaced"));
      },
      [&](Witness& witness) {
        CheckAttempts(witness);
        CheckPlaces(witness);
        if (!witness.Find("removed").ok()) {
          EXPECT_THAT(witness.Restore("removed"), IsOk());
        }
        EXPECT_TRUE(witness.Get("removed") == OldBytes("removed"));
        EXPECT_THAT(witness.Remove("removed", OldBytes("removed")), IsOk());
        CheckPlaces(witness);
      });
}

TEST_P(ChangeSweepTest, WhatIsPurgedIsGoneAndWhatIsNotIsWhole) {
  Sweep(
      [](Witness& witness) {
        ASSERT_OK(witness.Open());
        for (const char* const id : {"live", "a", "b"}) ASSERT_OK(witness.Put(id, OldBytes(id)));
        for (const char* const id : {"a", "b"}) ASSERT_OK(witness.Remove(id, OldBytes(id)));
        ASSERT_OK(witness.Restore("a"));
        ASSERT_OK(witness.Remove("a", OldBytes("a")));
        runtime::Disk& hand = witness.Hand();
        ASSERT_OK(hand.Create("books/files/stranger"));
        ASSERT_OK(hand.SyncAll());
        ASSERT_OK(witness.Open());
      },
      Begin::kOpen,
      [](Witness& witness) {
        for (int i = 0; i < 2; ++i) {
          witness.store().PurgeQuarantine(absl::InfiniteFuture(), 2).IgnoreError();
        }
      },
      [&](Witness& witness) {
        CheckPlaces(witness);
        const size_t removed = RemovedOf(witness).size();
        const CollectionCount count = Witness::CountOf(witness.store().Check().value(), "books");
        const auto trail = witness.store().ReadAudit({.action = "QUARANTINE_PURGED"}, 9).value();
        EXPECT_EQ(trail.records.size() + count.quarantined_files, 3u);
        EXPECT_EQ(witness.store().PurgeQuarantine(absl::InfiniteFuture(), 9).value(),
                  count.quarantined_files);
        EXPECT_LE(removed, 2u);
        for (const std::string& path : witness.medium().Files()) {
          EXPECT_FALSE(absl::StartsWith(path, "books/quarantine/")) << path;
        }
        EXPECT_TRUE(witness.Get("live") == OldBytes("live"));
        ASSERT_OK(witness.Put("a", OldBytes("a")));
        CheckPlaces(witness);
      });
}

INSTANTIATE_TEST_SUITE_P(
    Ways, ChangeSweepTest,
    ::testing::Combine(::testing::Values(Way::kTogether, Way::kEachWithoutAttributes),
                       ::testing::Values(Blow::kError, Blow::kNoSpace, Blow::kKill, Blow::kPowerCut,
                                         Blow::kPowerTears)),
    SweepName);

}  // namespace
}  // namespace bitrepo::store

// SPDX-License-Identifier: Apache-2.0
#include "pillar/store/audit_ledger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "tests/pillar/store/store_on_disk.h"
#include "tests/support/files.h"
#include "tests/support/status_matchers.h"

namespace bitrepo::store {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing_support::StatusIs;

class AuditLedgerTest : public ::testing::Test, public testing_support::StoreOnDisk {
 protected:
  AuditLedgerTest() {
    Reopen();
    PutAll({"a", "b", "c"});
  }
  std::string LogPath() { return PathOf(absl::StrCat("ledger/", *FilesBelow("ledger").begin())); }
  std::string Log() { return testing_support::TextOf(LogPath()); }
  void SetLog(const std::string& text) { std::ofstream(LogPath(), std::ios::trunc) << text; }
  // Changes the catalogue behind the store's back, as someone with the disk in his hands can.
  void Tamper(const std::string& sql) {
    Close();
    sqlite3* connection = nullptr;
    ASSERT_EQ(sqlite3_open(PathOf(kCatalogueFile).c_str(), &connection), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(connection, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
        << sqlite3_errmsg(connection);
    EXPECT_GT(sqlite3_total_changes(connection), 0);
    sqlite3_close(connection);
    Reopen();
  }
};

LedgerEntry EntryOf(uint64_t sequence, const std::string& hash, AuditEvent event) {
  return {NextRecord(sequence, hash, absl::FromUnixMicros(1767225600123456), std::move(event)), {}};
}

TEST_F(AuditLedgerTest, ALineGivesBackWhatItWasMadeOf) {
  const std::string nasty = "tab\there \\ \n \r \x01 \xC3\xA9 \xFF";
  AuditEvent event{.action = "PUT_FILE",
                   .collection = "books",
                   .file_id = nasty,
                   .principal = nasty,
                   .conversation = "",
                   .result = nasty,
                   .detail = nasty};
  LedgerEntry entry = EntryOf(7, std::string(32, 'h'), event);
  entry.answer = NewAnswer();
  entry.answer->key.principal = nasty;
  entry.answer->final_body = nasty + std::string("\0x", 2);
  entry.effect = "-1 +2";
  const std::string line = LedgerLine(entry);
  EXPECT_EQ(line.find('\n'), std::string::npos);
  ASSERT_OK_AND_ASSIGN(const LedgerEntry parsed, ParseLedgerLine(line));
  EXPECT_EQ(parsed.record.sequence, 7u);
  EXPECT_EQ(parsed.record.at, entry.record.at);
  EXPECT_EQ(parsed.record.hash, entry.record.hash);
  EXPECT_EQ(parsed.record.event.file_id, nasty);
  EXPECT_EQ(parsed.record.event.detail, nasty);
  EXPECT_EQ(parsed.effect, "-1 +2");
  ASSERT_TRUE(parsed.answer.has_value());
  EXPECT_EQ(parsed.answer->key, entry.answer->key);
  EXPECT_EQ(parsed.answer->final_body, entry.answer->final_body);
  EXPECT_EQ(parsed.answer->body_sha256, entry.answer->body_sha256);
  for (size_t i = 0; i < line.size(); ++i) {
    std::string changed = line;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_THAT(ParseLedgerLine(changed), StatusIs(absl::StatusCode::kDataLoss)) << i;
    EXPECT_THAT(ParseLedgerLine(line.substr(0, i)), StatusIs(absl::StatusCode::kDataLoss)) << i;
  }
}

TEST_F(AuditLedgerTest, TheHashIsOfAllThatCameBefore) {
  const LedgerEntry first = EntryOf(1, ChainStart(), {.action = "ONE"});
  const LedgerEntry other = EntryOf(1, ChainStart(), {.action = "TWO"});
  EXPECT_NE(first.record.hash, other.record.hash);
  EXPECT_NE(EntryOf(2, first.record.hash, {.action = "NEXT"}).record.hash,
            EntryOf(2, other.record.hash, {.action = "NEXT"}).record.hash);
  // Fields do not run into each other.
  EXPECT_NE(EntryOf(1, ChainStart(), {.action = "A", .collection = "B"}).record.hash,
            EntryOf(1, ChainStart(), {.action = "A\tB", .collection = ""}).record.hash);
}

TEST_F(AuditLedgerTest, ADetailIsCutAtItsLimit) {
  AuditEvent event;
  event.detail = std::string(kAuditDetailBytesMax, 'd');
  EXPECT_EQ(EntryOf(1, ChainStart(), event).record.event.detail.size(), kAuditDetailBytesMax);
  event.detail += "e";
  EXPECT_EQ(EntryOf(1, ChainStart(), event).record.event.detail.size(), kAuditDetailBytesMax);
}

TEST_F(AuditLedgerTest, AChangedRecordShows) {
  EXPECT_OK(store().VerifyAudit());
  Tamper("UPDATE audit SET principal='mallory' WHERE seq=3");
  EXPECT_THAT(store().VerifyAudit(), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("record 3")));
}

TEST_F(AuditLedgerTest, ARecordThatWasTakenOutShows) {
  Tamper("DELETE FROM audit WHERE seq=2");
  EXPECT_THAT(store().VerifyAudit(), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("record 2")));
}

TEST_F(AuditLedgerTest, AShortenedTrailShowsAndEndsWriting) {
  Tamper("DELETE FROM audit WHERE seq>=3");
  EXPECT_THAT(Put("d", "x"), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("ledger")));
  EXPECT_EQ(Get("a"), "x");
}

// Who changes both, chain and all, still has the copies of the ledger elsewhere against him; who
// changes one of the two has the other.
TEST_F(AuditLedgerTest, AChangedLedgerShows) {
  const std::string log = Log();
  SetLog(absl::StrReplaceAll(log, {{"alice", "mally"}}));
  EXPECT_THAT(store().VerifyAudit(), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("ledger")));
  std::vector<std::string> lines = absl::StrSplit(log, '\n');
  lines.erase(lines.begin() + 1);
  SetLog(absl::StrJoin(lines, "\n"));
  EXPECT_THAT(store().VerifyAudit(), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("lacks")));
  lines = absl::StrSplit(log, '\n');
  lines.erase(lines.end() - 2);
  SetLog(absl::StrJoin(lines, "\n"));
  EXPECT_THAT(store().VerifyAudit(),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("record 4: its end was cut off")));
  SetLog(log);
  EXPECT_OK(store().VerifyAudit());
}

// What a crash took from the ledger, or someone, is told when it is written again.
TEST_F(AuditLedgerTest, EffectsAreWrittenAgainWithTheirRecords) {
  ASSERT_OK(Remove("a", "x"));
  Close();
  fs::remove_all(PathOf("ledger"));
  Reopen();
  std::vector<std::string> effects;
  ASSERT_OK(ReadLedger(disk(), [&](const LedgerEntry& entry) {
    effects.push_back(entry.effect);
    return absl::OkStatus();
  }));
  EXPECT_THAT(effects, ElementsAre("", "+1", "+1", "+1", "-1", ""));
}

TEST_F(AuditLedgerTest, WhatACrashTookFromItsEndIsWrittenAgain) {
  Close();
  const std::string log = Log();
  for (const size_t bytes : {log.size() - 1, log.size() / 2, size_t{1}, size_t{0}}) {
    SetLog(log.substr(0, bytes));
    Reopen();
    EXPECT_OK(store().VerifyAudit());
    Close();
    EXPECT_EQ(Log().substr(0, log.size()), log) << bytes;
  }
  fs::remove_all(PathOf("ledger"));
  Reopen();
  EXPECT_OK(store().VerifyAudit());
}

TEST_F(AuditLedgerTest, ReadingChangesNothingAndPassesOverAnUnfinishedEnd) {
  Close();
  const std::string log = Log() + "not fin";
  SetLog(log);
  uint64_t entries = 0;
  ASSERT_OK(ReadLedger(disk(), [&](const LedgerEntry& entry) {
    EXPECT_EQ(entry.record.sequence, ++entries);
    return absl::OkStatus();
  }));
  EXPECT_EQ(entries, 4u);
  EXPECT_EQ(Log(), log);
  SetLog(absl::StrReplaceAll(log, {{"STORE_OPENED", "STORE_CLOSED"}}));
  EXPECT_THAT(ReadLedger(disk(), [](const LedgerEntry&) { return absl::OkStatus(); }),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("behind byte 0")));
}

TEST_F(AuditLedgerTest, BeginsANewFileBeyondItsLimit) {
  ASSERT_OK_AND_ASSIGN(const auto other, AuditLedger::Open(disk()));
  const uint64_t first = other->end().sequence + 1;
  ChainEnd end = other->end();
  const std::string detail(kAuditDetailBytesMax, 'd');
  uint64_t bytes = fs::file_size(LogPath());
  while (FilesBelow("ledger").size() == 1) {
    std::vector<LedgerEntry> entries;
    for (int i = 0; i < 1000; ++i) {
      entries.push_back(EntryOf(end.sequence + 1, end.hash, {.action = "FILL", .detail = detail}));
      end = ChainEnd{entries.back().record.sequence, entries.back().record.hash};
    }
    bytes = fs::file_size(LogPath());
    ASSERT_OK(other->Append(entries));
    ASSERT_LT(end.sequence, 100'000u);
  }
  EXPECT_GT(bytes, kLedgerFileBytes);
  uint64_t next = first;
  ASSERT_OK_AND_ASSIGN(const auto again, AuditLedger::Open(disk()));
  EXPECT_EQ(again->end().sequence, end.sequence);
  ASSERT_OK(again->ForEach([&](const LedgerEntry& entry) {
    EXPECT_TRUE(entry.record.sequence < first || entry.record.sequence == next++);
    return absl::OkStatus();
  }));
  EXPECT_EQ(next, end.sequence + 1);
}

}  // namespace
}  // namespace bitrepo::store

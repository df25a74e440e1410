// SPDX-License-Identifier: Apache-2.0
#include "pillar/store/list_cursor.h"

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "tests/pillar/store/store_on_disk.h"
#include "tests/support/status_matchers.h"

namespace bitrepo::store {
namespace {

using testing_support::Publications;
using testing_support::StatusIs;

base::StoreId Store(absl::string_view bytes) { return base::StoreId::FromBytes(bytes).value(); }

TEST(ListCursorTest, GivesBackItsPosition) {
  const base::StoreId store = Store("0123456789abcdef");
  const ListQuery query = Publications::Query("a/");
  for (const std::string& last_id : {std::string("a/1"), std::string(255, '\xFF'), std::string()}) {
    for (const uint64_t as_of : {uint64_t{0}, uint64_t{0x0123456789ABCDEF}, ~uint64_t{0}}) {
      ASSERT_OK_AND_ASSIGN(
          const ListCursor cursor,
          DecodeCursor(store, query, EncodeCursor(store, query, {as_of, last_id, as_of + 7})));
      EXPECT_EQ(cursor.as_of, as_of);
      EXPECT_EQ(cursor.last_number, as_of + 7);
      EXPECT_EQ(cursor.last_id, last_id);
    }
  }
}

TEST(ListCursorTest, BelongsToItsStore) {
  const ListQuery query = Publications::Query("");
  const std::string text = EncodeCursor(Store("0123456789abcdef"), query, {1, "a"});
  EXPECT_OK(DecodeCursor(Store("0123456789abcdef"), query, text));
  EXPECT_THAT(DecodeCursor(Store("0123456789abcdeg"), query, text),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(ListCursorTest, QueriesWhosePartsRunTogetherAreDifferent) {
  const base::StoreId store = Store("0123456789abcdef");
  ListQuery query = Publications::Query("ab");
  query.only = Publications::Id("c");
  ListQuery other = Publications::Query("a");
  other.only = Publications::Id("bc");
  ListQuery another = query;
  another.only = Publications::Id("d");
  const ListQuery none = Publications::Query("ab");
  const ListQuery all = Publications::Query("abc");
  const std::string text = EncodeCursor(store, query, {1, "a"});
  EXPECT_OK(DecodeCursor(store, query, text));
  for (const ListQuery& wrong : {other, another, none, all}) {
    EXPECT_THAT(DecodeCursor(store, wrong, text), StatusIs(absl::StatusCode::kInvalidArgument));
  }
}

TEST(ListCursorTest, HostileTextIsRefused) {
  const base::StoreId store = Store("0123456789abcdef");
  const ListQuery query = Publications::Query("");
  const std::string good = EncodeCursor(store, query, {1, "a"});
  for (const std::string& text :
       {std::string(), std::string(1, '\1'), std::string(32, '\1'), std::string(33, '\1'),
        std::string(100'000, '\1'), good + "x", "\2" + good.substr(1)}) {
    EXPECT_THAT(DecodeCursor(store, query, text), StatusIs(absl::StatusCode::kInvalidArgument));
  }
}

// A page holds so many records, whatever is asked for. The files are made by hand: putting them
// takes a minute.
TEST(ListCursorTest, APageHasItsLimit) {
  testing_support::StoreOnDisk on_disk;
  on_disk.Reopen();
  ASSERT_OK(on_disk.Put("file 1", "x"));
  on_disk.Close();
  for (uint32_t i = 0; i <= kPageRecordsMax; ++i) {
    const std::string path = on_disk.FilePath(absl::StrCat("file ", i));
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::ofstream(path) << "x";
  }
  sqlite3* connection = nullptr;
  ASSERT_EQ(sqlite3_open(on_disk.PathOf(kCatalogueFile).c_str(), &connection), SQLITE_OK);
  const std::string sql = absl::StrCat(
      "WITH RECURSIVE i(x) AS (VALUES(0) UNION ALL SELECT x+1 FROM i WHERE x<", kPageRecordsMax,
      ") INSERT OR IGNORE INTO generation SELECT collection, 'file '||x, n, name_n,"
      " generation_id, size, sha256, state, created_seq, removed_seq, gone_seq, stored_at,"
      " verified_at, removed_at, long_digests, block_digests FROM generation, i WHERE "
      "file_id='file 1'");
  EXPECT_EQ(sqlite3_exec(connection, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
      << sqlite3_errmsg(connection);
  sqlite3_close(connection);
  on_disk.Reopen();
  ASSERT_OK_AND_ASSIGN(const RecordPage page,
                       on_disk.store().List(Publications::Query(""), kPageRecordsMax + 5, ""));
  EXPECT_EQ(page.records.size(), kPageRecordsMax);
  ASSERT_OK_AND_ASSIGN(const RecordPage rest,
                       on_disk.store().List(Publications::Query(""), 5, page.next_cursor));
  EXPECT_EQ(rest.records.size(), 1u);
  EXPECT_EQ(rest.next_cursor, "");
}

}  // namespace
}  // namespace bitrepo::store

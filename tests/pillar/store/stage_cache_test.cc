// SPDX-License-Identifier: Apache-2.0
#include "pillar/store/stage_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "base/runtime/system_disk.h"
#include "tests/support/manual_clock.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace bitrepo::store {
namespace {

class StageCacheTest : public ::testing::Test {
 protected:
  StageCacheTest() { BITREPO_CHECK(disk_->MakeDirectories("cache/staging").ok(), "a directory"); }

  std::shared_ptr<CachedCopy> Copy(size_t bytes) {
    auto incoming = staging_.Stage(bytes).value();
    const std::string text(bytes, 'x');
    EXPECT_OK(incoming->Write(0, std::as_bytes(std::span(text))));
    EXPECT_OK(incoming->Seal(bytes));
    return std::make_shared<CachedCopy>(*incoming);
  }
  size_t Files() const {
    size_t count = 0;
    for (const auto& entry :
         std::filesystem::directory_iterator(directory_.Path("cache/staging"))) {
      count += entry.is_regular_file() ? 1 : 0;
    }
    return count;
  }

  testing_support::TempDir directory_;
  std::unique_ptr<runtime::SystemDisk> disk_ = runtime::SystemDisk::Open(directory_.path()).value();
  SpaceAccount space_{*disk_, 0};
  CollectionHome home_{base::CollectionId::Parse("cache").value(), *disk_, "cache", space_};
  WriteGate gate_;
  StagedParts parts_{{}};
  testing_support::ManualClock clock_;
  StagingArea staging_{home_, gate_, parts_, clock_, "boot", 1};
};

TEST_F(StageCacheTest, KeepsUpToItsLimitAndNotOneByteMore) {
  StageCache cache(200);
  cache.Keep("a", Copy(100));
  cache.Keep("b", Copy(100));
  EXPECT_EQ(cache.bytes(), 200u);
  EXPECT_EQ(Files(), 2u);
  cache.Keep("c", Copy(1));
  cache.Trim();
  EXPECT_FALSE(cache.Contains("a"));
  EXPECT_TRUE(cache.Contains("b"));
  EXPECT_TRUE(cache.Contains("c"));
  EXPECT_EQ(cache.bytes(), 101u);
  EXPECT_EQ(Files(), 2u);
}

TEST_F(StageCacheTest, TheLeastRecentlyUsedGoesFirst) {
  StageCache cache(200);
  cache.Keep("a", Copy(100));
  cache.Keep("b", Copy(100));
  EXPECT_NE(cache.Find("a"), nullptr);
  cache.Keep("c", Copy(100));
  EXPECT_TRUE(cache.Contains("a"));
  EXPECT_FALSE(cache.Contains("b"));
}

TEST_F(StageCacheTest, WhatIsBeingReadStays) {
  StageCache cache(100);
  cache.Keep("a", Copy(100));
  std::shared_ptr<CachedCopy> reader = cache.Find("a");
  cache.Keep("b", Copy(100));
  cache.Trim();
  EXPECT_TRUE(cache.Contains("a"));
  EXPECT_FALSE(cache.Contains("b"));
  cache.Keep("c", Copy(100));
  reader.reset();
  cache.Trim();
  EXPECT_LE(cache.bytes(), 100u);
  EXPECT_EQ(Files(), 1u);
}

TEST_F(StageCacheTest, ADroppedCopyStaysReadableForWhoHoldsIt) {
  StageCache cache(100);
  cache.Keep("a", Copy(100));
  const std::shared_ptr<CachedCopy> reader = cache.Find("a");
  cache.Drop("a");
  EXPECT_EQ(cache.Find("a"), nullptr);
  EXPECT_EQ(cache.bytes(), 0u);
  EXPECT_OK(disk_->OpenRead(reader->path()));
}

}  // namespace
}  // namespace bitrepo::store

// SPDX-License-Identifier: Apache-2.0
#include "client/commands/watch_recording.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "tests/bus/overheard.h"
#include "tests/support/files.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace bitrepo::commands {
namespace {

using ::testing::HasSubstr;

class WatchRecordingTest : public ::testing::Test {
 protected:
  WatchRecordingTest() {
    const protocol::Envelope request = bus_.Request(bus_.NewConversation(), "p1", "f");
    copies_ = {bus_test::CopyOf(request, 7),
               bus_test::CopyOf(bus_.Progress(request, wire::STORING, 1, 2), 8),
               bus_test::CopyOf(bus_.Final(request), 11)};
  }
  std::string Written() {
    auto writer = RecordingWriter::Create(path_);
    EXPECT_OK(writer);
    for (size_t i = 0; i < copies_.size(); ++i) {
      EXPECT_OK(writer->Add(copies_[i], at_ + absl::Seconds(i)));
    }
    EXPECT_OK(writer->Flush());
    return testing_support::TextOf(path_);
  }
  absl::StatusOr<std::vector<RecordingReader::Record>> Read(const std::string& bytes) {
    const std::string path = directory_.Path("read");
    std::ofstream(path, std::ios::trunc) << bytes;
    auto reader = RecordingReader::Open(path);
    if (!reader.ok()) return reader.status();
    std::vector<RecordingReader::Record> records;
    for (;;) {
      auto next = reader->Next();
      if (!next.ok()) return next.status();
      if (!next->has_value()) return records;
      records.push_back(**next);
    }
  }

  testing_support::TempDir directory_;
  const std::string path_ = directory_.Path("bus.rec");
  bus_test::Overheard bus_;
  std::vector<bus::WatchCopy> copies_;
  const absl::Time at_ = absl::FromUnixMicros(1'700'000'000'000'001);
};

TEST_F(WatchRecordingTest, GivesBackWhatWasHeardAndWhen) {
  const auto records = Read(Written());
  ASSERT_OK(records);
  ASSERT_EQ(records->size(), copies_.size());
  for (size_t i = 0; i < copies_.size(); ++i) {
    const RecordingReader::Record& record = (*records)[i];
    EXPECT_EQ(record.at, at_ + absl::Seconds(i));
    EXPECT_EQ(record.copy.sequence, copies_[i].sequence);
    EXPECT_EQ(record.copy.destination, copies_[i].destination);
    EXPECT_EQ(record.copy.header.SerializeAsString(), copies_[i].header.SerializeAsString());
    EXPECT_EQ(record.copy.body.SerializeAsString(), copies_[i].body.SerializeAsString());
  }
  EXPECT_EQ((*records)[2].copy.missed, 2u) << "the numbers tell what was missed";
}

TEST_F(WatchRecordingTest, IsReadableByItsOwnerAloneAndNeverWrittenOver) {
  Written();
  struct stat facts {};
  ASSERT_EQ(stat(path_.c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0600u);
  const auto again = RecordingWriter::Create(path_);
  EXPECT_TRUE(absl::IsAlreadyExists(again.status()));
  EXPECT_THAT(again.status().message(), HasSubstr("exists already; name a file that does not"));
}

TEST_F(WatchRecordingTest, EveryCutIsNoticedExceptBetweenRecords) {
  const std::string whole = Written();
  size_t clean = 0;
  for (size_t bytes = 0; bytes <= whole.size(); ++bytes) {
    const auto records = Read(whole.substr(0, bytes));
    if (records.ok()) {
      ++clean;
      continue;
    }
    EXPECT_TRUE(absl::IsDataLoss(records.status()) || bytes < sizeof(kRecordingMagic) - 1)
        << bytes << records.status();
  }
  EXPECT_EQ(clean, copies_.size() + 1);
}

TEST_F(WatchRecordingTest, WhatIsNoRecordingIsRefused) {
  for (const char* text : {"", "hello", "bitrepo-watch 2\n", "bitrepo-watch 1\nxxxxyyyy"}) {
    EXPECT_FALSE(Read(text).ok()) << text;
  }
}

TEST_F(WatchRecordingTest, ARecordIsAsLongAsItMayBeAndNoLonger) {
  const auto length = [](uint32_t bytes) {
    std::string text;
    for (int i = 0; i < 4; ++i) text.push_back(static_cast<char>(bytes >> (8 * i) & 0xff));
    return text;
  };
  // A record of this many bytes whose parts are in order, and that is no message.
  const auto record = [&](size_t bytes) {
    const std::string number(8, '\1');
    std::string text = length(8) + number + length(8) + number + length(1) + "x" + length(1) + "y";
    text += length(static_cast<uint32_t>(bytes - text.size() - 4));
    text.resize(bytes, 'z');
    return length(static_cast<uint32_t>(bytes)) + text;
  };
  EXPECT_OK(Read(kRecordingMagic + record(kRecordBytesMax)));
  EXPECT_TRUE(absl::IsDataLoss(Read(kRecordingMagic + record(kRecordBytesMax + 1)).status()));
}

TEST_F(WatchRecordingTest, AFileThatIsNotThereIsNamed) {
  EXPECT_THAT(RecordingReader::Open("/no/such").status().message(),
              HasSubstr("/no/such: cannot be read"));
}

}  // namespace
}  // namespace bitrepo::commands

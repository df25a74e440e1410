// SPDX-License-Identifier: Apache-2.0
// Items of a transfer, one behind the other: whatever the chunks they come in, they are the same.
#include "bus/protocol/item_stream.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "proto/operations.pb.h"
#include "tests/bus/protocol/message_samples.h"
#include "tests/support/files.h"
#include "tests/support/status_matchers.h"

namespace bitrepo::protocol {
namespace {

using testing_support::StatusIs;

const std::vector<std::string> kIds = {"a", "shelf 3/b\xc3\xa9zier.pdf", std::string(255, 'z'),
                                       "a"};

std::string Parameters() {
  std::string stream;
  for (const std::string& id : kIds) {
    wire::ParameterItem item;
    item.set_file_id(id);
    AppendItem(item, stream);
  }
  return stream;
}

std::string List() {
  std::string stream;
  for (const wire::ChecksumItem& item :
       samples::ByName("get-checksums-final").body.get_checksums_final().items()) {
    AppendItem(item, stream);
  }
  return stream;
}

std::string FileOf(const std::string& name) {
  return absl::StrCat(BITREPO_SOURCE_ROOT, "/tests/golden/streams/", name, ".hex");
}

// "# about", then the bytes in hex on indented lines.
std::string Hex(const std::string& about, const std::string& bytes) {
  constexpr size_t kHexPerLine = 96;
  std::string text = absl::StrCat("# ", about, "\n");
  const std::string hex = absl::BytesToHexString(bytes);
  for (size_t at = 0; at < hex.size(); at += kHexPerLine) {
    absl::StrAppend(&text, "  ", hex.substr(at, kHexPerLine), "\n");
  }
  return text;
}

// [D-38]
TEST(ItemStream, IsExactlyTheseBytes) {
  const std::pair<std::string, std::string> streams[] = {
      {"parameters", Hex("a parameter set of four ids, one of them twice", Parameters())},
      {"checksums", Hex("a list of two ChecksumItems, the second with trouble", List())}};
  for (const auto& [name, text] : streams) {
    if (std::getenv("BITREPO_WRITE_GOLDEN") != nullptr) {
      std::ofstream(FileOf(name)) << text;
    }
    EXPECT_EQ(testing_support::TextOf(FileOf(name)), text)
        << "when that is meant: BITREPO_WRITE_GOLDEN=1 protocol_item_stream_test";
  }
}

// [D-38]
TEST(ItemStream, GivesBackItsItemsInOrder) {
  const std::string stream = Parameters();
  absl::string_view rest = stream;
  std::vector<std::string> ids;
  while (!rest.empty()) {
    ASSERT_OK_AND_ASSIGN(const absl::string_view bytes, TakeItem(rest));
    wire::ParameterItem item;
    ASSERT_TRUE(item.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())));
    ids.push_back(item.file_id());
  }
  EXPECT_EQ(ids, kIds);
}

// However a reader fills its buffer, as long as it keeps kStreamReachBytes or all that is left.
TEST(ItemStream, AnItemMayLieAcrossSegments) {
  wire::ParameterItem large;
  large.set_file_id(std::string(kStreamItemBytesMax - 4, 'x'));
  ASSERT_EQ(large.ByteSizeLong(), kStreamItemBytesMax);
  std::string stream;
  for (int i = 0; i < 3; ++i) {
    AppendItem(large, stream);
  }
  std::string buffer;
  size_t fetched = 0;
  int items = 0;
  while (fetched < stream.size() || !buffer.empty()) {
    while (buffer.size() < kStreamReachBytes && fetched < stream.size()) {
      const size_t more = std::min<size_t>(1000, stream.size() - fetched);
      buffer += stream.substr(fetched, more);
      fetched += more;
    }
    absl::string_view rest = buffer;
    ASSERT_OK_AND_ASSIGN(const absl::string_view bytes, TakeItem(rest));
    EXPECT_EQ(bytes.size(), kStreamItemBytesMax);
    ++items;
    buffer.erase(0, buffer.size() - rest.size());
  }
  EXPECT_EQ(items, 3);
}

// [D-38]
TEST(ItemStream, WhatIsNoItemIsNotTaken) {
  const std::string one_too_many = absl::StrCat("\x81\x80\x04", std::string(65537, 'x'));
  const std::string at_the_limit =
      absl::StrCat(absl::string_view("\x80\x80\x04"), std::string(65536, 'x'));
  const std::string without_end(11, '\x80');
  for (const std::string& bytes : {std::string("\0", 1),
                                   std::string("\x05"
                                               "abc"),
                                   std::string("\x80"), one_too_many, without_end,
                                   std::string("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")}) {
    absl::string_view rest = bytes;
    EXPECT_THAT(TakeItem(rest), StatusIs(absl::StatusCode::kInvalidArgument));
    EXPECT_EQ(rest, bytes);
  }
  absl::string_view rest = at_the_limit;
  EXPECT_OK(TakeItem(rest));
  EXPECT_TRUE(rest.empty());
}

}  // namespace
}  // namespace bitrepo::protocol

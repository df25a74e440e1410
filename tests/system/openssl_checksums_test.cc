// SPDX-License-Identifier: Apache-2.0
// What `bitrepo checksums` says of real pillars, against dd and openssl of this machine; and lists
// of ids by standard input.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/checksum.h"
#include "base/random.h"
#include "tests/system/repository_rig.h"

namespace bitrepo::system_test {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr size_t kFileBytes = 100'003;
constexpr absl::string_view kSalt = "00ff10a5c3";

class Checksums : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    rig_ = std::make_unique<RepositoryRig>(2);
    rig_->StartCoordinator();
    rig_->StartPillar("p1");
    rig_->StartPillar("p2");
    ASSERT_TRUE(rig_->WaitForPillars());
    rig_->WriteFile("file", base::SeededRandom(7).Bytes(kFileBytes));
    ASSERT_EQ(rig_->Run({"put", "-q", rig_->Path("file"), "--id", "a"}).exit_code, 0);
    rig_->WriteFile("small", "small\n");
    ASSERT_EQ(rig_->Run({"put", "-q", rig_->Path("small"), "--id", "b"}).exit_code, 0);
  }
  static void TearDownTestSuite() { rig_.reset(); }

  // The digest of these bytes of the file, by `dd | openssl dgst`.
  static std::string Openssl(const std::string& algorithm, uint64_t offset, uint64_t length) {
    const bool hmac = absl::StartsWith(algorithm, "hmac-");
    const std::string hash = hmac ? algorithm.substr(5) : algorithm;
    const std::string key = hmac ? absl::StrCat(" -mac HMAC -macopt hexkey:", kSalt) : "";
    ChildProcess openssl(
        {"/bin/sh", "-c",
         absl::StrCat("dd if='", rig_->Path("file"),
                      "' bs=64K iflag=skip_bytes,count_bytes skip=", offset, " count=", length,
                      " status=none | openssl dgst -", hash, key, " -r | cut -d' ' -f1")},
        rig_->Path(absl::StrCat("openssl-", ++runs_)));
    EXPECT_EQ(openssl.Wait(), 0);
    return std::string(absl::StripAsciiWhitespace(openssl.Log()));
  }
  // The first word of each line.
  static std::vector<std::string> Ours(std::vector<std::string> words) {
    words.insert(words.begin(), {"checksums", "-q"});
    const RepositoryRig::Result result = rig_->RunBy("exec \"$@\" 2>/dev/null", std::move(words));
    EXPECT_EQ(result.exit_code, 0) << result.log;
    std::vector<std::string> digests;
    for (absl::string_view line : absl::StrSplit(result.log, '\n', absl::SkipEmpty())) {
      digests.emplace_back(line.substr(0, line.find(' ')));
    }
    return digests;
  }
  static std::vector<std::string> Salted(const std::string& algorithm) {
    if (!absl::StartsWith(algorithm, "hmac-")) return {};
    return {"--salt", std::string(kSalt)};
  }

  static std::unique_ptr<RepositoryRig> rig_;
  static int runs_;  // of openssl, each with a log of its own
};
int Checksums::runs_ = 0;
std::unique_ptr<RepositoryRig> Checksums::rig_;

const std::vector<std::string>& Algorithms() {
  static const auto& all = *new std::vector<std::string>{
      "md5",      "sha1",      "sha256",      "sha384",      "sha512",
      "hmac-md5", "hmac-sha1", "hmac-sha256", "hmac-sha384", "hmac-sha512"};
  return all;
}

// [B18] [B19] CH-05, CH-06, CH-07
TEST_F(Checksums, AreThoseOfOpensslForEveryAlgorithmWholeAndInPart) {
  struct Part {
    std::string range;
    uint64_t offset;
    uint64_t length;
  };
  for (const std::string& algorithm : Algorithms()) {
    for (const Part& part :
         {Part{"", 0, kFileBytes}, Part{"0:1", 0, 1}, Part{"4095:8193", 4095, 8193},
          Part{"65536:", 65536, kFileBytes - 65536}, Part{"100003:", kFileBytes, 0}}) {
      std::vector<std::string> words = {"a", "--algorithm", algorithm};
      for (const std::string& word : Salted(algorithm)) words.push_back(word);
      if (!part.range.empty()) words.insert(words.end(), {"--range", part.range});
      EXPECT_THAT(Ours(words), ::testing::ElementsAre(Openssl(algorithm, part.offset, part.length)))
          << algorithm << " " << part.range;
    }
  }
  EXPECT_THAT(Ours({"a", "--fresh"}), ::testing::ElementsAre(Openssl("sha256", 0, kFileBytes)));
}

TEST_F(Checksums, OfSeveralAlgorithmsComeTogetherInTheirOrder) {
  EXPECT_THAT(
      Ours({"a", "--algorithm", "sha512", "--algorithm", "md5", "--algorithm", "sha256"}),
      ::testing::ElementsAre(Openssl("sha512", 0, kFileBytes), Openssl("md5", 0, kFileBytes),
                             Openssl("sha256", 0, kFileBytes)));
}

TEST_F(Checksums, OfBlocksAreThoseOfThePieces) {
  const std::vector<std::string> blocks = Ours(
      {"a", "--block-size", "16KiB", "--algorithm", "hmac-sha1", "--salt", std::string(kSalt)});
  ASSERT_THAT(blocks, SizeIs(7));
  for (uint64_t i = 0; i < blocks.size(); ++i) {
    EXPECT_EQ(blocks[i], Openssl("hmac-sha1", i * 16384, 16384)) << i;
  }
}

// [B20] [B30]
TEST_F(Checksums, OfManyIdsByStandardInputComeOnceEachAndInOrder) {
  std::string list;
  std::string expected;
  const std::string a = Openssl("sha256", 0, kFileBytes);
  const std::string b = base::Hasher::Of(base::Algorithm::kSha256, "small\n").Hex();
  for (int i = 0; i < 20'000; ++i) {
    absl::StrAppend(&list, i % 3 == 0 ? "b\n" : "a\n");
    absl::StrAppend(&expected, i % 3 == 0 ? b : a, i % 3 == 0 ? "  b\n" : "  a\n");
  }
  rig_->WriteFile("ids", list);
  const RepositoryRig::Result sums =
      rig_->RunBy(absl::StrCat("exec \"$@\" <'", rig_->Path("ids"), "'"),
                  {"checksums", "-q", "--format", "sha256sum", "--ids-from", "-"});
  EXPECT_EQ(sums.exit_code, 0);
  EXPECT_TRUE(sums.log == expected) << sums.log.substr(0, 2000);
}

TEST_F(Checksums, AnIdOfManyThatNobodyHasIsToldAndTheOthersAreThere) {
  std::string list;
  for (int i = 0; i < 1500; ++i) list += i == 700 ? "no/such\n" : "a\n";
  rig_->WriteFile("ids", list);
  const RepositoryRig::Result sums =
      rig_->Run({"checksums", "--format", "sha256sum", "--ids-from", rig_->Path("ids")});
  EXPECT_EQ(sums.exit_code, 3);
  EXPECT_THAT(sums.log, HasSubstr("no pillar has no/such"));
  EXPECT_EQ(std::count(sums.log.begin(), sums.log.end(), '\n') > 1499, true);
}

TEST_F(Checksums, InfosAndIdsTakeTheSameWords) {
  rig_->WriteFile("ids", "b\na\n");
  for (const std::string command : {"file-ids", "file-infos"}) {
    const RepositoryRig::Result list =
        rig_->Run({command, "-q", "--long", "--ids-from", rig_->Path("ids")});
    EXPECT_EQ(list.exit_code, 0) << list.log;
    EXPECT_LT(list.log.find(" b\n"), list.log.find(" a\n")) << list.log;
    const RepositoryRig::Result none = rig_->Run({command, "-q", "--until", "2001-01-01"});
    EXPECT_EQ(none.exit_code, 0);
    EXPECT_EQ(none.log, "");
    EXPECT_EQ(rig_->Run({command, "--since", "yesterday"}).exit_code, 2);
    EXPECT_EQ(rig_->Run({command, "a", "--cursor", "a"}).exit_code, 2);
    EXPECT_EQ(rig_->Run({command, "no/such"}).exit_code, 4);
  }
  const RepositoryRig::Result infos =
      rig_->Run({"file-infos", "-q", "-l", "b", "--algorithm", "md5"});
  EXPECT_THAT(infos.log, HasSubstr(base::Hasher::Of(base::Algorithm::kMd5, "small\n").Hex()));
}

}  // namespace
}  // namespace bitrepo::system_test

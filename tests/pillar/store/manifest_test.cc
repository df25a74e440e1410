// SPDX-License-Identifier: Apache-2.0
#include "pillar/store/manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/xattr.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/pillar/store/store_on_disk.h"
#include "tests/support/child_process.h"
#include "tests/support/status_matchers.h"

namespace bitrepo::store {
namespace {

namespace fs = std::filesystem;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;
using testing_support::StatusIs;

// Whether files say who they are by an attribute, or by a file beside them.
class ManifestTest : public ::testing::TestWithParam<bool>, public testing_support::StoreOnDisk {
 protected:
  ManifestTest() {
    if (!GetParam()) disk().ForgetAttributes();
    Reopen();
  }
  absl::StatusOr<ManifestFindings> Write(const std::string& directory = "books") {
    text_.clear();
    return WriteManifest(disk(), directory, books(), [&](absl::string_view lines) {
      text_ += std::string(lines);
      return absl::OkStatus();
    });
  }
  // The exit code of the tool that the list is for, run where the files lie.
  int Sha256sum() {
    std::ofstream(PathOf("list")) << text_;
    testing_support::ChildProcess tool(
        {"/bin/sh", "-c",
         absl::StrCat("cd '", PathOf("books/files"), "' && exec sha256sum --check --strict '",
                      PathOf("list"), "'")},
        PathOf("output"));
    const int code = tool.Wait().value_or(-1);
    output_ = tool.Log();
    return code;
  }
  std::string text_;
  std::string output_;
};

std::string NameOf(const ::testing::TestParamInfo<bool>& info) {
  return info.param ? "AsAttributes" : "AsFilesBeside";
}
INSTANTIATE_TEST_SUITE_P(Records, ManifestTest, ::testing::Bool(), NameOf);

TEST_P(ManifestTest, Sha256sumAgreesWhileTheStoreIsOpen) {
  const std::vector<std::string> ids = {
      "plain", "a b/c\\d", "*%~", "-dash", "\xC3\xA9t\xC3\xA9", std::string(255, '\\'), "empty"};
  for (const std::string& id : ids) ASSERT_OK(Put(id, id == "empty" ? "" : Bytes(1000)));
  ASSERT_OK(Put("elsewhere", "x", "maps"));
  ASSERT_OK_AND_ASSIGN(const ManifestFindings findings, Write());
  EXPECT_EQ(findings.files, ids.size());
  EXPECT_EQ(findings.without_record, 0u);
  EXPECT_EQ(Sha256sum(), 0) << output_;
  EXPECT_THAT(output_, HasSubstr("plain~1: OK"));
  const std::vector<std::string> lines = absl::StrSplit(text_, '\n');
  EXPECT_EQ(lines.size(), ids.size() + 1);
  for (size_t i = 0; i < ids.size(); ++i) {
    EXPECT_THAT(lines[i], ContainsRegex("^[0-9a-f]{64}  [0-9a-f][0-9a-f]/[A-Za-z0-9._%~-]+$"));
    EXPECT_TRUE(i == 0 || lines[i - 1].substr(66) < lines[i].substr(66)) << "in order of path";
  }
}

TEST_P(ManifestTest, Sha256sumFindsWhatIsDamagedAndWhatIsGone) {
  PutAll({"damaged", "gone", "right"});
  ASSERT_OK(Write());
  FlipBitIn(FilePath("damaged"), 0);
  fs::remove(FilePath("gone"));
  EXPECT_EQ(Sha256sum(), 1);
  EXPECT_THAT(output_, HasSubstr("damaged~1: FAILED\n"));
  EXPECT_THAT(output_, HasSubstr("gone~1: FAILED open or read\n"));
  EXPECT_THAT(output_, HasSubstr("right~1: OK\n"));
  // It says what should be, not what is.
  ASSERT_OK_AND_ASSIGN(const ManifestFindings findings, Write());
  EXPECT_EQ(findings.files, 2u);
  EXPECT_EQ(Sha256sum(), 1);
}

TEST_P(ManifestTest, AFileWithoutItsRecordIsCountedNotListed) {
  PutAll({"a", "b", "c"});
  for (const char* const id : {"a", "b"}) {
    if (GetParam()) {
      ASSERT_EQ(removexattr(FilePath(id).c_str(), "user.bitrepo"), 0);
    } else {
      ASSERT_TRUE(fs::remove(FilePath(id) + ".id"));
    }
  }
  fs::copy_file(FilePath("c"), fs::path(FilePath("c")).parent_path() / "notes.txt");
  ASSERT_OK_AND_ASSIGN(const ManifestFindings findings, Write());
  EXPECT_EQ(findings.files, 1u);
  EXPECT_EQ(findings.without_record, 2u);
  EXPECT_EQ(Sha256sum(), 0) << output_;
  EXPECT_THAT(text_, Not(HasSubstr("/a~1")));
}

TEST_P(ManifestTest, ADirectoryOfAnotherCollectionIsRefused) {
  EXPECT_THAT(Write("maps"), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("FORMAT")));
  EXPECT_THAT(Write("none"), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("FORMAT")));
  EXPECT_THAT(Write(""), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("FORMAT")));
  EXPECT_OK(Write());
}

// The pillar moves a file away while the list is made.
TEST_P(ManifestTest, AFileThatGoesMeanwhileIsNotMissed) {
  PutAll({"a", "b"});
  disk().SetTrouble([&](const testing_support::DiskOperation& operation) {
    if (operation.name == "OpenRead" && absl::EndsWith(operation.path, "/a~1")) {
      fs::remove(FilePath("a"));
      fs::remove(FilePath("a") + ".id");
    }
    return absl::OkStatus();
  });
  ASSERT_OK_AND_ASSIGN(const ManifestFindings findings, Write());
  EXPECT_EQ(findings.files, 1u);
  EXPECT_EQ(findings.without_record, 0u);
}

TEST_P(ManifestTest, EndsWhenItsLinesAreNotTaken) {
  PutAll({"a"});
  EXPECT_THAT(WriteManifest(disk(), "books", books(),
                            [](absl::string_view) { return absl::ResourceExhaustedError("full"); }),
              StatusIs(absl::StatusCode::kResourceExhausted));
}

}  // namespace
}  // namespace bitrepo::store

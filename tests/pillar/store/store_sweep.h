// SPDX-License-Identifier: Apache-2.0
// Runs an act on a store once for each operation of its disk, and strikes that one.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/log.h"
#include "pillar/store/file_name.h"
#include "tests/pillar/store/store_machine.h"
#include "tests/support/status_matchers.h"

namespace bitrepo::store {

using testing_support::Blow;
using testing_support::IsOk;
using testing_support::StoreMachine;

// How names, data and records become durable.
enum class Way { kTogether, kEachWithoutAttributes };

// A store, and what its users were told.
class Witness : public StoreMachine {
 public:
  explicit Witness(Way way) {
    if (way != Way::kTogether) options().sync_policy = {.files = 1000, .others_bytes = 0};
    if (way == Way::kEachWithoutAttributes) ForgetAttributes();
  }

  void PutGroup(const std::vector<std::string>& ids) {
    std::vector<Publication> group;
    for (const std::string& id : ids) {
      const std::string bytes = BytesOf(id);
      absl::StatusOr<Publication> publication = TrySealed(id, bytes);
      if (!publication.ok()) continue;
      tried_.insert(id);
      answers_[id].push_back(publication->answer.key);
      group.push_back(*std::move(publication));
    }
    std::vector<std::pair<std::string, AnswerKey>> asked;
    for (const Publication& each : group) asked.emplace_back(each.file_id.text(), each.answer.key);
    const auto results = store().Publish(std::move(group));
    for (size_t i = 0; i < results.size(); ++i) {
      if (results[i].ok()) kept_[asked[i].first] = asked[i].second;
    }
  }
  void Refuse() {
    const Answer answer = NewAnswer();
    if (!store().CloseAnswers({{answer, AuditEvent{.action = "PUT_FILE"}}}).ok()) return;
    refusals_.push_back(answer.key);
  }
  // An open answer, a reading of the audit's lazy kind, and a self-check.
  void Bustle() {
    Answer answer = NewAnswer();
    answer.final_body.clear();
    store().OpenAnswer(answer).IgnoreError();
    store().AppendAudit({AuditEvent{.action = "GET_FILE"}}).IgnoreError();
    store().Check().IgnoreError();
  }
  // The bytes of each file are told by its id; one spans pages, so that it can be torn.
  static std::string BytesOf(const std::string& id) {
    return absl::StrCat("the bytes of ", id, id == "long" ? std::string(9000, 'l') : "");
  }

  // Everything that holds at all times, of a store that is open.
  void Check(const std::set<std::string>& lost_on_purpose = {}) {
    std::set<std::string> paths;
    for (const std::string& id : tried_) {
      const absl::StatusOr<FileRecord> record = Find(id);
      if (kept_.count(id) > 0 && lost_on_purpose.count(id) == 0) {
        EXPECT_THAT(record, IsOk()) << id << " was acknowledged";
      }
      if (record.ok()) {
        const absl::StatusOr<std::string> bytes = TryGet(id);
        ASSERT_THAT(bytes, IsOk()) << id;
        EXPECT_TRUE(*bytes == BytesOf(id)) << id << " has other bytes";
        EXPECT_EQ(record->sha256, base::Hasher::Of(base::Algorithm::kSha256, BytesOf(id)));
        paths.insert(absl::StrCat("books/", GenerationPath(Id(id), record->number)));
      } else if (lost_on_purpose.count(id) == 0) {
        EXPECT_TRUE(absl::IsNotFound(record.status())) << record.status();
      }
      CheckAnswers(id, record.ok());
    }
    for (const AnswerKey& key : refusals_) {
      EXPECT_TRUE(store().FindAnswer(key).value().has_value()) << "a refusal is forgotten";
    }
    std::set<std::string> files;
    for (const std::string& path : medium().Files()) {
      EXPECT_FALSE(absl::StrContains(path, "/staging/")) << path << " is left behind";
      if (absl::StartsWith(path, "books/files/")) {
        files.insert(std::string(absl::StripSuffix(path, ".id")));
      }
    }
    EXPECT_EQ(files, paths) << "names and records disagree";
    EXPECT_THAT(store().VerifyAudit(), IsOk());
    EXPECT_TRUE(store().Check().value().writable);
  }

 private:
  // One effect, one answer: both are there, or neither.
  void CheckAnswers(const std::string& id, bool there) {
    int finals = 0;
    for (const AnswerKey& key : answers_[id]) {
      finals += store().FindAnswer(key).value().has_value() ? 1 : 0;
    }
    const auto kept = kept_.find(id);
    if (kept != kept_.end()) {
      EXPECT_TRUE(store().FindAnswer(kept->second).value().has_value()) << id;
    }
    if (there) {
      EXPECT_GE(finals, 1) << id << " is there without its answer";
    } else if (kept == kept_.end()) {
      EXPECT_EQ(finals, 0) << id << " is answered, and not there";
    }
  }

  std::set<std::string> tried_;
  std::map<std::string, std::vector<AnswerKey>> answers_;
  std::map<std::string, AnswerKey> kept_;  // acknowledged, with the answer
  std::vector<AnswerKey> refusals_;
};

class StoreSweep : public ::testing::TestWithParam<std::tuple<Way, Blow>> {
 protected:
  static void SetUpTestSuite() {
    base::CaptureLog([](base::LogLevel, const std::string&) {});  // thousands of lines
  }
  static void TearDownTestSuite() { base::CaptureLog(nullptr); }
  static Way way() { return std::get<0>(GetParam()); }
  static Blow blow() { return std::get<1>(GetParam()); }

  enum class Begin { kClosed, kOpen };
  // `prepare` goes well; `act`, on a store that is closed or open, is struck at its n-th operation,
  // for every n; then `check` asks, once the store is open again.
  void Sweep(const std::function<void(Witness&)>& prepare, Begin begin,
             const std::function<void(Witness&)>& act, const std::function<void(Witness&)>& check) {
    Witness prepared(way());
    prepare(prepared);
    prepared.Close();
    for (uint64_t n = 1;; ++n) {
      SCOPED_TRACE(absl::StrCat("struck at operation ", n));
      Witness witness(prepared);
      if (begin == Begin::kOpen) {
        ASSERT_OK(witness.Open());
      }
      witness.StrikeAt(n, blow());
      act(witness);
      const bool struck = witness.struck();
      witness.EndBlow();
      ASSERT_OK(witness.Open());
      check(witness);
      if (HasFailure()) return;
      if (!struck) {
        RecordProperty("operations", static_cast<int>(n - 1));
        EXPECT_GT(n, 20u) << "hardly anything was struck";
        return;
      }
    }
  }
};

inline std::string SweepName(const ::testing::TestParamInfo<StoreSweep::ParamType>& info) {
  static const char* const kWays[] = {"Together", "EachWithoutAttributes"};
  static const char* const kBlows[] = {"Error", "NoSpace", "Kill", "PowerCut", "PowerTears"};
  return absl::StrCat(kWays[static_cast<int>(std::get<0>(info.param))],
                      kBlows[static_cast<int>(std::get<1>(info.param))]);
}

}  // namespace bitrepo::store

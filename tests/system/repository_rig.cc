// SPDX-License-Identifier: Apache-2.0
// The rig of real daemons.
#include "tests/system/repository_rig.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "base/runtime/settings.h"

namespace bitrepo::system_test {

RepositoryRig::RepositoryRig(int pillars, std::string settings, Environment environment)
    : pillar_count_(pillars), settings_(std::move(settings)), environment_(std::move(environment)) {
  StartCoordinator();
}

std::string RepositoryRig::FreshLog() { return directory_.Path(absl::StrCat("log", ++logs_)); }

void RepositoryRig::WriteFile(const std::string& name, const std::string& text) const {
  std::ofstream(directory_.Path(name)) << text;
}

std::string RepositoryRig::AwaitRuntime(const std::string& file, const std::string& name,
                                        ChildProcess& process) const {
  const absl::Time deadline = absl::Now() + absl::Seconds(30);
  while (absl::Now() < deadline && !process.Wait(absl::ZeroDuration()).has_value()) {
    absl::StatusOr<runtime::Settings> settings = runtime::Settings::Load(directory_.Path(file));
    if (settings.ok() && settings->Has(name)) return settings->RequireString(name);
    absl::SleepFor(absl::Milliseconds(5));
  }
  ADD_FAILURE() << file << " does not come: " << process.Log();
  return "";
}

void RepositoryRig::StartCoordinator() {
  std::vector<std::string> ids;
  for (int i = 1; i <= pillar_count_; ++i) ids.push_back(absl::StrCat("\"p", i, "\""));
  const std::string listen = endpoint_.empty() ? "tcp://127.0.0.1:0" : endpoint_;
  WriteFile(
      "coordinator.toml",
      absl::StrCat("repository = \"rig\"\n[coordinator]\nlisten = \"", listen,
                   "\"\nwatch_listen = \"tcp://127.0.0.1:0\"\nruntime_file = \"",
                   directory_.Path("coordinator.run"), "\"\n[collections.default]\npillars = [",
                   absl::StrJoin(ids, ", "), "]\n", settings_));
  std::filesystem::remove(directory_.Path("coordinator.run"));
  coordinator_ =
      std::make_unique<ChildProcess>(std::vector<std::string>{BITREPO_COORDINATOR, "--config",
                                                              directory_.Path("coordinator.toml")},
                                     FreshLog(), environment_);
  endpoint_ = AwaitRuntime("coordinator.run", "bus", *coordinator_);
  watch_endpoint_ = AwaitRuntime("coordinator.run", "watch", *coordinator_);
}

void RepositoryRig::StartPillar(const std::string& id, const std::string& coordinator) {
  std::filesystem::create_directories(PillarDirectory(id));
  const std::string file = absl::StrCat(id, ".toml");
  const std::string run = absl::StrCat(id, ".run");
  WriteFile(file, PillarSettings(id, PillarDirectory(id), directory_.Path(run), coordinator));
  std::filesystem::remove(directory_.Path(run));
  pillars_[id] = std::make_unique<ChildProcess>(
      std::vector<std::string>{BITREPO_PILLAR, "--config", directory_.Path(file)}, FreshLog(),
      environment_);
  data_endpoint_ = AwaitRuntime(run, "data", *pillars_[id]);
}

std::string RepositoryRig::PillarSettings(const std::string& id, const std::string& store,
                                          const std::string& runtime_file,
                                          const std::string& coordinator) const {
  return absl::StrCat("repository = \"rig\"\n[pillar]\nid = \"", id, "\"\ncoordinator = \"",
                      coordinator.empty() ? endpoint_ : coordinator,
                      "\"\ndata_listen = \"tcp://127.0.0.1:0\"\nruntime_file = \"", runtime_file,
                      "\"\n[store]\ndirectory = \"", store,
                      "\"\nkeep_free = \"1MiB\"\n[collections.default]\n");
}

void RepositoryRig::StopPillar(const std::string& id) {
  pillars_.at(id)->Signal(SIGTERM);
  EXPECT_EQ(pillars_.at(id)->Wait(), 0) << pillars_.at(id)->Log();
  pillars_.erase(id);
}

std::vector<std::string> RepositoryRig::Program(std::vector<std::string> words,
                                                const std::string& coordinator) const {
  words.insert(words.begin(),
               {BITREPO, "--coordinator", coordinator.empty() ? endpoint_ : coordinator});
  return words;
}

std::unique_ptr<ChildProcess> RepositoryRig::Spawn(std::vector<std::string> words) {
  return std::make_unique<ChildProcess>(
      std::move(words), FreshLog(),
      std::vector<std::pair<std::string, std::string>>{{"BITREPO_REPOSITORY", "rig"},
                                                       {"BITREPO_COLLECTION", "default"},
                                                       {"HOME", directory_.path()}});
}

std::unique_ptr<ChildProcess> RepositoryRig::Start(std::vector<std::string> words,
                                                   const std::string& coordinator) {
  return Spawn(Program(std::move(words), coordinator));
}

std::unique_ptr<ChildProcess> RepositoryRig::StartBy(const std::string& line,
                                                     std::vector<std::string> words) {
  words = Program(std::move(words), "");
  words.insert(words.begin(), {"/bin/sh", "-c", line, "sh"});
  return Spawn(std::move(words));
}

std::unique_ptr<ChildProcess> RepositoryRig::StartDaemon(const std::string& program,
                                                         std::vector<std::string> words) {
  words.insert(words.begin(), program == "bitrepo-pillar" ? BITREPO_PILLAR : BITREPO_COORDINATOR);
  return Spawn(std::move(words));
}

namespace {

RepositoryRig::Result Ended(ChildProcess& process) {
  RepositoryRig::Result result;
  result.exit_code = process.Wait(absl::Seconds(100)).value_or(-1);
  result.log = process.Log();
  return result;
}

}  // namespace

RepositoryRig::Result RepositoryRig::Run(std::vector<std::string> words,
                                         const std::string& coordinator) {
  return Ended(*Start(std::move(words), coordinator));
}

RepositoryRig::Result RepositoryRig::RunBy(const std::string& line,
                                           std::vector<std::string> words) {
  return Ended(*StartBy(line, std::move(words)));
}

bool RepositoryRig::WaitForPillars() {
  const absl::Time deadline = absl::Now() + absl::Seconds(30);
  while (absl::Now() < deadline) {
    if (Run({"pillars"}).exit_code == 0) return true;
    absl::SleepFor(absl::Milliseconds(50));
  }
  return false;
}

}  // namespace bitrepo::system_test

// SPDX-License-Identifier: Apache-2.0
// One simulated user: asks for one thing after another, drawn from the seed, and writes down what
// came of it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/random.h"
#include "client/client.h"
#include "tests/simulation/ledger_of_truth.h"
#include "tests/simulation/timeline.h"

namespace bitrepo::simulation {

struct WorkloadPlan {
  std::string name;  // of the client; its files are "<name>/<n>"
  uint32_t operations = 20;
  uint64_t file_bytes_max = 3 * 1024 * 1024;
  std::vector<std::string> pillars = {};
};

// Loop-confined. Lifetime: all references outlive it.
class Workload {
 public:
  Workload(WorkloadPlan plan, client::Client& client, runtime::EventLoop& loop,
           base::Random& random, LedgerOfTruth& truth, Timeline& timeline);
  void Start();
  bool done() const { return begun_ == plan_.operations && !running_; }

 private:
  void Next();
  void PutNew();
  void PutAgain();
  void PutOther();
  void Get();
  void Checksums();
  void FileIds();
  // On ids that this user alone changes.
  void Change();
  void PutChanging(const std::string& file_id);
  void Replace(const std::string& file_id, const std::string& old_hex);
  void Delete(const std::string& file_id, const std::string& old_hex);
  void Undelete(const std::string& file_id);
  void Put(const std::string& file_id, const std::string& content);
  client::PutFileSpec SpecFor(const std::string& file_id, const std::string& content);
  std::string DrawContent();
  // Writes down that an operation is under way, or that it could not begin.
  void Began(absl::string_view what, const absl::StatusOr<client::Operation>& operation);
  void Ended(absl::string_view what, const base::ConversationId& id,
             const protocol::Outcome& outcome);

  WorkloadPlan plan_;
  client::Client& client_;
  runtime::EventLoop& loop_;
  base::Random& random_;
  LedgerOfTruth& truth_;
  Timeline& timeline_;
  base::CollectionId collection_;
  uint32_t begun_ = 0;
  uint32_t files_ = 0;
  bool running_ = false;
};

}  // namespace bitrepo::simulation

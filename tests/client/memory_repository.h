// SPDX-License-Identifier: Apache-2.0
// A whole repository in memory, on one loop whose time goes forward only when a test says so: the
// coordinator, some pillars and one client.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/random.h"
#include "bus/memory_link.h"
#include "channel/memory_channel_link.h"
#include "client/client.h"
#include "client/shared_source.h"
#include "tests/channel/memory_ends.h"
#include "tests/pillar/slow_workers.h"
#include "tests/pillar/store_spy.h"
#include "tests/support/manual_event_loop.h"

namespace bitrepo::client {

// What one operation has told so far, and how it ended.
template <typename Result>
struct Told {
  std::vector<protocol::ConversationEvent> events;
  std::map<std::string, uint64_t> moved;  // bytes, by pillar
  int ends = 0;
  std::optional<Result> result;
  Operation operation;
  absl::Status begun;

  uint64_t moved_bytes() const {
    uint64_t bytes = 0;
    for (const auto& [pillar, count] : moved) bytes += count;
    return bytes;
  }
};
using ToldPut = std::shared_ptr<Told<PutFileResult>>;
using ToldGet = std::shared_ptr<Told<GetFileResult>>;
using ToldList = std::shared_ptr<Told<ListResult>>;
using ToldDelete = std::shared_ptr<Told<DeleteFileResult>>;
using ToldUndelete = std::shared_ptr<Told<UndeleteFileResult>>;
using ToldOutcome = std::shared_ptr<Told<OutcomeResult>>;

// Pillars "p1", "p2" ... of the one collection; the client is "alice". Loop-confined.
class MemoryRepository {
 public:
  explicit MemoryRepository(int pillars, size_t conversations_max = kConversationsMax);
  ~MemoryRepository();

  void KillPillar(const std::string& id);   // as SIGKILL does; its store stays
  void StartPillar(const std::string& id);  // on the store that it had
  // Each piece of its disk work takes so many times as long from now on.
  void SlowDown(const std::string& id, int times);
  // Its workers take nothing more on, or do again: meanwhile it is BUSY.
  void SetFull(const std::string& id, bool full);
  pillar::StoreSpy& store(const std::string& id);
  // Whether the store of that pillar has the file; and with these very bytes.
  bool Has(const std::string& pillar, absl::string_view file_id);
  bool HasBytes(const std::string& pillar, absl::string_view file_id, absl::string_view bytes);
  // Puts a file there and nowhere else.
  void StoreAt(const std::string& pillar, absl::string_view file_id, const std::string& bytes);

  Client& client() { return *client_; }
  void StopClient() { client_->Stop(); }
  // As when its process ends, and another of the same user begins.
  void RestartClient();
  // Not yet started.
  std::unique_ptr<Client> AnotherClient(const std::string& name);

  // Each begins now, in the loop's own time; nothing has run when it returns.
  ToldPut Put(PutFileSpec spec);
  ToldPut Put(absl::string_view file_id, std::shared_ptr<SharedSource> source);
  ToldPut Put(absl::string_view file_id, const std::string& bytes);
  ToldPut Copy(CopyFileSpec spec);
  ToldGet Get(GetFileSpec spec);
  ToldList GetFileIds(GetFileIdsSpec spec);
  ToldList GetChecksums(GetChecksumsSpec spec);
  ToldPut Replace(ReplaceFileSpec spec);
  // By these bytes, at all pillars.
  ToldPut Replace(absl::string_view file_id, const std::string& old_bytes,
                  const std::string& bytes);
  ToldDelete Delete(DeleteFileSpec spec);
  ToldUndelete Undelete(UndeleteFileSpec spec);
  // The pages, as they came, go into `pages`.
  template <typename Final>
  using Pages = std::vector<std::pair<std::string, Final>>;
  ToldOutcome GetAuditTrails(GetAuditTrailsSpec spec, Pages<wire::GetAuditTrailsFinal>& pages);
  ToldOutcome GetConversation(GetConversationSpec spec, Pages<wire::GetConversationFinal>& pages);
  ToldOutcome GetAlarms(GetAlarmsSpec spec, Pages<wire::GetAlarmsFinal>& pages);
  ToldOutcome Withdraw(WithdrawSpec spec);

  void Run(absl::Duration time) { loop.Advance(time); }
  // In small steps, until `there` is so; false when it has not come within the time.
  bool RunUntil(const std::function<bool()>& there, absl::Duration within = absl::Minutes(2));
  template <typename Result>
  bool RunToEnd(const std::shared_ptr<Told<Result>>& told) {
    return RunUntil([&told] { return told->ends > 0; });
  }

  testing_support::ManualEventLoop loop;
  base::SeededRandom random{5};
  bus::MemoryAddress address{loop, random};
  channel::MemoryChannelNet net;
  pillar::SlowWorkers workers{loop};  // the client's

 private:
  struct Machine;  // a pillar: its disk and, while it runs, its process
  struct Hub;
  struct ClientEnd;

  void StartClient(size_t conversations_max);

  std::unique_ptr<Hub> hub_;
  std::map<std::string, std::unique_ptr<Machine>> machines_;
  std::unique_ptr<ClientEnd> end_;
  std::unique_ptr<Client> client_;
};

base::CollectionId Photos();
base::FileId File(absl::string_view text);
base::ComponentId PillarId(absl::string_view text);
base::Digest Sha256Of(absl::string_view bytes);
// `size` bytes, no two pieces of which are the same.
std::string Noise(size_t size, uint64_t seed = 1);

// A sink for each time that one is asked for; all are kept.
struct Sinks {
  std::vector<std::shared_ptr<channel::TextSink>> made;
  SinkFactory Factory();
  // What the last one got, from `offset` on.
  std::string Text(uint64_t offset = 0) const;
};

// A get of the whole file into `sinks`.
GetFileSpec WholeFile(absl::string_view file_id, Sinks& sinks);

}  // namespace bitrepo::client

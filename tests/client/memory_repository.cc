// SPDX-License-Identifier: Apache-2.0
#include "tests/client/memory_repository.h"

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/checksum.h"
#include "base/log.h"
#include "coordinator/coordinator.h"
#include "pillar/pillar.h"

namespace bitrepo::client {
namespace {

constexpr char kRepository[] = "demo";
constexpr size_t kPieceBytes = 64 * 1024;

channel::ChannelOptions Node(std::string node) {
  channel::ChannelOptions options;
  options.node = std::move(node);
  return options;
}

coordinator::CoordinatorOptions CoordinatorOf(int pillars) {
  coordinator::CoordinatorOptions options;
  options.repository_id = kRepository;
  options.program_version = "1.0";
  for (int i = 1; i <= pillars; ++i) {
    options.collections[Photos().text()].insert(absl::StrCat("p", i));
  }
  return options;
}

ClientOptions OptionsOf(const std::string& name, size_t conversations_max) {
  ClientOptions options;
  options.repository_id = kRepository;
  options.principal = name;
  options.session = absl::StrCat(name, ".1");
  options.program_version = "1.0";
  options.conversations_max = conversations_max;
  return options;
}

template <typename Result>
void Listen(OperationEvents& events, const std::shared_ptr<Told<Result>>& told) {
  events.on_event = [told](const protocol::ConversationEvent& event) {
    BITREPO_CHECK(told->ends == 0, "nothing is told after the end");
    told->events.push_back(event);
  };
  events.on_transfer = [told](const base::ComponentId& pillar, uint64_t done, uint64_t) {
    told->moved[pillar.text()] = done;
  };
}

template <typename Result>
EndHandler<Result> EndOf(const std::shared_ptr<Told<Result>>& told) {
  return [told](Result result) {
    ++told->ends;
    told->result = std::move(result);
  };
}

template <typename Result>
void Begun(const std::shared_ptr<Told<Result>>& told, absl::StatusOr<Operation> begun) {
  told->begun = begun.status();
  if (begun.ok()) told->operation = *std::move(begun);
}

template <typename Final>
PageHandler<Final> IntoPages(std::vector<std::pair<std::string, Final>>& pages) {
  return [&pages](const base::ComponentId& component, const Final& page,
                  absl::AnyInvocable<void()> more) {
    pages.emplace_back(component.text(), page);
    more();
  };
}

}  // namespace

base::CollectionId Photos() { return *base::CollectionId::Parse("photos"); }
base::FileId File(absl::string_view text) { return *base::FileId::Parse(text); }
base::ComponentId PillarId(absl::string_view text) { return *base::ComponentId::Parse(text); }
base::Digest Sha256Of(absl::string_view bytes) {
  return base::Hasher::Of(base::Algorithm::kSha256, bytes);
}
std::string Noise(size_t size, uint64_t seed) {
  const std::string piece = base::SeededRandom(seed).Bytes(kPieceBytes);
  std::string noise;
  while (noise.size() < size) {
    noise += piece;
    const uint64_t end = noise.size();
    noise.replace(end - sizeof(end), sizeof(end), reinterpret_cast<const char*>(&end), sizeof(end));
  }
  noise.resize(size);
  return noise;
}

SinkFactory Sinks::Factory() {
  return [this](const wire::FileInfo&, base::ByteRange) {
    made.push_back(std::make_shared<channel::TextSink>());
    return absl::StatusOr<std::shared_ptr<channel::Sink>>(made.back());
  };
}

std::string Sinks::Text(uint64_t offset) const {
  return made.empty() ? "" : made.back()->text.substr(offset);
}

GetFileSpec WholeFile(absl::string_view file_id, Sinks& sinks) {
  GetFileSpec spec{.collection = Photos(), .file_id = File(file_id), .sink = {}};
  spec.sink = sinks.Factory();
  return spec;
}

struct MemoryRepository::Hub {
  Hub(MemoryRepository& all, int pillars)
      : link(all.address.NewHub()),
        coordinator(CoordinatorOf(pillars), all.loop, *link, nullptr, all.random) {
    BITREPO_CHECK(coordinator.Start().ok(), "the coordinator starts");
  }
  std::unique_ptr<bus::HubLink> link;
  coordinator::Coordinator coordinator;
};

struct MemoryRepository::Machine {
  explicit Machine(MemoryRepository& all)
      : store({{Photos()},
               base::StoreId::Make(all.loop.clock().WallNow(), all.random),
               uint64_t{1} << 30},
              all.loop.clock()),
        workers(all.loop) {}

  struct Process {
    Process(MemoryRepository& all, Machine& machine, const std::string& id)
        : mint(all.random.Bytes(32), all.random.Bytes(16)),
          link(all.net, all.loop, absl::StrCat("memory://", id)),
          channel(Node(id), all.loop, link, mint, all.random),
          pillar({kRepository, PillarId(id), {Photos()}, "1.0", {}},
                 {all.loop, all.address.NewSpoke(id), channel, mint, machine.store, machine.workers,
                  all.random}) {
      BITREPO_CHECK(channel.Start().ok(), "the channel of a pillar starts");
      BITREPO_CHECK(pillar.Start().ok(), "a pillar starts");
    }
    transfer::TokenMint mint;
    channel::MemoryChannelLink link;
    channel::Channel channel;
    pillar::Pillar pillar;
  };

  pillar::StoreSpy store;
  pillar::SlowWorkers workers;
  std::unique_ptr<Process> process;
};

struct MemoryRepository::ClientEnd {
  explicit ClientEnd(MemoryRepository& all)
      : link(all.net, all.loop, ""), channel(Node("alice.1"), all.loop, link, mint, all.random) {
    BITREPO_CHECK(channel.Start().ok(), "the channel of the client starts");
  }
  transfer::TokenMint mint{std::string(32, 'c'), std::string(16, 'c')};
  channel::MemoryChannelLink link;
  channel::Channel channel;
};

MemoryRepository::MemoryRepository(int pillars, size_t conversations_max)
    : hub_(std::make_unique<Hub>(*this, pillars)), end_(std::make_unique<ClientEnd>(*this)) {
  base::ConfigureLog(base::LogLevel::kError, base::LogFormat::kText);
  for (int i = 1; i <= pillars; ++i) {
    const std::string id = absl::StrCat("p", i);
    machines_[id] = std::make_unique<Machine>(*this);
    StartPillar(id);
  }
  StartClient(conversations_max);
  BITREPO_CHECK(client_->up(), "the coordinator has welcomed the client");
}

void MemoryRepository::StartClient(size_t conversations_max) {
  client_ = std::make_unique<Client>(
      OptionsOf("alice", conversations_max),
      ClientParts{loop, address.NewSpoke("alice"), end_->channel, workers, random});
  BITREPO_CHECK(client_->Start().ok(), "the client starts");
  Run(absl::Seconds(10));  // past the time in which the coordinator counts nobody as away
}

void MemoryRepository::RestartClient() {
  client_.reset();
  end_->channel.Close();
  Run(absl::Seconds(1));
  end_ = std::make_unique<ClientEnd>(*this);
  StartClient(kConversationsMax);
}

MemoryRepository::~MemoryRepository() {
  client_.reset();
  workers.Drop();
  end_.reset();
  for (auto& [id, machine] : machines_) KillPillar(id);
  hub_.reset();
  loop.RunReady();
}

void MemoryRepository::KillPillar(const std::string& id) {
  Machine& machine = *machines_.at(id);
  machine.process.reset();
  machine.workers.Drop();
  machine.store.memory.Restart();
}

void MemoryRepository::StartPillar(const std::string& id) {
  Machine& machine = *machines_.at(id);
  machine.process = std::make_unique<Machine::Process>(*this, machine, id);
}

void MemoryRepository::SlowDown(const std::string& id, int times) {
  machines_.at(id)->workers.piece *= times;
}

void MemoryRepository::SetFull(const std::string& id, bool full) {
  machines_.at(id)->workers.full = full;
}

pillar::StoreSpy& MemoryRepository::store(const std::string& id) { return machines_.at(id)->store; }

bool MemoryRepository::Has(const std::string& pillar, absl::string_view file_id) {
  return store(pillar).memory.Find(Photos(), File(file_id)).ok();
}

bool MemoryRepository::HasBytes(const std::string& pillar, absl::string_view file_id,
                                absl::string_view bytes) {
  const auto file = store(pillar).memory.Open(Photos(), File(file_id), base::GenerationId());
  if (!file.ok()) return false;
  const auto held = (*file)->Read(base::ByteRange::Whole((*file)->record().size_bytes));
  return held.ok() && held->text() == bytes;
}

void MemoryRepository::StoreAt(const std::string& pillar, absl::string_view file_id,
                               const std::string& bytes) {
  PutFileSpec spec{.collection = Photos(), .file_id = File(file_id), .source = {}};
  spec.size_bytes = bytes.size();
  spec.source = [bytes](const base::ComponentId&) {
    return std::make_shared<channel::TextSource>(bytes);
  };
  spec.pillars = {PillarId(pillar)};
  const ToldPut put = Put(std::move(spec));
  BITREPO_CHECK(RunToEnd(put) && put->result->finals.size() == 1, "a file can be placed");
}

std::unique_ptr<Client> MemoryRepository::AnotherClient(const std::string& name) {
  return std::make_unique<Client>(
      OptionsOf(name, kConversationsMax),
      ClientParts{loop, address.NewSpoke(name), end_->channel, workers, random});
}

ToldPut MemoryRepository::Put(PutFileSpec spec) {
  const auto told = std::make_shared<Told<PutFileResult>>();
  Listen(spec.events, told);
  Begun(told, client_->PutFile(std::move(spec), EndOf(told)));
  return told;
}

ToldPut MemoryRepository::Put(absl::string_view file_id, std::shared_ptr<SharedSource> source) {
  PutFileSpec spec{.collection = Photos(), .file_id = File(file_id), .source = {}};
  spec.size_bytes = source->size_bytes();
  spec.source = [source](const base::ComponentId&) { return source->View(); };
  return Put(std::move(spec));
}

ToldPut MemoryRepository::Put(absl::string_view file_id, const std::string& bytes) {
  PutFileSpec spec{.collection = Photos(), .file_id = File(file_id), .source = {}};
  spec.size_bytes = bytes.size();
  spec.digest = Sha256Of(bytes);
  spec.source = [bytes](const base::ComponentId&) {
    return std::make_shared<channel::TextSource>(bytes);
  };
  return Put(std::move(spec));
}

ToldPut MemoryRepository::Copy(CopyFileSpec spec) {
  const auto told = std::make_shared<Told<PutFileResult>>();
  Listen(spec.events, told);
  Begun(told, client_->CopyFile(std::move(spec), EndOf(told)));
  return told;
}

ToldGet MemoryRepository::Get(GetFileSpec spec) {
  const auto told = std::make_shared<Told<GetFileResult>>();
  Listen(spec.events, told);
  Begun(told, client_->GetFile(std::move(spec), EndOf(told)));
  return told;
}

ToldList MemoryRepository::GetFileIds(GetFileIdsSpec spec) {
  const auto told = std::make_shared<Told<ListResult>>();
  Listen(spec.scope.events, told);
  Begun(told, client_->GetFileIds(std::move(spec), EndOf(told)));
  return told;
}

ToldPut MemoryRepository::Replace(ReplaceFileSpec spec) {
  const auto told = std::make_shared<Told<PutFileResult>>();
  Listen(spec.file.events, told);
  Begun(told, client_->ReplaceFile(std::move(spec), EndOf(told)));
  return told;
}

ToldPut MemoryRepository::Replace(absl::string_view file_id, const std::string& old_bytes,
                                  const std::string& bytes) {
  PutFileSpec file{.collection = Photos(), .file_id = File(file_id), .source = {}};
  file.size_bytes = bytes.size();
  file.digest = Sha256Of(bytes);
  file.source = [bytes](const base::ComponentId&) {
    return std::make_shared<channel::TextSource>(bytes);
  };
  return Replace({std::move(file), Sha256Of(old_bytes)});
}

ToldDelete MemoryRepository::Delete(DeleteFileSpec spec) {
  const auto told = std::make_shared<Told<DeleteFileResult>>();
  Listen(spec.events, told);
  Begun(told, client_->DeleteFile(std::move(spec), EndOf(told)));
  return told;
}

ToldUndelete MemoryRepository::Undelete(UndeleteFileSpec spec) {
  const auto told = std::make_shared<Told<UndeleteFileResult>>();
  Listen(spec.events, told);
  Begun(told, client_->UndeleteFile(std::move(spec), EndOf(told)));
  return told;
}

ToldOutcome MemoryRepository::GetAuditTrails(GetAuditTrailsSpec spec,
                                             Pages<wire::GetAuditTrailsFinal>& pages) {
  const auto told = std::make_shared<Told<OutcomeResult>>();
  Listen(spec.events, told);
  if (!spec.on_page) spec.on_page = IntoPages(pages);
  Begun(told, client_->GetAuditTrails(std::move(spec), EndOf(told)));
  return told;
}

ToldOutcome MemoryRepository::GetConversation(GetConversationSpec spec,
                                              Pages<wire::GetConversationFinal>& pages) {
  const auto told = std::make_shared<Told<OutcomeResult>>();
  Listen(spec.events, told);
  spec.on_page = IntoPages(pages);
  Begun(told, client_->GetConversation(std::move(spec), EndOf(told)));
  return told;
}

ToldOutcome MemoryRepository::GetAlarms(GetAlarmsSpec spec, Pages<wire::GetAlarmsFinal>& pages) {
  const auto told = std::make_shared<Told<OutcomeResult>>();
  Listen(spec.events, told);
  spec.on_page = IntoPages(pages);
  Begun(told, client_->GetAlarms(std::move(spec), EndOf(told)));
  return told;
}

ToldOutcome MemoryRepository::Withdraw(WithdrawSpec spec) {
  const auto told = std::make_shared<Told<OutcomeResult>>();
  Listen(spec.events, told);
  Begun(told, client_->Withdraw(std::move(spec), EndOf(told)));
  return told;
}

ToldList MemoryRepository::GetChecksums(GetChecksumsSpec spec) {
  const auto told = std::make_shared<Told<ListResult>>();
  Listen(spec.scope.events, told);
  Begun(told, client_->GetChecksums(std::move(spec), EndOf(told)));
  return told;
}

bool MemoryRepository::RunUntil(const std::function<bool()>& there, absl::Duration within) {
  const absl::Time end = loop.Now() + within;
  while (!there()) {
    if (loop.Now() >= end) return false;
    Run(absl::Milliseconds(1));
  }
  return true;
}

}  // namespace bitrepo::client

// SPDX-License-Identifier: Apache-2.0
// The storm, the calm, and the checks.
#include "tests/simulation/simulation.h"

#include <map>
#include <memory>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "pillar/requests/replies.h"
#include "tests/simulation/sim_world.h"

namespace bitrepo::simulation {
namespace {

constexpr uint32_t kPillars = 3;
constexpr uint64_t kDiskBytes = 256 * 1024 * 1024;
constexpr absl::Duration kStorm = absl::Seconds(60);
constexpr absl::Duration kCalmLongest = absl::Minutes(10);

class Run {
 public:
  Run(uint64_t seed, Weather weather)
      : universe_(seed), coordinator_(universe_, kPillars), weather_(weather) {
    report_.seed = seed;
  }

  SimulationReport Finish() {
    Begin();
    if (weather_ != Weather::kFair) Storm();
    Calm();
    CheckStores();
    if (weather_ == Weather::kFair) CheckAgreement();
    report_.trace_digest = universe_.timeline.Digest();
    report_.timeline = universe_.timeline.lines();
    report_.events = universe_.scheduler.steps();
    report_.operations = universe_.truth.ended();
    report_.acknowledged = universe_.truth.acknowledged().size();
    for (Violation& one : universe_.truth.TakeViolations())
      report_.violations.push_back(std::move(one));
    return std::move(report_);
  }

 private:
  void Begin() {
    coordinator_.Start();
    for (uint32_t i = 1; i <= kPillars; ++i) {
      pillars_.push_back(std::make_unique<SimPillar>(universe_, absl::StrCat("p", i), kDiskBytes));
      pillars_.back()->Start();
      if (weather_ == Weather::kStormOnLyingDisks) pillars_.back()->medium().BeginToLie();
    }
    const uint64_t clients = 1 + universe_.random.Below(3);
    for (uint64_t i = 1; i <= clients; ++i) {
      WorkloadPlan plan;
      plan.name = absl::StrCat("user", i);
      for (const auto& pillar : pillars_) plan.pillars.push_back(pillar->id());
      plan.operations = 8 + static_cast<uint32_t>(universe_.random.Below(12));
      clients_.push_back(std::make_unique<SimClient>(universe_, std::move(plan)));
    }
  }

  // A number in [0, most], often 0.
  double Draw(double most) {
    if (universe_.random.Below(3) == 0) return 0;
    return most * static_cast<double>(universe_.random.Below(1000)) / 1000.0;
  }

  void Storm() {
    BusTrouble bus;
    bus.loss = Draw(0.3);
    bus.duplication = Draw(0.3);
    bus.reordering = Draw(0.3);
    universe_.bus.SetTrouble(bus);
    ChannelTrouble channel;
    channel.cut = Draw(0.02);
    channel.flip = Draw(0.01);
    universe_.channels.SetTrouble(channel);
    const absl::Duration between =
        absl::Seconds(2 + static_cast<int64_t>(universe_.random.Below(15)));
    const absl::Time end = universe_.scheduler.Now() + kStorm;
    while (universe_.scheduler.Now() < end) {
      universe_.scheduler.RunUntil(universe_.scheduler.Now() + universe_.random.Jitter(between));
      Strike();
    }
  }

  // One blow: a process dies, the power of one machine fails, the network is parted, or a dead one
  // comes back.
  void Strike() {
    SimPillar& pillar = *pillars_[universe_.random.Below(pillars_.size())];
    const uint64_t draw = universe_.random.Below(100);
    if (!coordinator_.alive()) {
      coordinator_.Start();
    } else if (!pillar.alive()) {
      pillar.Start();
    } else if (draw < 20) {
      ++report_.crashes;
      pillar.Kill();
    } else if (draw < 50) {
      ++report_.crashes;
      pillar.CutPower(Draw(1.0));
    } else if (draw < 65) {
      ++report_.crashes;
      coordinator_.Kill();
    } else if (draw < 75) {
      parted_ = !parted_;
      universe_.timeline.Note("network", parted_ ? "parted" : "whole again");
      universe_.bus.SetPartitioned(parted_);
    } else if (draw < 80) {
      universe_.timeline.Note("network", "all bus connections cut");
      universe_.bus.CutAll();
    } else if (draw < 90) {
      universe_.scheduler.JumpWallClock(
          absl::Hours(static_cast<int64_t>(universe_.random.Below(2000)) - 1000));
    }
  }

  void Calm() {
    universe_.timeline.Note("world", "calm");
    universe_.bus.SetTrouble({});
    universe_.bus.SetPartitioned(false);
    universe_.channels.SetTrouble({});
    if (!coordinator_.alive()) coordinator_.Start();
    for (auto& pillar : pillars_) {
      if (!pillar->alive()) pillar->Start();
    }
    const absl::Time latest = universe_.scheduler.Now() + kCalmLongest;
    while (!AllDone() && universe_.scheduler.Now() < latest && universe_.scheduler.Step()) {
    }
    if (!AllDone()) report_.violations.push_back("the users were not done after the calm");
    for (const std::string& conversation : universe_.truth.running()) {
      report_.violations.push_back(absl::StrCat("conversation ", conversation, " never ended"));
    }
  }

  bool AllDone() const {
    for (const auto& client : clients_) {
      if (!client->done()) return false;
    }
    return true;
  }

  // The strictest power cut, then: what was acknowledged is there, whole, and once.
  void CheckStores() {
    clients_.clear();
    for (auto& pillar : pillars_) {
      pillar->CutPower(0);
      CheckStore(*pillar);
    }
  }

  // Where nothing fails, users who race for one id leave one content of it.
  void CheckAgreement() {
    std::map<std::string, std::set<std::string>> contents;
    for (const LedgerOfTruth::Acknowledged& one : universe_.truth.acknowledged()) {
      contents[one.file_id].insert(one.digest_hex);
    }
    for (const auto& [file_id, digests] : contents) {
      if (digests.size() > 1) {
        report_.violations.push_back(absl::StrCat("the pillars hold different bytes of ", file_id));
      }
    }
  }

  void CheckStore(SimPillar& pillar);
  void CheckStaged(SimPillar& pillar, store::FileStore& store);
  void CheckChanging(const std::string& pillar, store::FileStore& store);
  void CheckAudit(const std::string& pillar, store::FileStore& store);

  SimUniverse universe_;
  SimCoordinator coordinator_;
  std::vector<std::unique_ptr<SimPillar>> pillars_;
  std::vector<std::unique_ptr<SimClient>> clients_;
  const Weather weather_;
  bool parted_ = false;
  SimulationReport report_;
};

void Run::CheckStore(SimPillar& pillar) {
  const auto violation = [&](absl::string_view what) {
    report_.violations.push_back(absl::StrCat(pillar.id(), ": ", what));
  };
  SimStore opened(universe_, pillar.id(), pillar.medium());
  if (!opened.status().ok()) return violation(opened.status().ToString());
  const base::CollectionId collection = base::CollectionId::Parse("default").value();
  for (const LedgerOfTruth::Acknowledged& one : universe_.truth.acknowledged()) {
    if (one.pillar != pillar.id()) continue;
    absl::StatusOr<std::unique_ptr<store::StoredFile>> file =
        opened.store().Open(collection, base::FileId::Parse(one.file_id).value(), {});
    if (!file.ok()) {
      violation(absl::StrCat("acknowledged ", one.file_id,
                             " and has it not: ", file.status().ToString()));
      continue;
    }
    const std::string* content = universe_.truth.Content(one.digest_hex);
    absl::StatusOr<base::Buffer> bytes =
        (*file)->Read(base::ByteRange::Whole((*file)->record().size_bytes));
    if (!bytes.ok() || bytes->text() != *content) {
      violation(absl::StrCat("acknowledged ", one.file_id, " and has other bytes"));
    }
  }
  CheckStaged(pillar, opened.store());
  CheckChanging(pillar.id(), opened.store());
  CheckAudit(pillar.id(), opened.store());
  for (const std::string& path : pillar.medium().Files()) {
    if (absl::StrContains(path, "/files/") && !absl::StrContains(path, "changing") &&
        !absl::EndsWith(path, "~1")) {
      violation(absl::StrCat("a second generation came about: ", path));
    }
  }
}

// What lies in staging waits for a put to go on with it, and is part of what that put offers.
void Run::CheckStaged(SimPillar& pillar, store::FileStore& store) {
  const auto violation = [&](absl::string_view what) {
    report_.violations.push_back(absl::StrCat(pillar.id(), ": ", what));
  };
  const std::vector<store::StagedPart> waiting = store.StagedFiles();
  size_t files = 0;
  for (const std::string& path : pillar.medium().Files()) {
    files += absl::StrContains(path, "/staging/") ? 1 : 0;
  }
  if (files != 2 * waiting.size()) {  // each with its log
    violation(absl::StrCat(files, " files in staging of ", waiting.size(), " that wait"));
  }
  for (const store::StagedPart& part : waiting) {
    bool known = false;
    for (const std::string& digest : universe_.truth.OfferedUnder(part.file_id.text())) {
      const std::string& content = *universe_.truth.Content(digest);
      for (const char* const mark : {"stamp:", "sha256:"}) {
        auto staged = store.StageAgain(part.collection, part.file_id, content.size(),
                                       {part.principal, absl::StrCat(mark, digest), ""});
        if (!staged.ok()) continue;
        for (const base::ByteRange& range : (*staged)->held().ranges()) {
          known = true;
          std::string bytes(range.length(), ' ');
          const absl::Status read =
              (*staged)->ReadBack(range.offset(), std::as_writable_bytes(std::span(bytes)));
          if (!read.ok() || content.compare(range.offset(), range.length(), bytes) != 0) {
            violation(absl::StrCat("waits with other bytes: ", part.file_id.text()));
          }
        }
      }
    }
    if (!known) violation(absl::StrCat("waits for nobody: ", part.file_id.text()));
  }
}

// What was replaced, deleted and brought back stands as the last done operation left it.
void Run::CheckChanging(const std::string& pillar, store::FileStore& store) {
  const base::CollectionId collection = base::CollectionId::Parse("default").value();
  for (const std::string& file_id : universe_.truth.changing().Ids()) {
    const auto violation = [&](absl::string_view what) {
      report_.violations.push_back(absl::StrCat(pillar, ": ", file_id, " ", what));
    };
    auto file = store.Open(collection, base::FileId::Parse(file_id).value(), {});
    if (!file.ok() && !absl::IsNotFound(file.status())) {
      violation(file.status().ToString());
      continue;
    }
    Standing standing;
    if (file.ok()) {
      standing = (*file)->record().sha256.Hex();
      auto bytes = (*file)->Read(base::ByteRange::Whole((*file)->record().size_bytes));
      const std::string* content = universe_.truth.Content(*standing);
      if (!bytes.ok() || content == nullptr || bytes->text() != *content) {
        violation("has bytes that nobody put there");
      }
    }
    if (!universe_.truth.changing().MayStand(pillar, file_id, standing)) {
      violation(absl::StrCat("stands as ", standing.value_or("no file"),
                             ", which no operation that was done, or may have been, left"));
    }
  }
}

// One effect, also where the recorded answer was forgotten, its term over after a leap of the
// clock: no conversation changed the files of one pillar twice; and the chain holds.
void Run::CheckAudit(const std::string& pillar, store::FileStore& store) {
  std::map<std::string, std::string> effects;  // of an asker in a conversation
  store::AuditQuery query;
  do {
    const absl::StatusOr<store::AuditPage> page = store.ReadAudit(query, 1000);
    if (!page.ok()) {
      report_.violations.push_back(absl::StrCat(pillar, ": ", page.status().ToString()));
      return;
    }
    for (const store::AuditRecord& record : page->records) {
      const store::AuditEvent& event = record.event;
      if (event.action.starts_with("GET_") || event.conversation.empty() ||
          event.result != "OPERATION_COMPLETED" || event.detail == requests::kAlreadySo) {
        continue;
      }
      const std::string effect =
          absl::StrCat(event.action, " ", event.file_id, " at ", record.sequence);
      const auto [first, fresh] =
          effects.emplace(event.conversation + " " + event.principal, effect);
      if (!fresh) {
        report_.violations.push_back(absl::StrCat(pillar, ": conversation ", event.conversation,
                                                  " had two effects: ", first->second, ", ",
                                                  effect));
      }
    }
    query.first_sequence = page->next_sequence;
  } while (query.first_sequence != 0);
  const absl::Status chain = store.VerifyAudit();
  if (!chain.ok()) report_.violations.push_back(absl::StrCat(pillar, ": ", chain.ToString()));
}

}  // namespace

SimulationReport RunSimulation(uint64_t seed, Weather weather) {
  return Run(seed, weather).Finish();
}

}  // namespace bitrepo::simulation

// SPDX-License-Identifier: Apache-2.0
#include "pillar/requests/get_status.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "bus/protocol/limits.h"
#include "pillar/requests/replies.h"

namespace bitrepo::requests {
namespace {

void AddCheck(wire::GetStatusFinal& final, absl::string_view name, wire::Health health,
              absl::string_view text) {
  wire::HealthCheck* check = final.add_checks();
  check->set_name(std::string(name));
  check->set_health(health);
  check->set_text(MakeResponse(wire::OPERATION_COMPLETED, text).text());
  final.set_health(std::max(final.health(), health));
}

void AddSpace(wire::GetStatusFinal& final, const store::StoreReport& report,
              uint64_t keep_free_bytes) {
  final.set_free_bytes(report.free_bytes);
  final.set_total_bytes(report.total_bytes);
  const bool enough = report.free_bytes > keep_free_bytes;
  AddCheck(final, "free space", enough ? wire::HEALTH_OK : wire::HEALTH_WARNING,
           absl::StrCat(report.free_bytes, " of ", report.total_bytes, " bytes are free",
                        enough ? "" : absl::StrCat(", ", keep_free_bytes, " are to be kept free")));
}

void AddCollections(wire::GetStatusFinal& final, const store::StoreReport& report) {
  uint64_t missing = 0;
  uint64_t damaged = 0;
  uint64_t quarantined = 0;
  for (const store::CollectionCount& count : report.collections) {
    missing += count.missing_files;
    damaged += count.damaged_files;
    quarantined += count.quarantined_files;
    if (final.collections_size() == static_cast<int>(protocol::kCollectionsMax)) continue;
    wire::CollectionStatus* collection = final.add_collections();
    collection->set_collection_id(count.collection.text());
    collection->set_files(count.files);
    collection->set_bytes(count.bytes);
    collection->set_quarantined_files(count.quarantined_files);
    collection->set_missing_files(count.missing_files);
  }
  AddCheck(final, "files complete", missing == 0 ? wire::HEALTH_OK : wire::HEALTH_ERROR,
           absl::StrCat(missing, " recorded files are missing"));
  AddCheck(final, "files undamaged", damaged == 0 ? wire::HEALTH_OK : wire::HEALTH_ERROR,
           absl::StrCat(damaged, " files are known to be damaged"));
  // Whatever was deleted or replaced lies there too: no sign of trouble.
  AddCheck(final, "quarantine", wire::HEALTH_OK,
           absl::StrCat(quarantined, " files are in quarantine"));
}

// The largest first, as many as fit.
void AddStaged(wire::GetStatusFinal& final, std::vector<store::StagedPart> staged) {
  std::sort(staged.begin(), staged.end(),
            [](const store::StagedPart& a, const store::StagedPart& b) {
              return a.bytes_done > b.bytes_done;
            });
  uint64_t bytes = 0;
  for (const store::StagedPart& part : staged) {
    bytes += part.bytes_done;
    if (final.staged_size() == static_cast<int>(protocol::kStagedShownMax)) continue;
    wire::StagedBytes& told = *final.add_staged();
    told.set_collection_id(part.collection.text());
    told.set_file_id(part.file_id.text());
    told.set_principal(part.principal);
    told.set_bytes_done(part.bytes_done);
    told.set_bytes_total(part.bytes_total.value_or(0));
    told.set_last_written_us(absl::ToUnixMicros(part.written_at));
    if (part.kept_until) told.set_kept_until_us(absl::ToUnixMicros(*part.kept_until));
  }
  final.set_staged_files(staged.size());
  final.set_staged_bytes(bytes);
}

}  // namespace

void GetStatus::Start() {
  const absl::Status taken = RunThen(
      runtime::Lane::kWrite,
      [store = &parts_.store] {
        return Found{store->Check(), store->StagedFiles()};
      },
      &GetStatus::OnFound);
  if (!taken.ok()) End(FinalBody(wire::GET_STATUS, wire::BUSY, "the pillar has too much to write"));
}

void GetStatus::OnFound(Found found) {
  if (found.report.ok()) parts_.host.OnReport(*found.report);
  parts_.channel.TellRates([weak = weak_from_this(), loop = &parts_.loop,
                            found = std::move(found)](channel::Channel::RateUses rates) mutable {
    loop->Post([weak, found = std::move(found), rates = std::move(rates)]() mutable {
      const std::shared_ptr<RequestHandler> self = weak.lock();
      if (self == nullptr) return;
      static_cast<GetStatus*>(self.get())->Tell(std::move(found), rates);
    });
  });
}

void GetStatus::Tell(Found found, const channel::Channel::RateUses& rates) {
  if (done_) return;
  const absl::StatusOr<store::StoreReport>& report = found.report;
  const Host::Vitals vitals = parts_.host.vitals();
  wire::Body body = FinalBody(wire::GET_STATUS, wire::OPERATION_COMPLETED, "");
  wire::GetStatusFinal& final = *body.mutable_get_status_final();
  final.set_health(wire::HEALTH_OK);
  final.set_version(parts_.program_version);
  final.set_queue(vitals.queue);
  final.set_uptime_us(static_cast<uint64_t>(
      std::max<int64_t>(0, absl::ToInt64Microseconds(parts_.loop.Now() - vitals.started))));
  for (const wire::RateUse& use : rates) *final.add_rates() = use;
  for (const auto& [cause, count] : vitals.dropped_frames) {
    if (final.dropped_frames().size() < protocol::kDropCausesMax) {
      (*final.mutable_dropped_frames())[cause] = count;
    }
  }
  const std::map<std::string, uint64_t> dropped(final.dropped_frames().begin(),
                                                final.dropped_frames().end());
  AddCheck(final, "connections", wire::HEALTH_OK,
           absl::StrCat("dropped or cut so far: ",
                        dropped.empty() ? "nothing"
                                        : absl::StrJoin(dropped, ", ", absl::PairFormatter(" "))));
  AddCheck(final, "bus", vitals.bus_up ? wire::HEALTH_OK : wire::HEALTH_ERROR,
           vitals.bus_up ? "the coordinator is there" : "there is no coordinator");
  if (report.ok()) {
    AddCheck(final, "store writable", report->writable ? wire::HEALTH_OK : wire::HEALTH_ERROR,
             report->writable ? "a probe was written, synced and removed" : report->trouble);
    AddSpace(final, *report, parts_.keep_free_bytes);
    AddCollections(final, *report);
  } else {
    AddCheck(final, "store writable", wire::HEALTH_ERROR, report.status().message());
  }
  AddStaged(final, std::move(found.staged));
  End(std::move(body));
}

void GetStatus::Cancel(wire::ResponseCode code, absl::string_view reason) {
  if (!done_) End(FinalBody(wire::GET_STATUS, code, reason));
}

void GetStatus::OnTime(absl::Time /*now*/) {}

void GetStatus::End(wire::Body final) {
  done_ = true;
  context_.Finished(std::move(final));
}

}  // namespace bitrepo::requests

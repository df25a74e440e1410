// SPDX-License-Identifier: Apache-2.0
#include "pillar/store/staged_parts.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/log.h"
#include "base/runtime/range_log.h"

namespace bitrepo::store {
namespace {

constexpr char kVersion[] = "1";
constexpr size_t kFields = 7;

}  // namespace

bool StagingIdentity::ContinuedBy(const StagingIdentity& other) const {
  return collection == other.collection && file_id == other.file_id &&
         size_bytes == other.size_bytes && key.principal == other.key.principal &&
         key.mark == other.key.mark;
}

std::string EncodeStagingIdentity(const StagingIdentity& identity) {
  return absl::StrCat(kVersion, " ", identity.size_bytes.value_or(0), " ", identity.key.mark, " ",
                      identity.key.principal, " ", identity.key.conversation, " ",
                      identity.collection.text(), " ", identity.file_id.text());
}

absl::StatusOr<StagingIdentity> ParseStagingIdentity(absl::string_view text) {
  const std::vector<absl::string_view> fields =
      absl::StrSplit(text, absl::MaxSplits(' ', kFields - 1));
  uint64_t size = 0;
  if (fields.size() != kFields || fields[0] != kVersion || !absl::SimpleAtoi(fields[1], &size)) {
    return absl::DataLossError("the identity of a staged file cannot be read");
  }
  absl::StatusOr<base::CollectionId> collection = base::CollectionId::Parse(fields[5]);
  absl::StatusOr<base::FileId> file_id = base::FileId::Parse(fields[6]);
  for (const absl::Status& status : {collection.status(), file_id.status()}) {
    if (!status.ok()) {
      return absl::DataLossError(absl::StrCat("the identity of a staged file: ", status.message()));
    }
  }
  return StagingIdentity{
      *std::move(collection), *std::move(file_id), size,
      StagingKey{std::string(fields[3]), std::string(fields[2]), std::string(fields[4])}};
}

std::string RangeLogPath(absl::string_view staged_path) {
  return absl::StrCat(staged_path, ".ranges");
}

template <typename Of>
std::optional<StagedParts::Parked> StagedParts::TakeOldest(Of of) {
  auto oldest = parked_.end();
  for (auto each = parked_.begin(); each != parked_.end(); ++each) {
    if (of(*each) && (oldest == parked_.end() || each->written_at < oldest->written_at)) {
      oldest = each;
    }
  }
  if (oldest == parked_.end()) {
    return std::nullopt;
  }
  Parked taken = std::move(*oldest);
  parked_.erase(oldest);
  return taken;
}

void StagedParts::Park(Parked parked) {
  std::optional<Parked> too_many;
  {
    base::MutexLock lock(mutex_);
    parked_.push_back(std::move(parked));
    if (parked_.size() > parked_max_) {
      too_many = TakeOldest([](const Parked&) { return true; });
    }
  }
  if (too_many.has_value()) {
    Remove(*too_many, "too many wait");
  }
}

std::optional<StagedParts::Parked> StagedParts::TakeUp(const StagingIdentity& identity) {
  base::MutexLock lock(mutex_);
  const auto found = std::find_if(parked_.begin(), parked_.end(), [&](const Parked& each) {
    return each.identity.ContinuedBy(identity);
  });
  if (found == parked_.end()) {
    return std::nullopt;
  }
  Parked taken = std::move(*found);
  parked_.erase(found);
  return taken;
}

bool StagedParts::GiveUpOldest(const SpaceAccount& space) {
  std::optional<Parked> oldest;
  {
    base::MutexLock lock(mutex_);
    oldest = TakeOldest([&](const Parked& each) { return each.space == &space; });
  }
  if (!oldest.has_value()) {
    return false;
  }
  Remove(*oldest, "its space is needed");
  return true;
}

uint64_t StagedParts::GiveUpOld(absl::Time wall_now) {
  uint64_t given_up = 0;
  for (;;) {
    std::optional<Parked> old;
    {
      base::MutexLock lock(mutex_);
      old = TakeOldest([&](const Parked& each) { return each.written_at + term_ <= wall_now; });
    }
    if (!old.has_value()) {
      return given_up;
    }
    Remove(*old, "its term is over");
    ++given_up;
  }
}

// What cannot be removed is looked at again by the next start.
void StagedParts::Remove(const Parked& parked, absl::string_view why) {
  absl::Status removed = parked.disk->Remove(parked.path);
  if (removed.ok()) {
    removed = runtime::RangeLog::Remove(*parked.disk, RangeLogPath(parked.path));
  }
  base::LogLine(removed.ok() ? base::LogLevel::kInfo : base::LogLevel::kWarning,
                "staged-part-given-up")
      .With("collection", parked.identity.collection.text())
      .With("file", parked.identity.file_id.text())
      .With("principal", parked.identity.key.principal)
      .With("bytes", absl::StrCat(parked.bytes))
      .With("why", removed.ok() ? why : removed.message());
}

StagedParts::Arrival::Arrival(StagedParts& parts, StagingIdentity identity, uint64_t bytes,
                              absl::Time wall_now)
    : parts_(parts),
      identity_(std::move(identity)),
      bytes_(bytes),
      written_at_us_(absl::ToUnixMicros(wall_now)) {
  base::MutexLock lock(parts_.mutex_);
  place_ = parts_.arrivals_.insert(parts_.arrivals_.end(), this);
}

StagedParts::Arrival::~Arrival() {
  base::MutexLock lock(parts_.mutex_);
  parts_.arrivals_.erase(place_);
}

void StagedParts::Arrival::SetBytes(uint64_t bytes, absl::Time wall_now) {
  bytes_.store(bytes, std::memory_order_relaxed);
  written_at_us_.store(absl::ToUnixMicros(wall_now), std::memory_order_relaxed);
}

absl::Time StagedParts::Arrival::written_at() const {
  return absl::FromUnixMicros(written_at_us_.load(std::memory_order_relaxed));
}

std::vector<StagedPart> StagedParts::List() const {
  std::vector<StagedPart> all;
  base::MutexLock lock(mutex_);
  for (const Arrival* const each : arrivals_) {
    const StagingIdentity& identity = each->identity();
    all.push_back({identity.collection, identity.file_id, identity.key.principal, each->bytes(),
                   identity.size_bytes, each->written_at(), std::nullopt});
  }
  for (const Parked& each : parked_) {
    const StagingIdentity& identity = each.identity;
    all.push_back({identity.collection, identity.file_id, identity.key.principal, each.bytes,
                   identity.size_bytes, each.written_at, each.written_at + term_});
  }
  return all;
}

}  // namespace bitrepo::store

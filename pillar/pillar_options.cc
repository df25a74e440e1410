// SPDX-License-Identifier: Apache-2.0
#include "pillar/pillar_options.h"

#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "channel/rate_settings.h"
#include "pillar/requests/replies.h"

namespace bitrepo::pillar {
namespace {

// What stands in for a name that is wrong, until Finish tells of it.
const char kNoName[] = "none";

// What must be chosen, and not be empty.
std::string Chosen(runtime::Settings& settings, absl::string_view key) {
  std::string value = settings.RequireString(key);
  if (value.empty() && settings.FindString(key)) settings.Problem(key, "is empty");
  return value;
}

template <typename Id>
Id NameOf(runtime::Settings& settings, absl::string_view key, const std::string& text) {
  absl::StatusOr<Id> id = Id::Parse(text);
  if (id.ok()) return *std::move(id);
  if (!text.empty()) settings.Problem(key, absl::StrCat("is wrong: ", id.status().message()));
  return *Id::Parse(kNoName);
}

void CheckEndpoint(runtime::Settings& settings, absl::string_view key, const std::string& endpoint,
                   EndpointCheck check) {
  if (endpoint.empty()) return;
  if (const absl::Status checked = check(endpoint); !checked.ok()) {
    settings.Problem(key, absl::StrCat("is wrong: ", checked.message()));
  }
}

// Listens on all addresses: nothing that others could dial.
bool IsWildcard(absl::string_view endpoint) {
  return absl::StartsWith(endpoint, "tcp://*:") || absl::StartsWith(endpoint, "tcp://0.0.0.0:") ||
         absl::StartsWith(endpoint, "tcp://[::]:");
}

absl::Duration GetTime(runtime::Settings& settings, absl::string_view key, absl::Duration otherwise,
                       absl::Duration least, absl::Duration most) {
  const absl::Duration value = settings.GetDuration(key, otherwise);
  if (value >= least && value <= most) return value;
  settings.Problem(key, absl::StrCat("must be between ", absl::FormatDuration(least), " and ",
                                     absl::FormatDuration(most)));
  return otherwise;
}

int64_t DaysOf(absl::Duration time) { return time / absl::Hours(24); }

size_t GetCount(runtime::Settings& settings, absl::string_view key, size_t otherwise) {
  return static_cast<size_t>(
      settings.GetInt(key, static_cast<int64_t>(otherwise), 1, static_cast<int64_t>(otherwise)));
}

void ReadData(runtime::Settings& settings, const EndpointChecks& checks, PillarSettings& result) {
  result.data_listen = Chosen(settings, "pillar.data_listen");
  CheckEndpoint(settings, "pillar.data_listen", result.data_listen, checks.listen);
  result.host.data_endpoints = settings.GetStrings("pillar.data_public");
  for (const std::string& endpoint : result.host.data_endpoints) {
    CheckEndpoint(settings, "pillar.data_public", endpoint, checks.dial);
  }
  if (IsWildcard(result.data_listen) && result.host.data_endpoints.empty()) {
    settings.Problem("pillar.data_listen",
                     "names no host that clients could dial: set pillar.data_public too");
  }
}

requests::CollectionTerms ReadTerms(runtime::Settings& settings, const std::string& collection,
                                    wire::PillarKind kind) {
  requests::CollectionTerms terms;
  const std::string max_key = absl::StrCat(collection, ".max_file");
  terms.file_bytes_max = settings.GetBytes(max_key, terms.file_bytes_max);
  if (terms.file_bytes_max < 1 || terms.file_bytes_max > store::kFileBytesMax) {
    settings.Problem(max_key, "must be between 1 byte and 4TiB");
  }
  const std::string algorithm_key = absl::StrCat(collection, ".default_algorithm");
  const auto algorithm = base::ParseAlgorithm(settings.GetString(algorithm_key, "sha256"));
  if (!algorithm.ok()) {
    settings.Problem(algorithm_key, absl::StrCat("is wrong: ", algorithm.status().message()));
  } else if (kind == wire::CHECKSUM_PILLAR && *algorithm != base::Algorithm::kSha256) {
    settings.Problem(algorithm_key, "must be \"sha256\": a checksum pillar has no other digests");
  } else {
    terms.default_algorithm = requests::ToWire(*algorithm);
  }
  return terms;
}

void ReadCollections(runtime::Settings& settings, PillarSettings& result) {
  std::set<std::string> directories = {result.store_directory};
  for (const std::string& name : settings.KeysUnder("collections")) {
    const std::string key = absl::StrCat("collections.", name);
    result.host.collections.push_back(NameOf<base::CollectionId>(settings, key, name));
    const std::string copies_key = absl::StrCat(key, ".min_copies");
    result.host.min_copies[result.host.collections.back()] =
        static_cast<uint32_t>(settings.GetInt(copies_key, requests::kMinCopies, 0, kMinCopiesMax));
    result.host.terms[result.host.collections.back()] = ReadTerms(settings, key, result.host.kind);
    const std::string directory_key = absl::StrCat(key, ".directory");
    const std::string directory = settings.GetString(directory_key, "");
    if (directory.empty()) continue;
    if (result.host.kind != wire::FULL_PILLAR) {
      settings.Problem(directory_key, "is for a full pillar: others keep no files on disk");
    }
    if (!directories.insert(directory).second) {
      settings.Problem(directory_key, absl::StrCat(directory, " is used twice"));
    }
    result.collection_directories[name] = directory;
  }
  if (result.host.collections.empty()) {
    settings.Problem("collections", "are missing: add [collections.NAME]");
  }
  if (result.host.collections.size() > kCollectionsMax) {
    settings.Problem("collections", absl::StrCat("must be at most ", kCollectionsMax));
  }
}

void ReadLimits(runtime::Settings& settings, PillarSettings& result) {
  PillarOptions& host = result.host;
  host.requests_max = GetCount(settings, "limits.requests", kRequestsMax);
  host.requests_per_principal_max =
      GetCount(settings, "limits.requests_per_principal", kRequestsPerPrincipalMax);
  result.transfer_memory_bytes =
      settings.GetBytes("limits.transfer_memory", result.transfer_memory_bytes);
  if (result.transfer_memory_bytes < (1 << 20) ||
      result.transfer_memory_bytes > kTransferMemoryMax) {
    settings.Problem("limits.transfer_memory", "must be between 1MiB and 1GiB");
  }
  result.read_workers =
      static_cast<int>(settings.GetInt("limits.read_workers", result.read_workers, 1, kWorkersMax));
  result.write_workers = static_cast<int>(
      settings.GetInt("limits.write_workers", result.write_workers, 1, kWorkersMax));
}

void ReadTimes(runtime::Settings& settings, PillarOptions& host) {
  host.transfer_idle = GetTime(settings, "times.transfer_idle", host.transfer_idle,
                               absl::Seconds(10), absl::Hours(24));
  host.interrupted_term = GetTime(settings, "times.interrupted_term", host.interrupted_term,
                                  absl::Minutes(1), absl::Hours(24 * 7));
  host.check_every =
      GetTime(settings, "times.check_every", host.check_every, absl::Seconds(1), absl::Hours(24));
  host.grace =
      GetTime(settings, "times.grace", host.grace, absl::ZeroDuration(), absl::Minutes(10));
}

}  // namespace

absl::StatusOr<PillarSettings> ReadPillarSettings(runtime::Settings& settings,
                                                  EndpointChecks checks) {
  const std::string repository = Chosen(settings, "repository");
  NameOf<base::ComponentId>(settings, "repository", repository);
  const std::string id = Chosen(settings, "pillar.id");
  PillarSettings result(
      PillarOptions{repository, NameOf<base::ComponentId>(settings, "pillar.id", id), {}, "", {}});
  result.coordinator = Chosen(settings, "pillar.coordinator");
  CheckEndpoint(settings, "pillar.coordinator", result.coordinator, checks.dial);
  ReadData(settings, checks, result);
  result.runtime_file = settings.GetString("pillar.runtime_file", "");
  result.store_directory = Chosen(settings, "store.directory");
  result.host.keep_free_bytes = settings.GetBytes("store.keep_free", 1ull << 30);
  result.host.quarantine_term =
      absl::Hours(24) * settings.GetInt("store.quarantine_days", DaysOf(store::kQuarantineTerm),
                                        DaysOf(store::kQuarantineTermLeast), kQuarantineDaysMax);
  result.host.staging_term =
      absl::Hours(24) * settings.GetInt("store.staging_days", DaysOf(store::kStagingTerm),
                                        DaysOf(store::kStagingTermLeast),
                                        DaysOf(store::kStagingTermMost));
  ReadKind(settings, result.host.kind, result.host.intake, result.nearline);
  ReadCollections(settings, result);
  ReadLimits(settings, result);
  ReadTimes(settings, result.host);
  result.rates = channel::ReadRates(settings);
  BITREPO_RETURN_IF_ERROR(settings.Finish());
  return result;
}

}  // namespace bitrepo::pillar

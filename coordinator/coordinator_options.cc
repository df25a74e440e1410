// SPDX-License-Identifier: Apache-2.0
#include "coordinator/coordinator_options.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/ids.h"
#include "base/status.h"

namespace bitrepo::coordinator {
namespace {

// Listens on all addresses: nothing that others could dial.
bool IsWildcard(absl::string_view endpoint) {
  return absl::StartsWith(endpoint, "tcp://*:") || absl::StartsWith(endpoint, "tcp://0.0.0.0:") ||
         absl::StartsWith(endpoint, "tcp://[::]:");
}

void CheckEndpoint(runtime::Settings& settings, absl::string_view key, const std::string& endpoint,
                   EndpointCheck check_endpoint) {
  if (endpoint.empty()) {
    return;
  }
  if (const absl::Status checked = check_endpoint(endpoint); !checked.ok()) {
    settings.Problem(key, absl::StrCat("is wrong: ", checked.message()));
  }
}

void CheckName(runtime::Settings& settings, absl::string_view key, const std::string& name) {
  if (const auto id = base::ComponentId::Parse(name); !name.empty() && !id.ok()) {
    settings.Problem(key, absl::StrCat("is wrong: ", id.status().message()));
  }
}

absl::Duration GetTime(runtime::Settings& settings, absl::string_view key, absl::Duration otherwise,
                       absl::Duration least, absl::Duration most) {
  const absl::Duration value = settings.GetDuration(key, otherwise);
  if (value >= least && value <= most) {
    return value;
  }
  settings.Problem(key, absl::StrCat("must be between ", absl::FormatDuration(least), " and ",
                                     absl::FormatDuration(most)));
  return otherwise;
}

void ReadTimes(runtime::Settings& settings, CoordinatorOptions& options) {
  options.heartbeat = GetTime(settings, "times.heartbeat", options.heartbeat,
                              absl::Milliseconds(100), absl::Minutes(1));
  options.gone_after = GetTime(settings, "times.gone_after", options.gone_after,
                               absl::Milliseconds(300), absl::Minutes(10));
  options.settle =
      GetTime(settings, "times.settle", options.settle, absl::ZeroDuration(), absl::Minutes(10));
  if (options.gone_after < 3 * options.heartbeat) {
    settings.Problem("times.gone_after", "must be at least three times times.heartbeat");
  }
}

void ReadCollections(runtime::Settings& settings, CoordinatorOptions& options) {
  absl::btree_set<std::string> pillars;
  for (const std::string& id : settings.KeysUnder("collections")) {
    const std::string key = absl::StrCat("collections.", id);
    const std::string pillars_key = absl::StrCat(key, ".pillars");
    if (const auto name = base::CollectionId::Parse(id); !name.ok()) {
      settings.Problem(key, absl::StrCat("is wrong: ", name.status().message()));
    }
    auto& expected = options.collections[id];
    for (const std::string& pillar : settings.GetStrings(pillars_key)) {
      CheckName(settings, pillars_key, pillar);
      if (pillar.empty() || pillar == options.coordinator_id) {
        settings.Problem(pillars_key,
                         absl::StrCat("names \"", pillar, "\", which is no pillar's id"));
      }
      if (!expected.insert(pillar).second) {
        settings.Problem(pillars_key, absl::StrCat("names ", pillar, " twice"));
      }
      pillars.insert(pillar);
    }
    if (expected.empty()) {
      settings.Problem(pillars_key, "must name at least one pillar");
    }
    if (expected.size() > kPillarsOfCollectionMax) {
      settings.Problem(pillars_key,
                       absl::StrCat("must name at most ", kPillarsOfCollectionMax, " pillars"));
    }
  }
  if (options.collections.empty()) {
    settings.Problem("collections", "are missing: add [collections.NAME]");
  }
  if (options.collections.size() > kCollectionsMax) {
    settings.Problem("collections", absl::StrCat("must be at most ", kCollectionsMax));
  }
  if (pillars.size() > kPillarsMax) {
    settings.Problem("collections",
                     absl::StrCat("must name at most ", kPillarsMax, " pillars altogether"));
  }
}

}  // namespace

absl::StatusOr<CoordinatorOptions> ReadCoordinatorOptions(runtime::Settings& settings,
                                                          EndpointCheck check_endpoint) {
  CoordinatorOptions options;
  options.repository_id = settings.RequireString("repository");
  CheckName(settings, "repository", options.repository_id);
  options.coordinator_id = settings.GetString("coordinator.id", options.coordinator_id);
  CheckName(settings, "coordinator.id", options.coordinator_id);
  options.listen = settings.RequireString("coordinator.listen");
  CheckEndpoint(settings, "coordinator.listen", options.listen, check_endpoint);
  options.watch_listen = settings.GetString("coordinator.watch_listen", "");
  CheckEndpoint(settings, "coordinator.watch_listen", options.watch_listen, check_endpoint);
  options.watch_public = settings.GetString("coordinator.watch_public", "");
  CheckEndpoint(settings, "coordinator.watch_public", options.watch_public, check_endpoint);
  if (IsWildcard(options.watch_public)) {
    settings.Problem("coordinator.watch_public", "names no host that watchers could dial");
  }
  if (IsWildcard(options.watch_listen) && options.watch_public.empty()) {
    settings.Problem("coordinator.watch_listen",
                     "names no host that watchers could dial: set coordinator.watch_public too");
  }
  options.runtime_file = settings.GetString("coordinator.runtime_file", "");
  options.members_max =
      static_cast<size_t>(settings.GetInt("limits.members", kMembersMax, 1, kMembersMax));
  options.connections_max = static_cast<size_t>(settings.GetInt(
      "limits.connections", static_cast<int64_t>(options.connections_max), 1, kConnectionsMax));
  ReadTimes(settings, options);
  ReadCollections(settings, options);
  BITREPO_RETURN_IF_ERROR(settings.Finish());
  return options;
}

}  // namespace bitrepo::coordinator

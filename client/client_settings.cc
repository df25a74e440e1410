// SPDX-License-Identifier: Apache-2.0
#include "client/client_settings.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/ids.h"
#include "base/runtime/settings.h"
#include "base/status.h"
#include "channel/rate_settings.h"

namespace bitrepo::client {
namespace {

// One file's word on each setting; what it leaves out is for those after it.
struct Layer {
  std::optional<std::string> coordinator, repository, collection, name;
  std::optional<absl::Duration> identify_timeout, silence_timeout;
  std::vector<transfer::RateRule> rates;
};

template <typename Id>
void CheckId(runtime::Settings& settings, absl::string_view key,
             const std::optional<std::string>& value) {
  if (!value) return;
  if (const auto id = Id::Parse(*value); !id.ok()) settings.Problem(key, id.status().message());
}

std::optional<absl::Duration> FindDuration(runtime::Settings& settings, absl::string_view key) {
  if (!settings.Has(key)) return std::nullopt;
  // What is no duration is told once, by the look-up.
  const absl::Duration duration = settings.GetDuration(key, absl::Seconds(1));
  if (duration <= absl::ZeroDuration()) settings.Problem(key, "must be more than 0");
  return duration;
}

absl::StatusOr<Layer> ReadLayer(runtime::Settings settings) {
  Layer layer;
  layer.coordinator = settings.FindString("coordinator");
  if (layer.coordinator && layer.coordinator->rfind("tcp://", 0) != 0) {
    settings.Problem("coordinator", "an address is written tcp://HOST:PORT");
  }
  layer.repository = settings.FindString("repository");
  layer.collection = settings.FindString("collection");
  layer.name = settings.FindString("name");
  CheckId<base::CollectionId>(settings, "collection", layer.collection);
  CheckId<base::ComponentId>(settings, "repository", layer.repository);
  CheckId<base::ComponentId>(settings, "name", layer.name);
  layer.identify_timeout = FindDuration(settings, "identify_timeout");
  layer.silence_timeout = FindDuration(settings, "silence_timeout");
  layer.rates = channel::ReadRates(settings);
  BITREPO_RETURN_IF_ERROR(settings.Finish());
  return layer;
}

std::string Environment(const SettingsPlaces& places, const std::string& name) {
  return places.environment(name).value_or("");
}

// `xdg` or, where that is not set, `under` the home directory; empty without a home.
std::string UserDirectory(const SettingsPlaces& places, const std::string& xdg,
                          absl::string_view under) {
  if (const std::string set = Environment(places, xdg); !set.empty()) {
    return absl::StrCat(set, "/bitrepo");
  }
  const std::string home = Environment(places, "HOME");
  return home.empty() ? "" : absl::StrCat(home, "/", under, "/bitrepo");
}

// The files to look at, best first; `named` when one was asked for and must be there.
std::vector<std::string> Candidates(const SettingsFlags& flags, const SettingsPlaces& places,
                                    bool& named) {
  named = true;
  if (!flags.config.empty()) return {flags.config};
  if (std::string set = Environment(places, "BITREPO_CONFIG"); !set.empty()) return {set};
  named = false;
  std::vector<std::string> files = {absl::StrCat(places.working_directory, "/", kSettingsFile)};
  if (const std::string user = UserDirectory(places, "XDG_CONFIG_HOME", ".config"); !user.empty()) {
    files.push_back(absl::StrCat(user, "/bitrepo.toml"));
  }
  if (const std::string local = DefaultLocalDirectory(places); !local.empty()) {
    files.push_back(absl::StrCat(local, "/", kSettingsFile));
  }
  files.push_back(places.system_file);
  return files;
}

std::string Choose(const std::string& first, const std::string& second,
                   const std::optional<std::string>& third, std::string otherwise) {
  if (!first.empty()) return first;
  if (!second.empty()) return second;
  return third.value_or(std::move(otherwise));
}

template <typename T>
void TakeOver(std::optional<T>& into, std::optional<T> from) {
  if (!into) into = std::move(from);
}

// Unless a file before has one of its level and name.
void AddRate(transfer::RateRule rule, std::vector<transfer::RateRule>& rates) {
  for (const transfer::RateRule& before : rates) {
    if (before.level == rule.level && before.name == rule.name) return;
  }
  rates.push_back(std::move(rule));
}

}  // namespace

protocol::Patience ClientSettings::PatienceOf() const {
  protocol::Patience patience;
  if (identify_timeout) patience.identify = *identify_timeout;
  if (silence_timeout) {
    patience.silence = *silence_timeout;
    patience.bus_absence = *silence_timeout;
  }
  return patience;
}

std::string DefaultLocalDirectory(const SettingsPlaces& places) {
  return UserDirectory(places, "XDG_DATA_HOME", ".local/share");
}

std::string StateDirectory(const SettingsPlaces& places) {
  return UserDirectory(places, "XDG_STATE_HOME", ".local/state");
}

absl::StatusOr<ClientSettings> ReadSettings(const SettingsFlags& flags,
                                            const SettingsPlaces& places) {
  ClientSettings result;
  std::vector<std::string> problems;
  Layer layer;
  bool named = false;
  for (const std::string& file : Candidates(flags, places, named)) {
    auto settings = runtime::Settings::Load(file);
    if (absl::IsNotFound(settings.status()) && !named) continue;
    if (!settings.ok()) {
      problems.emplace_back(settings.status().message());
      continue;
    }
    auto read = ReadLayer(*std::move(settings));
    if (!read.ok()) {
      problems.emplace_back(read.status().message());
      continue;
    }
    result.files.push_back(file);
    TakeOver(layer.coordinator, std::move(read->coordinator));
    TakeOver(layer.repository, std::move(read->repository));
    TakeOver(layer.collection, std::move(read->collection));
    TakeOver(layer.name, std::move(read->name));
    TakeOver(layer.identify_timeout, read->identify_timeout);
    TakeOver(layer.silence_timeout, read->silence_timeout);
    for (transfer::RateRule& rule : read->rates) AddRate(std::move(rule), result.rates);
  }
  if (!flags.identify_timeout.empty()) {
    const auto given = runtime::ParseDuration(flags.identify_timeout);
    if (given.ok()) {
      layer.identify_timeout = *given;
    } else {
      problems.push_back(absl::StrCat("--identify-timeout: ", given.status().message()));
    }
  }
  result.coordinator =
      Choose(flags.coordinator, Environment(places, "BITREPO_COORDINATOR"), layer.coordinator, "");
  result.collection = Choose(flags.collection, Environment(places, "BITREPO_COLLECTION"),
                             layer.collection, std::string(kDefaultCollection));
  result.repository = Choose("", Environment(places, "BITREPO_REPOSITORY"), layer.repository,
                             std::string(kDefaultRepository));
  result.name =
      Choose("", Environment(places, "BITREPO_NAME"), layer.name, PrincipalFrom(places.user_name));
  result.identify_timeout = layer.identify_timeout;
  result.silence_timeout = layer.silence_timeout;
  const auto check = [&problems](absl::string_view what, const absl::Status& status) {
    if (!status.ok()) problems.push_back(absl::StrCat(what, ": ", status.message()));
  };
  check("collection", base::CollectionId::Parse(result.collection).status());
  check("repository", base::ComponentId::Parse(result.repository).status());
  check("name", base::ComponentId::Parse(result.name).status());
  if (!result.coordinator.empty() && result.coordinator.rfind("tcp://", 0) != 0) {
    problems.push_back(absl::StrCat("coordinator: \"", result.coordinator,
                                    "\" is no address; it is written tcp://HOST:PORT"));
  }
  if (!problems.empty()) return absl::InvalidArgumentError(absl::StrJoin(problems, "\n"));
  return result;
}

std::string PrincipalFrom(const std::string& name) {
  std::string result;
  for (const char c : absl::AsciiStrToLower(name)) {
    const bool letter = absl::ascii_isalnum(static_cast<unsigned char>(c));
    if (letter || (!result.empty() && (c == '.' || c == '_' || c == '-'))) result.push_back(c);
  }
  constexpr size_t kRoomForSession = 16;  // sessions are the name and a suffix
  if (result.size() > base::kComponentIdBytesMax - kRoomForSession) {
    result.resize(base::kComponentIdBytesMax - kRoomForSession);
  }
  return result.empty() ? "someone" : result;
}

}  // namespace bitrepo::client

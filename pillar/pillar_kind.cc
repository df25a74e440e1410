// SPDX-License-Identifier: Apache-2.0
#include "pillar/pillar_kind.h"

#include "absl/strings/str_cat.h"

namespace bitrepo::pillar {
namespace {

constexpr char kKindKey[] = "pillar.kind";

requests::ChecksumIntake ReadIntake(runtime::Settings& settings) {
  constexpr char kKey[] = "checksum.download";
  const std::string word = settings.GetString(kKey, "when-missing");
  if (word == "always") return requests::ChecksumIntake::kAlways;
  if (word == "never") return requests::ChecksumIntake::kNever;
  if (word != "when-missing") {
    settings.Problem(kKey, "must be \"always\", \"when-missing\" or \"never\"");
  }
  return requests::ChecksumIntake::kWhenMissing;
}

absl::Duration ReadWait(runtime::Settings& settings, absl::string_view key,
                        absl::Duration otherwise) {
  const absl::Duration wait = settings.GetDuration(key, otherwise);
  if (wait >= absl::ZeroDuration() && wait <= absl::Hours(24)) return wait;
  settings.Problem(key, "must be between 0s and 24h");
  return otherwise;
}

void ReadNearline(runtime::Settings& settings, NearlineSettings& result) {
  result.media_directory = settings.RequireString("nearline.media");
  result.store.cache_bytes = settings.GetBytes("nearline.cache", result.store.cache_bytes);
  result.store.keep_written = settings.GetBool("nearline.keep_written", result.store.keep_written);

  store::SimulatedMediumOptions& medium = result.medium;
  medium.drives = static_cast<size_t>(
      settings.GetInt("nearline.drives", static_cast<int64_t>(medium.drives), 1, kDrivesMax));
  medium.volume_bytes = settings.GetBytes("nearline.volume", medium.volume_bytes);
  if (medium.volume_bytes < kVolumeBytesLeast) {
    settings.Problem("nearline.volume", "must be at least 1MiB");
  }
  medium.speed.load = ReadWait(settings, "nearline.load", medium.speed.load);
  medium.speed.seek = ReadWait(settings, "nearline.seek", medium.speed.seek);
  medium.speed.bytes_per_second =
      settings.GetBytes("nearline.bytes_per_second", medium.speed.bytes_per_second);
  if (medium.speed.bytes_per_second == 0) {
    settings.Problem("nearline.bytes_per_second", "must not be 0");
  }
  medium.speed.time_scale =
      settings.GetDouble("nearline.time_scale", medium.speed.time_scale, 0, 1000);
}

}  // namespace

absl::string_view KindName(wire::PillarKind kind) {
  switch (kind) {
    case wire::CHECKSUM_PILLAR:
      return "checksum";
    case wire::NEARLINE_PILLAR:
      return "nearline";
    default:
      return "full";
  }
}

void ReadKind(runtime::Settings& settings, wire::PillarKind& kind, requests::ChecksumIntake& intake,
              NearlineSettings& nearline) {
  const std::string word = settings.GetString(kKindKey, "full");
  if (word == "checksum") {
    kind = wire::CHECKSUM_PILLAR;
    intake = ReadIntake(settings);
  } else if (word == "nearline") {
    kind = wire::NEARLINE_PILLAR;
    ReadNearline(settings, nearline);
  } else if (word != "full") {
    settings.Problem(kKindKey, "must be \"full\", \"checksum\" or \"nearline\"");
    return;
  }
  for (const absl::string_view table : {"checksum", "nearline"}) {
    if (table == word || settings.KeysUnder(table).empty()) continue;
    settings.Problem(
        table, absl::StrCat("is for a ", table, " pillar; this one is ", word, " (pillar.kind)"));
  }
}

}  // namespace bitrepo::pillar

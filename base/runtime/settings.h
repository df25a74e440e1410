// SPDX-License-Identifier: Apache-2.0
// Settings files (TOML): typed look-ups that gather every problem, each with its line.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace bitrepo::runtime {

// A parsed file, or no file at all (every look-up then gives its default). Keys are dotted:
// "bus.endpoint". Use: look up all that is known, then Finish(), which also names unknown keys,
// with their lines. Loop-confined. Errors are gathered: a wrong value gives the default and a
// problem.
class Settings {
 public:
  static Settings Empty();
  // kNotFound when there is no file; kInvalidArgument "FILE:LINE: ..." for what is not TOML.
  static absl::StatusOr<Settings> Load(const std::string& path);
  static absl::StatusOr<Settings> Parse(absl::string_view text, std::string name);
  ~Settings();
  Settings(Settings&&) noexcept;
  Settings& operator=(Settings&&) noexcept;

  bool Has(absl::string_view key) const;
  std::string GetString(absl::string_view key, std::string otherwise);
  std::optional<std::string> FindString(absl::string_view key);
  std::string RequireString(absl::string_view key);  // a problem when absent
  bool GetBool(absl::string_view key, bool otherwise);
  int64_t GetInt(absl::string_view key, int64_t otherwise, int64_t lowest, int64_t highest);
  double GetDouble(absl::string_view key, double otherwise, double lowest, double highest);
  // "10s", "250ms", "2h", "90d".
  absl::Duration GetDuration(absl::string_view key, absl::Duration otherwise);
  // 1048576 or "16MiB", "10GB", "4KiB".
  uint64_t GetBytes(absl::string_view key, uint64_t otherwise);
  std::vector<std::string> GetStrings(absl::string_view key);
  // The keys directly under a table, in file order: names of collections and the like.
  std::vector<std::string> KeysUnder(absl::string_view table);
  // Adds a problem at the line of `key` (found by the caller's own check).
  void Problem(absl::string_view key, absl::string_view text);
  // OK, or kInvalidArgument with one "FILE:LINE: text" per line, in order of line, all of them.
  absl::Status Finish();

 private:
  struct State;
  explicit Settings(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// "16MiB", "1.5 GB", "4096": kInvalidArgument otherwise. Powers of 1024 for KiB..TiB, of 1000 for
// kB/KB..TB.
absl::StatusOr<uint64_t> ParseBytes(absl::string_view text);
absl::StatusOr<absl::Duration> ParseDuration(absl::string_view text);
std::string FormatBytes(uint64_t bytes);  // "1.0 GiB"

}  // namespace bitrepo::runtime

// SPDX-License-Identifier: Apache-2.0
// JSON Lines: one record a line, for programs; docs/json-lines.schema.json says what stands in
// each.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace bitrepo::commands {

inline constexpr int kJsonLinesVersion = 1;

// One record being filled in. Fields stay in the order they were set; text that is not UTF-8 is
// shown with replacement characters. Loop-confined.
class JsonRecord {
 public:
  explicit JsonRecord(absl::string_view type);
  ~JsonRecord();
  JsonRecord(JsonRecord&&) noexcept;
  JsonRecord& operator=(JsonRecord&&) noexcept;

  JsonRecord& Set(absl::string_view key, absl::string_view text);
  JsonRecord& Set(absl::string_view key, const char* text) {
    return Set(key, absl::string_view(text));
  }
  JsonRecord& Set(absl::string_view key, const std::string& text) {
    return Set(key, absl::string_view(text));
  }
  JsonRecord& Set(absl::string_view key, bool truth);
  JsonRecord& Set(absl::string_view key, uint64_t number);
  JsonRecord& Set(absl::string_view key, int number);
  JsonRecord& Set(absl::string_view key, double number);
  JsonRecord& Set(absl::string_view key, const std::vector<std::string>& texts);
  JsonRecord& SetTime(absl::string_view key, absl::Time time);  // RFC 3339, UTC
  // An object of its own, as the value of `key`.
  JsonRecord& Set(absl::string_view key, const JsonRecord& inner);
  JsonRecord& Set(absl::string_view key, const std::vector<JsonRecord>& inners);
  // Without type: for use as an inner object.
  static JsonRecord Inner();

  std::string ToString() const;  // without the end of line

 private:
  struct State;
  JsonRecord();
  std::unique_ptr<State> state_;
};

// One object read back. Fields that are not there, or of another kind, are empty. Loop-confined.
class JsonObject {
 public:
  // kInvalidArgument: not an object.
  static absl::StatusOr<JsonObject> Parse(absl::string_view text);
  ~JsonObject();
  JsonObject(JsonObject&&) noexcept;
  JsonObject& operator=(JsonObject&&) noexcept;

  std::string Text(const std::string& key) const;
  uint64_t Number(const std::string& key) const;
  bool Truth(const std::string& key) const;
  std::vector<std::string> Texts(const std::string& key) const;
  std::vector<JsonObject> Objects(const std::string& key) const;

 private:
  struct State;
  JsonObject();
  std::unique_ptr<State> state_;
};

}  // namespace bitrepo::commands

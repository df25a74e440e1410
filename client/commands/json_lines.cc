// SPDX-License-Identifier: Apache-2.0
#include "client/commands/json_lines.h"

#include <nlohmann/json.hpp>

namespace bitrepo::commands {

struct JsonRecord::State {
  nlohmann::ordered_json object = nlohmann::ordered_json::object();
};

JsonRecord::JsonRecord() : state_(std::make_unique<State>()) {}

JsonRecord::JsonRecord(absl::string_view type) : JsonRecord() {
  Set("v", kJsonLinesVersion);
  Set("type", type);
}

JsonRecord::~JsonRecord() = default;
JsonRecord::JsonRecord(JsonRecord&&) noexcept = default;
JsonRecord& JsonRecord::operator=(JsonRecord&&) noexcept = default;

JsonRecord JsonRecord::Inner() { return JsonRecord(); }

JsonRecord& JsonRecord::Set(absl::string_view key, absl::string_view text) {
  state_->object[std::string(key)] = std::string(text);
  return *this;
}

JsonRecord& JsonRecord::Set(absl::string_view key, bool truth) {
  state_->object[std::string(key)] = truth;
  return *this;
}

JsonRecord& JsonRecord::Set(absl::string_view key, uint64_t number) {
  state_->object[std::string(key)] = number;
  return *this;
}

JsonRecord& JsonRecord::Set(absl::string_view key, int number) {
  state_->object[std::string(key)] = number;
  return *this;
}

JsonRecord& JsonRecord::Set(absl::string_view key, double number) {
  state_->object[std::string(key)] = number;
  return *this;
}

JsonRecord& JsonRecord::Set(absl::string_view key, const std::vector<std::string>& texts) {
  state_->object[std::string(key)] = texts;
  return *this;
}

JsonRecord& JsonRecord::SetTime(absl::string_view key, absl::Time time) {
  return Set(key, absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", time, absl::UTCTimeZone()));
}

JsonRecord& JsonRecord::Set(absl::string_view key, const JsonRecord& inner) {
  state_->object[std::string(key)] = inner.state_->object;
  return *this;
}

JsonRecord& JsonRecord::Set(absl::string_view key, const std::vector<JsonRecord>& inners) {
  nlohmann::ordered_json& list = state_->object[std::string(key)];
  list = nlohmann::ordered_json::array();
  for (const JsonRecord& inner : inners) list.push_back(inner.state_->object);
  return *this;
}

std::string JsonRecord::ToString() const {
  return state_->object.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace bitrepo::commands

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

struct JsonObject::State {
  nlohmann::json object = nlohmann::json::object();
};

JsonObject::JsonObject() : state_(std::make_unique<State>()) {}
JsonObject::~JsonObject() = default;
JsonObject::JsonObject(JsonObject&&) noexcept = default;
JsonObject& JsonObject::operator=(JsonObject&&) noexcept = default;

absl::StatusOr<JsonObject> JsonObject::Parse(absl::string_view text) {
  JsonObject parsed;
  parsed.state_->object = nlohmann::json::parse(text.begin(), text.end(), nullptr, false);
  if (!parsed.state_->object.is_object()) return absl::InvalidArgumentError("no JSON object");
  return parsed;
}

std::string JsonObject::Text(const std::string& key) const {
  const auto found = state_->object.find(key);
  return found != state_->object.end() && found->is_string() ? found->get<std::string>() : "";
}

uint64_t JsonObject::Number(const std::string& key) const {
  const auto found = state_->object.find(key);
  return found != state_->object.end() && found->is_number_unsigned() ? found->get<uint64_t>() : 0;
}

bool JsonObject::Truth(const std::string& key) const {
  const auto found = state_->object.find(key);
  return found != state_->object.end() && found->is_boolean() && found->get<bool>();
}

std::vector<std::string> JsonObject::Texts(const std::string& key) const {
  std::vector<std::string> texts;
  const auto found = state_->object.find(key);
  if (found == state_->object.end() || !found->is_array()) return texts;
  for (const nlohmann::json& each : *found) {
    if (each.is_string()) texts.push_back(each.get<std::string>());
  }
  return texts;
}

std::vector<JsonObject> JsonObject::Objects(const std::string& key) const {
  std::vector<JsonObject> objects;
  const auto found = state_->object.find(key);
  if (found == state_->object.end() || !found->is_array()) return objects;
  for (const nlohmann::json& each : *found) {
    if (!each.is_object()) continue;
    JsonObject object;
    object.state_->object = each;
    objects.push_back(std::move(object));
  }
  return objects;
}

}  // namespace bitrepo::commands

// SPDX-License-Identifier: Apache-2.0
#include "tests/system/json_schema.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>

#include "absl/strings/str_cat.h"

namespace bitrepo::system_test {
namespace {

using Json = nlohmann::json;

// Schemas stand directly under these, in a list, or by name.
const std::set<std::string>& SchemaKeywords() {
  static const std::set<std::string> kKeywords = {"items", "additionalProperties"};
  return kKeywords;
}
const std::set<std::string>& ListKeywords() {
  static const std::set<std::string> kKeywords = {"oneOf", "anyOf"};
  return kKeywords;
}
const std::set<std::string>& MapKeywords() {
  static const std::set<std::string> kKeywords = {"properties", "definitions"};
  return kKeywords;
}
const std::set<std::string>& OtherKeywords() {
  static const std::set<std::string> kKeywords = {"$schema",     "$id",     "$ref",    "title",
                                                  "description", "type",    "const",   "enum",
                                                  "required",    "pattern", "minimum", "minLength"};
  return kKeywords;
}

bool HasType(const Json& value, const std::string& type) {
  if (type == "object") return value.is_object();
  if (type == "array") return value.is_array();
  if (type == "string") return value.is_string();
  if (type == "integer") return value.is_number_integer();
  if (type == "number") return value.is_number();
  if (type == "boolean") return value.is_boolean();
  return false;
}

}  // namespace

struct JsonSchema::State {
  Json root;

  const Json& Resolve(const std::string& reference) const {
    return root.at(Json::json_pointer(reference.substr(1)));
  }

  std::string Unknown(const Json& schema, const std::string& place) const {
    if (!schema.is_object()) return absl::StrCat(place, " is no schema");
    for (const auto& [keyword, value] : schema.items()) {
      const std::string here = absl::StrCat(place, "/", keyword);
      std::string fault;
      if (SchemaKeywords().count(keyword) > 0) {
        fault = Unknown(value, here);
      } else if (ListKeywords().count(keyword) > 0 || MapKeywords().count(keyword) > 0) {
        for (const auto& [name, inner] : value.items()) {
          if (fault.empty()) fault = Unknown(inner, absl::StrCat(here, "/", name));
        }
      } else if (OtherKeywords().count(keyword) == 0) {
        fault = absl::StrCat(here, " is not known");
      }
      if (!fault.empty()) return fault;
    }
    return "";
  }

  std::string Fault(const Json& schema, const Json& value, const std::string& place) const {
    for (const auto& [keyword, rule] : schema.items()) {
      std::string fault = FaultOf(keyword, rule, schema, value, place);
      if (!fault.empty()) return fault;
    }
    return "";
  }

  std::string FaultOf(const std::string& keyword, const Json& rule, const Json& schema,
                      const Json& value, const std::string& place) const {
    const auto wrong = [&] {
      return absl::StrCat(place, " breaks ", keyword, " ", rule.dump(), ": ", value.dump());
    };
    if (keyword == "$ref") return Fault(Resolve(rule), value, place);
    if (keyword == "type") return HasType(value, rule) ? "" : wrong();
    if (keyword == "const") return value == rule ? "" : wrong();
    if (keyword == "enum") {
      return std::find(rule.begin(), rule.end(), value) != rule.end() ? "" : wrong();
    }
    if (keyword == "oneOf" || keyword == "anyOf") return Alternatives(keyword, rule, value, place);
    if (value.is_string()) {
      const std::string& text = value.get_ref<const std::string&>();
      if (keyword == "pattern") {
        return std::regex_search(text, std::regex(rule.get<std::string>())) ? "" : wrong();
      }
      if (keyword == "minLength") return text.size() >= rule.get<size_t>() ? "" : wrong();
    }
    if (value.is_number() && keyword == "minimum") return value >= rule ? "" : wrong();
    if (value.is_array() && keyword == "items") {
      for (size_t i = 0; i < value.size(); ++i) {
        std::string fault = Fault(rule, value[i], absl::StrCat(place, "/", i));
        if (!fault.empty()) return fault;
      }
    }
    if (value.is_object()) return FaultOfObject(keyword, rule, schema, value, place);
    return "";
  }

  std::string FaultOfObject(const std::string& keyword, const Json& rule, const Json& schema,
                            const Json& value, const std::string& place) const {
    if (keyword == "required") {
      for (const Json& name : rule) {
        if (!value.contains(name.get<std::string>())) {
          return absl::StrCat(place, " lacks ", name.dump());
        }
      }
      return "";
    }
    if (keyword != "properties" && keyword != "additionalProperties") return "";
    const Json& properties = schema.contains("properties") ? schema["properties"] : Json::object();
    for (const auto& [name, member] : value.items()) {
      const bool named = properties.contains(name);
      if (named != (keyword == "properties")) continue;
      const Json& inner = named ? properties.at(name) : rule;
      std::string fault = Fault(inner, member, absl::StrCat(place, "/", name));
      if (!fault.empty()) return fault;
    }
    return "";
  }

  std::string Alternatives(const std::string& keyword, const Json& rule, const Json& value,
                           const std::string& place) const {
    size_t valid = 0;
    std::string faults;
    for (const Json& schema : rule) {
      const std::string fault = Fault(schema, value, place);
      valid += fault.empty() ? 1 : 0;
      absl::StrAppend(&faults, fault.empty() ? "" : "\n  ", fault);
    }
    if (valid == 1 || (valid > 1 && keyword == "anyOf")) return "";
    return absl::StrCat(place, " is valid by ", valid, " of ", keyword, faults);
  }
};

JsonSchema::JsonSchema(const std::string& text) : state_(std::make_unique<State>()) {
  state_->root = Json::parse(text);
}
JsonSchema::~JsonSchema() = default;

std::string JsonSchema::Fault(const std::string& text) const {
  const Json value = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (value.is_discarded()) return absl::StrCat("no JSON: ", text);
  return state_->Fault(state_->root, value, "");
}

std::string JsonSchema::Unknown() const { return state_->Unknown(state_->root, ""); }

}  // namespace bitrepo::system_test

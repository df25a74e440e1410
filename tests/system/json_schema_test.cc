// SPDX-License-Identifier: Apache-2.0
#include "tests/system/json_schema.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bitrepo::system_test {
namespace {

using ::testing::HasSubstr;

// The fault of `value` by `schema`.
std::string Fault(const std::string& schema, const std::string& value) {
  return JsonSchema(schema).Fault(value);
}

TEST(JsonSchema, EachRuleCanBreak) {
  struct Row {
    const char* schema;
    const char* good;
    const char* bad;
  };
  for (const Row& row :
       {Row{R"({"type":"object"})", "{}", "[]"}, Row{R"({"type":"integer"})", "1", "1.5"},
        Row{R"({"type":"number"})", "1.5", "\"1\""}, Row{R"({"type":"boolean"})", "true", "1"},
        Row{R"({"const":1})", "1", "2"}, Row{R"({"enum":["a","b"]})", "\"b\"", "\"c\""},
        Row{R"({"required":["a"]})", R"({"a":1})", R"({"b":1})"},
        Row{R"({"properties":{"a":{"type":"string"}}})", R"({"a":"x","b":1})", R"({"a":1})"},
        Row{R"({"properties":{"a":{}},"additionalProperties":{"type":"string"}})",
            R"({"a":1,"b":"x"})", R"({"a":1,"b":1})"},
        Row{R"({"items":{"minimum":0}})", "[0,1]", "[0,-1]"},
        Row{R"({"pattern":"^[a-f]+$"})", "\"abc\"", "\"abcx\""},
        Row{R"({"minLength":1})", "\"a\"", "\"\""},
        Row{R"({"oneOf":[{"type":"string"},{"minLength":3}]})", "\"ab\"", "\"abc\""},
        Row{R"({"anyOf":[{"type":"string"},{"type":"boolean"}]})", "\"ab\"", "3"},
        Row{R"({"$ref":"#/definitions/n","definitions":{"n":{"minimum":3}}})", "3", "2"}}) {
    EXPECT_EQ(Fault(row.schema, row.good), "") << row.schema;
    EXPECT_NE(Fault(row.schema, row.bad), "") << row.schema;
    EXPECT_EQ(JsonSchema(row.schema).Unknown(), "") << row.schema;
  }
}

TEST(JsonSchema, WhatIsNoJsonIsAFault) {
  EXPECT_THAT(Fault("{}", "{"), HasSubstr("no JSON"));
  EXPECT_THAT(Fault("{}", ""), HasSubstr("no JSON"));
}

TEST(JsonSchema, AnUnknownKeywordIsTold) {
  EXPECT_THAT(JsonSchema(R"({"maxLength":3})").Unknown(), HasSubstr("maxLength"));
  EXPECT_THAT(JsonSchema(R"({"properties":{"a":{"oneOf":[{"if":{}}]}}})").Unknown(),
              HasSubstr("/properties/a/oneOf/0/if"));
}

TEST(JsonSchema, AFaultNamesItsPlace) {
  EXPECT_THAT(Fault(R"({"properties":{"a":{"items":{"type":"string"}}}})", R"({"a":["x",2]})"),
              HasSubstr("/a/1 breaks type"));
}

}  // namespace
}  // namespace bitrepo::system_test

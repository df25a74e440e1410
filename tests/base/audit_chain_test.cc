// SPDX-License-Identifier: Apache-2.0
#include "base/audit_chain.h"

#include <gtest/gtest.h>

#include "absl/strings/escaping.h"

namespace bitrepo::base {
namespace {

AuditLine Line() {
  AuditLine line;
  line.sequence = 7;
  line.at_us = 1'700'000'000'000'001;
  line.action = "PUT_FILE";
  line.collection = "books";
  line.file_id = "a\tb";
  line.principal = "alice";
  line.result = "OPERATION_COMPLETED";
  return line;
}

TEST(AuditChain, ALineHasItsFieldsBetweenTabsWithControlsEscaped) {
  EXPECT_EQ(LineOf(Line()),
            "7\t1700000000000001\tPUT_FILE\tbooks\ta\\tb\talice\t\tOPERATION_COMPLETED\t");
}

TEST(AuditChain, BytesOfUtf8StayReadable) {
  AuditLine line = Line();
  line.detail = "caf\xc3\xa9\n\\";
  EXPECT_EQ(LineOf(line).substr(LineOf(line).rfind('\t')), "\tcaf\xc3\xa9\\n\\\\");
}

// As `(head -c32 /dev/zero; printf x) | sha256sum` prints it.
TEST(AuditChain, AHashCoversTheOneBeforeItAndTheLine) {
  EXPECT_EQ(ChainStart(), std::string(kChainHashBytes, '\0'));
  const std::string first = ChainHash(ChainStart(), "x");
  EXPECT_EQ(absl::BytesToHexString(first),
            "fdded6faced1af47fdaaac589602f58e0e040a882627806c42ddcc38da604cf0");
  EXPECT_NE(ChainHash(first, "x"), first);
}

}  // namespace
}  // namespace bitrepo::base

// SPDX-License-Identifier: Apache-2.0
// The vectors of tests/golden/: what we say is those bytes, and those bytes are understood.
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <set>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "bus/protocol/envelope.h"
#include "bus/protocol/response_code.h"
#include "tests/bus/protocol/golden_vectors.h"
#include "tests/bus/protocol/message_samples.h"
#include "tests/support/files.h"

namespace bitrepo::protocol {
namespace {

using samples::Vector;

constexpr const char* kFrameNames[] = {"destination", "header", "body", "secret", "signature"};
constexpr size_t kHexPerLine = 96;

std::string FileOf(const std::string& name) {
  return absl::StrCat(BITREPO_SOURCE_ROOT, "/tests/golden/", name, ".hex");
}

// "# about", "expect valid|CAUSE", then for each frame its name and its hex on indented lines.
std::string Write(const Vector& vector) {
  std::string text = absl::StrCat("# ", vector.about, "\nexpect ",
                                  vector.cause.empty() ? "valid" : vector.cause, "\n");
  for (size_t i = 0; i < vector.frames.size(); ++i) {
    absl::StrAppend(&text, kFrameNames[i], "\n");
    const std::string hex = absl::BytesToHexString(vector.frames[i]);
    for (size_t at = 0; at < hex.size(); at += kHexPerLine) {
      absl::StrAppend(&text, "  ", hex.substr(at, kHexPerLine), "\n");
    }
  }
  return text;
}

Vector Read(const std::string& name) {
  const std::string text = testing_support::TextOf(FileOf(name));
  Vector vector;
  vector.name = name;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    if (absl::StartsWith(line, "expect ")) {
      vector.cause = line == "expect valid" ? "" : std::string(line.substr(7));
    } else if (absl::StartsWith(line, "  ")) {
      vector.frames.back() += absl::HexStringToBytes(line.substr(2));
    } else if (!line.empty() && line[0] != '#') {
      vector.frames.emplace_back();
    }
  }
  return vector;
}

std::vector<Vector> AllVectors() {
  std::vector<Vector> vectors = samples::Vectors();
  for (Vector& skew : samples::SkewVectors()) {
    vectors.push_back(std::move(skew));
  }
  return vectors;
}

TEST(Golden, WeSayExactlyTheseBytes) {
  if (std::getenv("BITREPO_WRITE_GOLDEN") != nullptr) {
    for (const Vector& vector : AllVectors()) {
      std::ofstream(FileOf(vector.name)) << Write(vector);
    }
  }
  for (const Vector& vector : AllVectors()) {
    EXPECT_EQ(testing_support::TextOf(FileOf(vector.name)), Write(vector))
        << vector.name << ": the bytes on the wire have changed. When that is meant: "
        << "BITREPO_WRITE_GOLDEN=1 protocol_golden_test";
  }
}

TEST(Golden, TheseBytesAreUnderstood) {
  for (const Vector& expected : AllVectors()) {
    const Vector vector = Read(expected.name);
    EnvelopeFault fault;
    const auto opened = OpenEnvelope(vector.frames, fault);
    EXPECT_EQ(opened.ok(), vector.cause.empty()) << expected.name << ": " << fault.text;
    EXPECT_EQ(fault.cause, vector.cause) << expected.name;
    EXPECT_TRUE(opened.ok() || fault.header_usable) << expected.name;
  }
  for (const samples::Sample& sample : samples::All()) {
    EnvelopeFault fault;
    const auto opened = OpenEnvelope(Read(sample.name).frames, fault);
    ASSERT_TRUE(opened.ok()) << sample.name;
    wire::Body body = opened->body;
    body.clear_secret_sha256();
    EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(body, sample.body))
        << sample.name;
    EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(opened->header, sample.header))
        << sample.name;
  }
}

// [B-4] [B-5] [B-6] [B-23] What a component of another version is answered, by kind and code.
TEST(Golden, OtherVersionsAreAnsweredOrUnderstood) {
  size_t answered = 0;
  for (const Vector& expected : samples::SkewVectors()) {
    SCOPED_TRACE(expected.name);
    const Vector vector = Read(expected.name);
    EnvelopeFault fault;
    const auto opened = OpenEnvelope(vector.frames, fault);
    ASSERT_EQ(opened.ok(), expected.cause.empty()) << fault.text;
    if (expected.code == wire::RESPONSE_CODE_UNSPECIFIED) {
      continue;
    }
    ++answered;
    EXPECT_EQ(fault.code, expected.code);
    EnvelopeFault none;
    const auto answer = OpenEnvelope(Read(expected.name + "-answer").frames, none);
    ASSERT_TRUE(answer.ok()) << none.text;
    EXPECT_EQ(answer->body.response().code(), expected.code);
    EXPECT_EQ(answer->header.kind(),
              fault.header.kind() == wire::IDENTIFY ? wire::IDENTIFY_REPLY : wire::FINAL);
    EXPECT_EQ(answer->header.answers(), fault.header.message_id());
    EXPECT_EQ(answer->header.min_version(), kProtocolVersionMin)
        << "whoever is newer must be able to read its refusal";
  }
  EXPECT_EQ(answered, 10u);
}

// [B-7] What is not known is ignored, and is there still when the message is passed on.
TEST(Golden, UnknownFieldsStayInTheBytes) {
  for (const char* name : {"skew-newer-unknown-field", "skew-newer-unknown-header-field",
                           "skew-newer-nested-unknown-field"}) {
    const Frames frames = Read(name).frames;
    EnvelopeFault fault;
    const auto opened = OpenEnvelope(frames, fault);
    ASSERT_TRUE(opened.ok()) << name;
    EXPECT_EQ(ToFrames(*opened), frames) << name;
    EXPECT_EQ(ToFrames(*OpenForRouting(frames, fault)), frames) << name;
  }
}

// [B-20]
TEST(Golden, ACodeThatIsNotKnownIsAFailure) {
  EnvelopeFault fault;
  const auto final = OpenEnvelope(Read("skew-newer-code").frames, fault);
  ASSERT_TRUE(final.ok());
  EXPECT_EQ(RowOf(final->body.response().code()).code, wire::FAILURE);
}

}  // namespace
}  // namespace bitrepo::protocol

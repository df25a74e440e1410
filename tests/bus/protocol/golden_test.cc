// SPDX-License-Identifier: Apache-2.0
// The vectors of tests/golden/: what we say is those bytes, and those bytes are understood.
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "bus/protocol/envelope.h"
#include "tests/bus/protocol/message_samples.h"

namespace bitrepo::protocol {
namespace {

constexpr const char* kFrameNames[] = {"destination", "header", "body", "secret", "signature"};
constexpr size_t kHexPerLine = 96;

struct Vector {
  std::string name;
  std::string about;
  Frames frames;
  std::string cause;  // empty: it is valid
};

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
  std::ifstream file(FileOf(name));
  std::stringstream text;
  text << file.rdbuf();
  Vector vector;
  vector.name = name;
  for (const absl::string_view line : absl::StrSplit(text.str(), '\n')) {
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

Frames Edited(const std::string& sample, const std::function<void(wire::Header&)>& header,
              const std::function<void(std::string&)>& body) {
  samples::Sample changed = samples::ByName(sample);
  Frames frames = ToFrames(samples::Seal(changed));
  header(changed.header);
  frames[1] = changed.header.SerializeAsString();
  body(frames[2]);
  return frames;
}

std::vector<Vector> Vectors() {
  std::vector<Vector> vectors;
  for (const samples::Sample& sample : samples::All()) {
    vectors.push_back({sample.name, "one valid message", ToFrames(samples::Seal(sample)), ""});
  }
  const auto same_header = [](wire::Header&) {};
  const auto same_body = [](std::string&) {};
  vectors.push_back(
      {"skew-newer-unknown-field",
       "version 2, understood from 1 on, with field 2000 = 1 in the body: it is ignored",
       Edited(
           "put-file-request", [](wire::Header& h) { h.set_version(2); },
           [](std::string& b) { b += std::string("\x80\x7d\x01", 3); }),
       ""});
  vectors.push_back(
      {"skew-must-understand",
       "a feature that must be understood and is not: REQUEST_NOT_SUPPORTED",
       Edited(
           "put-file-request", [](wire::Header& h) { h.add_must_understand("base-generation"); },
           same_body),
       "feature"});
  vectors.push_back({"skew-too-new", "understood from version 2 on: VERSION_NOT_SUPPORTED",
                     Edited(
                         "put-file-request",
                         [](wire::Header& h) {
                           h.set_version(2);
                           h.set_min_version(2);
                         },
                         same_body),
                     "version"});
  vectors.push_back({"skew-reserved-operation",
                     "UpdateFile, whose messages are not there yet: REQUEST_NOT_SUPPORTED",
                     Edited(
                         "put-file-request",
                         [](wire::Header& h) { h.set_operation(wire::UPDATE_FILE); }, same_body),
                     "operation"});
  vectors.push_back({"bad-body", "a body that ends in the middle of a field",
                     Edited("put-file-request", same_header, [](std::string& b) { b.pop_back(); }),
                     "body-garbage"});
  return vectors;
}

TEST(Golden, WeSayExactlyTheseBytes) {
  if (std::getenv("BITREPO_WRITE_GOLDEN") != nullptr) {
    for (const Vector& vector : Vectors()) {
      std::ofstream(FileOf(vector.name)) << Write(vector);
    }
  }
  for (const Vector& vector : Vectors()) {
    std::ifstream file(FileOf(vector.name));
    std::stringstream text;
    text << file.rdbuf();
    EXPECT_EQ(text.str(), Write(vector))
        << vector.name << ": the bytes on the wire have changed. When that is meant: "
        << "BITREPO_WRITE_GOLDEN=1 protocol_golden_test";
  }
}

TEST(Golden, TheseBytesAreUnderstood) {
  for (const Vector& expected : Vectors()) {
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

}  // namespace
}  // namespace bitrepo::protocol

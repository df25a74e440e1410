// SPDX-License-Identifier: Apache-2.0
// Tables of what is not valid: each row spoils one sample in one way and says with which word and
// code it is refused.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "bus/protocol/envelope.h"
#include "tests/bus/protocol/message_samples.h"

namespace bitrepo::protocol::samples {

struct BadRow {
  std::string what;
  std::string sample;
  std::function<void(Sample&)> spoil;
  std::string cause;  // empty: it is valid
  wire::ResponseCode code = wire::REQUEST_NOT_UNDERSTOOD_FAILURE;
};

// What is wrong with the sample when it comes as it is, unchecked by a sender.
inline EnvelopeFault Open(const Sample& sample) {
  Sample untouched = ByName(sample.name);
  Frames frames = ToFrames(Seal(untouched));
  const std::string digest = [&] {
    EnvelopeFault ignored;
    return OpenEnvelope(frames, ignored)->body.secret_sha256();
  }();
  wire::Body body = sample.body;
  if (body.secret_sha256().empty() && !digest.empty()) {
    body.set_secret_sha256(digest);
  }
  frames[0] = sample.destination.ToString();
  frames[1] = sample.header.SerializeAsString();
  frames[2] = body.SerializeAsString();
  EnvelopeFault fault;
  const bool ok = OpenEnvelope(frames, fault).ok();
  EXPECT_EQ(ok, fault.cause.empty());
  return fault;
}

inline void Check(const std::vector<BadRow>& rows) {
  for (const BadRow& row : rows) {
    SCOPED_TRACE(row.what);
    Sample sample = ByName(row.sample);
    row.spoil(sample);
    const EnvelopeFault fault = Open(sample);
    EXPECT_EQ(fault.cause, row.cause) << fault.text;
    // The sender is told by its own side first.
    EXPECT_EQ(SealEnvelope(sample.destination, sample.header, sample.body, sample.secret).ok(),
              row.cause.empty());
    if (!row.cause.empty()) {
      EXPECT_EQ(fault.code, row.code) << fault.text;
      EXPECT_FALSE(fault.text.empty());
    }
  }
}

}  // namespace bitrepo::protocol::samples

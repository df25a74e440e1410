// SPDX-License-Identifier: Apache-2.0
// Where a test writes into a sink, and has its answer at once.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>

#include "base/byte_range.h"
#include "base/checksum.h"
#include "channel/sink.h"
#include "tests/pillar/slow_workers.h"
#include "tests/support/manual_event_loop.h"

namespace bitrepo::client {

inline base::ByteRange Range(uint64_t offset, uint64_t length) {
  return *base::ByteRange::Make(offset, length);
}
inline base::Digest Sha256(absl::string_view text) {
  return base::Hasher::Of(base::Algorithm::kSha256, text);
}

class SinkBench : public ::testing::Test {
 protected:
  absl::Status Write(channel::Sink& sink, uint64_t offset, const std::string& text) {
    absl::Status result = absl::UnknownError("no answer");
    sink.Write(Range(offset, text.size()), base::Buffer::Of(text),
               [&result](absl::Status written) { result = std::move(written); });
    loop_.Advance(absl::Seconds(1));
    return result;
  }
  wire::ResponseInfo Commit(channel::Sink& sink, uint64_t size,
                            std::optional<base::Digest> digest) {
    wire::ResponseInfo result;
    sink.Commit(size, std::move(digest),
                [&result](wire::ResponseInfo answer) { result = std::move(answer); });
    loop_.Advance(absl::Seconds(1));
    return result;
  }

  testing_support::ManualEventLoop loop_;
  pillar::SlowWorkers workers_{loop_};
};

}  // namespace bitrepo::client

// SPDX-License-Identifier: Apache-2.0
// Sources and sinks in memory, for transfers of a simulated client.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "channel/sink.h"
#include "channel/source.h"

namespace bitrepo::simulation {

// Gives the bytes of one string. Loop-confined.
class MemorySource final : public channel::Source {
 public:
  explicit MemorySource(std::string bytes) : bytes_(base::Buffer::Of(std::move(bytes))) {}
  uint64_t size_bytes() const override { return bytes_.size(); }
  void Read(base::ByteRange range,
            absl::AnyInvocable<void(absl::StatusOr<base::Buffer>)> done) override;
  void Facts(absl::AnyInvocable<void(absl::StatusOr<channel::CommitFacts>)> done) override;
  void Finished(const absl::Status& how) override;

 private:
  base::Buffer bytes_;
};

// Keeps what arrives for one range, and refuses a commit whose digest is not that of the bytes.
// Loop-confined.
class MemorySink final : public channel::Sink {
 public:
  explicit MemorySink(base::ByteRange range) : range_(range), bytes_(range.length(), '\0') {}
  void Write(base::ByteRange range, base::Buffer bytes,
             absl::AnyInvocable<void(absl::Status)> done) override;
  void Commit(uint64_t size_bytes, std::optional<base::Digest> sha256,
              absl::AnyInvocable<void(wire::ResponseInfo)> done) override;
  void Aborted(const absl::Status& why) override;
  const std::string& bytes() const { return bytes_; }

 private:
  base::ByteRange range_;
  std::string bytes_;
};

}  // namespace bitrepo::simulation

// SPDX-License-Identifier: Apache-2.0
// A source and a sink in memory that count what is asked of them, and hold, fail or refuse as a
// test says.
#pragma once

#include <algorithm>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/checksum.h"
#include "base/range_set.h"
#include "channel/sink.h"
#include "channel/source.h"

namespace bitrepo::channel {

// Loop-confined. Answers at once, unless it holds.
class TextSource final : public Source {
 public:
  using ReadDone = absl::AnyInvocable<void(absl::StatusOr<base::Buffer>)>;
  explicit TextSource(std::string text) : text_(base::Buffer::Of(std::move(text))) {}
  uint64_t size_bytes() const override { return text_.size(); }
  void Read(base::ByteRange range, ReadDone done) override {
    reads.Add(range);
    read_bytes += range.length();
    if (hold) {
      held.emplace_back(range, std::move(done));
      return;
    }
    Answer(range, done);
  }
  void Facts(absl::AnyInvocable<void(absl::StatusOr<CommitFacts>)> done) override {
    ++facts_asked;
    if (!changed.ok()) {
      done(changed);
      return;
    }
    const std::string& claimed = claims.empty() ? std::string(text_.text()) : claims;
    done(CommitFacts{text_.size(), base::Hasher::Of(base::Algorithm::kSha256, claimed)});
  }
  void Finished(const absl::Status& how) override { finished.push_back(how); }
  void ReleaseAll() {
    while (!held.empty()) {
      auto [range, done] = std::move(held.front());
      held.pop_front();
      Answer(range, done);
    }
  }

  bool hold = false;
  base::RangeSet reads;
  uint64_t read_bytes = 0;
  int facts_asked = 0;
  base::ByteRange fail_at;  // reads that touch it fail
  absl::Status changed;     // what Facts says instead
  std::string claims;       // Facts tells the digest of this instead
  std::vector<absl::Status> finished;
  std::deque<std::pair<base::ByteRange, ReadDone>> held;

 private:
  void Answer(const base::ByteRange& range, ReadDone& done) {
    if (!fail_at.Intersect(range).empty()) {
      done(absl::DataLossError("the block is damaged"));
      return;
    }
    done(text_.Part(range.offset(), range.length()));
  }
  base::Buffer text_;
};

// Loop-confined. Answers at once, unless it holds.
class TextSink final : public Sink {
 public:
  using Done = absl::AnyInvocable<void(absl::Status)>;
  base::RangeSet held() const override { return has; }
  void Write(base::ByteRange range, base::Buffer bytes, Done done) override {
    ++writes;
    if (!fail_write.ok()) {
      done(fail_write);
      return;
    }
    if (text.size() < range.end()) {
      text.resize(range.end());
    }
    const absl::string_view from = bytes.text();
    text.replace(range.offset(), range.length(), from.data(), from.size());
    written.Add(range);
    written_bytes += range.length();
    if (hold) {
      held_bytes += range.length();
      held_bytes_most = std::max(held_bytes_most, held_bytes);
      held_writes.emplace_back(std::move(bytes), std::move(done));
    } else {
      done(absl::OkStatus());
    }
  }
  void Commit(uint64_t size_bytes, std::optional<base::Digest> sha256,
              absl::AnyInvocable<void(wire::ResponseInfo)> done) override {
    ++commits;
    committed_size = size_bytes;
    committed_digest = sha256;
    wire::ResponseInfo response;
    response.set_code(wire::OPERATION_COMPLETED);
    if (!digest_only && sha256.has_value() &&
        *sha256 != base::Hasher::Of(base::Algorithm::kSha256, text)) {
      response.set_code(wrong_bytes);
      response.set_text("the bytes do not have the digest committed to");
    }
    if (hold_commit) {
      held_commit = [done = std::move(done), response]() mutable { done(response); };
    } else {
      done(response);
    }
  }
  void Aborted(const absl::Status& why) override { aborted.push_back(why); }
  bool takes_any_order() const override { return any_order; }

  // Answers the oldest held write.
  void Release() {
    auto [bytes, done] = std::move(held_writes.front());
    held_writes.pop_front();
    held_bytes -= bytes.size();
    done(absl::OkStatus());
  }
  void ReleaseAll() {
    while (!held_writes.empty()) {
      Release();
    }
  }

  // Begins with these bytes of `whole`.
  void Hold(const std::string& whole, const base::ByteRange& range) {
    has.Add(range);
    text.resize(std::max<size_t>(text.size(), range.end()));
    text.replace(range.offset(), range.length(), whole, range.offset(), range.length());
  }

  base::RangeSet has;
  bool hold = false;
  bool hold_commit = false;
  bool digest_only = false;  // takes the digest for what it is
  absl::Status fail_write;
  std::string text;
  base::RangeSet written;
  uint64_t written_bytes = 0;
  bool any_order = false;
  wire::ResponseCode wrong_bytes = wire::NEW_FILE_CHECKSUM_FAILURE;  // what it says of them
  uint64_t held_bytes = 0;
  uint64_t held_bytes_most = 0;
  int writes = 0;
  int commits = 0;
  uint64_t committed_size = 0;
  std::optional<base::Digest> committed_digest;
  std::vector<absl::Status> aborted;
  std::deque<std::pair<base::Buffer, Done>> held_writes;
  absl::AnyInvocable<void()> held_commit;
};

}  // namespace bitrepo::channel

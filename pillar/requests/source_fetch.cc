// SPDX-License-Identifier: Apache-2.0
#include "pillar/requests/source_fetch.h"

#include <atomic>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "channel/transfer/token.h"
#include "pillar/requests/replies.h"

namespace bitrepo::requests {

absl::StatusOr<SourceToken> SourceToken::Read(absl::string_view text, uint64_t size_bytes) {
  BITREPO_ASSIGN_OR_RETURN(const wire::TokenBody body, transfer::ReadToken(text));
  const uint64_t length = body.has_length() ? body.length() : body.file_size();
  if (body.verb() != wire::FETCH || body.content() != wire::FILE_BYTES || body.offset() != 0 ||
      length != body.file_size() || body.file_size() != size_bytes) {
    return absl::InvalidArgumentError(absl::StrCat("the token of ", body.issuer(),
                                                   " does not grant a whole file of ", size_bytes,
                                                   " bytes: ask for a new one"));
  }
  BITREPO_ASSIGN_OR_RETURN(base::Digest sha256, FromWire(body.digest()));
  if (sha256.algorithm() != base::Algorithm::kSha256) {
    return absl::InvalidArgumentError(
        absl::StrCat("the token of ", body.issuer(), " names no SHA-256 of its file"));
  }
  return SourceToken{std::string(text), body.issuer(), size_bytes, std::move(sha256)};
}

// The file as a whole: what this fetch brings is perhaps only the rest of it.
class SourceFetch::WholeSink final : public channel::Sink {
 public:
  WholeSink(std::shared_ptr<channel::Sink> sink, const SourceToken& token)
      : sink_(std::move(sink)), size_bytes_(token.size_bytes), sha256_(token.sha256) {}

  base::RangeSet held() const override { return sink_->held(); }
  bool takes_any_order() const override { return sink_->takes_any_order(); }
  void Write(base::ByteRange range, base::Buffer bytes,
             absl::AnyInvocable<void(absl::Status)> done) override {
    sink_->Write(range, std::move(bytes),
                 [failed = failed_, done = std::move(done)](absl::Status written) mutable {
                   if (!written.ok()) failed->store(true);
                   done(std::move(written));
                 });
  }
  void Commit(uint64_t /*size_bytes*/, std::optional<base::Digest> /*sha256*/,
              absl::AnyInvocable<void(wire::ResponseInfo)> done) override {
    sink_->Commit(size_bytes_, sha256_, std::move(done));
  }
  void Aborted(const absl::Status& why) override { sink_->Aborted(why); }

  // True when it was this side that could not go on.
  std::shared_ptr<const std::atomic<bool>> failed() const { return failed_; }

 private:
  const std::shared_ptr<channel::Sink> sink_;
  const uint64_t size_bytes_;
  const base::Digest sha256_;
  const std::shared_ptr<std::atomic<bool>> failed_ = std::make_shared<std::atomic<bool>>(false);
};

SourceFetch::SourceFetch(RequestParts& parts, SourceToken token, bool digest_only, bool background,
                         std::shared_ptr<channel::Sink> sink, Ended ended)
    : TransferWatch(parts, sink->held().bytes(), std::move(ended)), parts_(parts) {
  ++parts_.source_fetches;
  HoldStreamOpen();
  auto whole = std::make_shared<WholeSink>(std::move(sink), token);
  if (digest_only || (token.size_bytes > 0 && bytes_done() == token.size_bytes)) {
    whole->Commit(token.size_bytes, token.sha256, [](const wire::ResponseInfo&) {});
    return;
  }
  channel::TransferEvents events = Events();
  events.on_end = [on_end = std::move(events.on_end), failed = whole->failed(),
                   issuer = token.issuer](absl::Status how) mutable {
    if (!how.ok() && !failed->load()) {
      how = absl::UnavailableError(
          absl::StrCat("nothing more comes from ", issuer, ": ", how.message()));
    }
    on_end(std::move(how));
  };
  // No ranges: what is missing may lie in more than one fetch can name; the sink says what is held.
  transfer_ = parts_.channel.Fetch(std::move(token.text), {}, std::move(whole), std::move(events),
                                   background);
}

SourceFetch::~SourceFetch() {
  --parts_.source_fetches;
  Revoke(absl::CancelledError("the request has ended"));
}

void SourceFetch::Revoke(absl::Status why) {
  const channel::TransferId transfer = std::exchange(transfer_, channel::TransferId::kNone);
  if (transfer != channel::TransferId::kNone) parts_.channel.Cancel(transfer, std::move(why));
}

}  // namespace bitrepo::requests

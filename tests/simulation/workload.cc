// SPDX-License-Identifier: Apache-2.0
// One simulated user.
#include "tests/simulation/workload.h"

#include <memory>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "bus/protocol/response_code.h"
#include "tests/simulation/memory_io.h"

namespace bitrepo::simulation {
namespace {

std::string HexOf(const std::string& content) {
  return base::Hasher::Of(base::Algorithm::kSha256, content).Hex();
}

base::Digest DigestOfHex(const std::string& hex) {
  return base::Digest::FromHex(base::Algorithm::kSha256, hex).value();
}

absl::string_view VerdictName(protocol::Verdict verdict) {
  switch (verdict) {
    case protocol::Verdict::kSuccess:
      return "success";
    case protocol::Verdict::kPartial:
      return "partial";
    case protocol::Verdict::kFailed:
      return "failed";
    case protocol::Verdict::kUnknown:
      return "unknown";
    case protocol::Verdict::kCancelled:
      return "cancelled";
  }
  return "?";
}

}  // namespace

Workload::Workload(WorkloadPlan plan, client::Client& client, runtime::EventLoop& loop,
                   base::Random& random, LedgerOfTruth& truth, Timeline& timeline)
    : plan_(std::move(plan)),
      client_(client),
      loop_(loop),
      random_(random),
      truth_(truth),
      timeline_(timeline),
      collection_(base::CollectionId::Parse("default").value()) {}

void Workload::Start() { Next(); }

void Workload::Next() {
  running_ = false;
  if (begun_ == plan_.operations) return;
  loop_.RunAfter(absl::Milliseconds(random_.Below(500)), [this] {
    running_ = true;
    ++begun_;
    if (random_.Below(3) == 0) return Change();
    const uint64_t draw = random_.Below(100);
    if (truth_.AcknowledgedIds().empty() || draw < 40) return PutNew();
    if (draw < 50) return PutAgain();
    if (draw < 58) return PutOther();
    if (draw < 85) return Get();
    if (draw < 93) return Checksums();
    FileIds();
  });
}

std::string Workload::DrawContent() {
  uint64_t size = random_.Below(5000);
  if (random_.Below(10) == 0) size = random_.Below(plan_.file_bytes_max);
  if (random_.Below(20) == 0) size = 0;
  return random_.Bytes(size);
}

// Now and then an id that the others may be putting at this moment.
void Workload::PutNew() {
  const std::string id = random_.Below(4) == 0 ? absl::StrCat("shared/", random_.Below(4))
                                               : absl::StrCat(plan_.name, "/", files_++);
  Put(id, DrawContent());
}

void Workload::PutAgain() {
  const auto& all = truth_.acknowledged();
  auto chosen = all.begin();
  std::advance(chosen, static_cast<int64_t>(random_.Below(all.size())));
  Put(chosen->file_id, *truth_.Content(chosen->digest_hex));
}

void Workload::PutOther() {
  const std::vector<std::string> ids = truth_.AcknowledgedIds();
  Put(ids[random_.Below(ids.size())], DrawContent() + "other");
}

client::PutFileSpec Workload::SpecFor(const std::string& file_id, const std::string& content) {
  client::PutFileSpec spec{.collection = collection_,
                           .file_id = base::FileId::Parse(file_id).value()};
  spec.size_bytes = content.size();
  const base::Digest digest = base::Hasher::Of(base::Algorithm::kSha256, content);
  if (random_.Below(2) == 0) spec.digest = digest;
  spec.source_stamp = digest.bytes();
  spec.source = [content](const base::ComponentId&) {
    return std::make_shared<MemorySource>(content);
  };
  return spec;
}

void Workload::Put(const std::string& file_id, const std::string& content) {
  truth_.Offered(file_id, content);
  const std::string what = absl::StrCat("put ", file_id, " (", content.size(), " bytes)");
  Began(what, client_.PutFile(SpecFor(file_id, content),
                              [this, what, file_id, content](client::PutFileResult result) {
                                truth_.PutEnded(file_id, content, result);
                                Ended(what, result.conversation, result.outcome);
                              }));
}

void Workload::Get() {
  const auto& all = truth_.acknowledged();
  auto chosen = all.begin();
  std::advance(chosen, static_cast<int64_t>(random_.Below(all.size())));
  const uint64_t size = truth_.Content(chosen->digest_hex)->size();
  client::GetFileSpec spec{.collection = collection_,
                           .file_id = base::FileId::Parse(chosen->file_id).value()};
  if (random_.Below(2) == 0 && size > 0) {
    spec.offset = random_.Below(size);
    spec.length = random_.Below(size - spec.offset + 1);
  }
  auto sink = std::make_shared<std::shared_ptr<MemorySink>>();
  spec.sink = [sink](const wire::FileInfo&, base::ByteRange range) {
    *sink = std::make_shared<MemorySink>(range);
    return absl::StatusOr<std::shared_ptr<channel::Sink>>(*sink);
  };
  const std::string what = absl::StrCat("get ", chosen->file_id);
  const uint64_t offset = spec.offset;
  const std::optional<uint64_t> length = spec.length;
  Began(what, client_.GetFile(std::move(spec), [this, what, sink, offset, length,
                                                file_id =
                                                    chosen->file_id](client::GetFileResult result) {
    if (result.outcome.verdict == protocol::Verdict::kSuccess) {
      truth_.GetEnded(file_id, offset, length, result, *sink == nullptr ? "" : (*sink)->bytes());
    }
    Ended(what, result.conversation, result.outcome);
  }));
}

void Workload::Checksums() {
  client::GetChecksumsSpec spec{.scope = {.collection = collection_}};
  spec.scope.files.mutable_all();
  spec.on_rows = [this](std::vector<client::ChecksumRow> rows, absl::AnyInvocable<void()> more) {
    for (const client::ChecksumRow& row : rows) {
      for (const auto& [pillar, item] : row.pillars) {
        if (item->digests_size() == 0) continue;
        truth_.Listed(pillar.text(), row.file_id, absl::BytesToHexString(item->digests(0).value()));
      }
    }
    more();
  };
  Began("checksums", client_.GetChecksums(std::move(spec), [this](client::ListResult result) {
    Ended("checksums", result.conversation, result.outcome);
  }));
}

void Workload::FileIds() {
  client::GetFileIdsSpec spec{.scope = {.collection = collection_}};
  spec.scope.files.mutable_all();
  spec.scope.page_items = 1 + static_cast<uint32_t>(random_.Below(5));
  spec.on_rows = [this](std::vector<client::FileIdRow> rows, absl::AnyInvocable<void()> more) {
    for (const client::FileIdRow& row : rows) {
      for (const auto& [pillar, item] : row.pillars) {
        truth_.Listed(pillar.text(), row.file_id, absl::BytesToHexString(item->digest().value()));
      }
    }
    more();
  };
  Began("file-ids", client_.GetFileIds(std::move(spec), [this](client::ListResult result) {
    Ended("file-ids", result.conversation, result.outcome);
  }));
}

void Workload::Change() {
  const std::string file_id = absl::StrCat(plan_.name, "/changing/", random_.Below(2));
  const Standing standing = truth_.changing().Likely(file_id);
  const uint64_t draw = random_.Below(100);
  if (!standing) return draw < 70 ? PutChanging(file_id) : Undelete(file_id);
  draw < 55 ? Replace(file_id, *standing) : Delete(file_id, *standing);
}

void Workload::PutChanging(const std::string& file_id) {
  const std::string content = DrawContent();
  truth_.Offered(file_id, content);
  Began(absl::StrCat("put ", file_id),
        client_.PutFile(
            SpecFor(file_id, content), [this, file_id, content](client::PutFileResult result) {
              truth_.changing().Ended(file_id, plan_.pillars, result.outcome, HexOf(content));
              Ended("put " + file_id, result.conversation, result.outcome);
            }));
}

void Workload::Replace(const std::string& file_id, const std::string& old_hex) {
  const std::string content = DrawContent() + "replaced";
  truth_.Offered(file_id, content);
  client::ReplaceFileSpec spec{SpecFor(file_id, content), DigestOfHex(old_hex)};
  Began(
      absl::StrCat("replace ", file_id),
      client_.ReplaceFile(std::move(spec), [this, file_id, content](client::PutFileResult result) {
        truth_.changing().Ended(file_id, plan_.pillars, result.outcome, HexOf(content));
        Ended("replace " + file_id, result.conversation, result.outcome);
      }));
}

void Workload::Delete(const std::string& file_id, const std::string& old_hex) {
  client::DeleteFileSpec spec{.collection = collection_,
                              .file_id = base::FileId::Parse(file_id).value(),
                              .digest = DigestOfHex(old_hex)};
  spec.everywhere = true;
  Began(absl::StrCat("delete ", file_id),
        client_.DeleteFile(std::move(spec), [this, file_id](client::DeleteFileResult result) {
          truth_.changing().Ended(file_id, plan_.pillars, result.outcome, std::nullopt);
          Ended("delete " + file_id, result.conversation, result.outcome);
        }));
}

void Workload::Undelete(const std::string& file_id) {
  client::UndeleteFileSpec spec{.collection = collection_,
                                .file_id = base::FileId::Parse(file_id).value()};
  Began(absl::StrCat("undelete ", file_id),
        client_.UndeleteFile(std::move(spec), [this, file_id](client::UndeleteFileResult result) {
          std::map<std::string, std::string> told;
          for (const auto& [pillar, final] : result.finals) {
            told[pillar.text()] = absl::BytesToHexString(final.file().digest().value());
          }
          truth_.changing().Returned(file_id, plan_.pillars, told);
          Ended("undelete " + file_id, result.conversation, result.outcome);
        }));
}

void Workload::Began(absl::string_view what, const absl::StatusOr<client::Operation>& operation) {
  BITREPO_CHECK(operation.ok(), operation.status().ToString());
  truth_.OperationBegan(operation->id().ToString());
  timeline_.Note(plan_.name, absl::StrCat("asks: ", what, " ", operation->id().ToString()));
}

void Workload::Ended(absl::string_view what, const base::ConversationId& id,
                     const protocol::Outcome& outcome) {
  truth_.OperationEnded(id.ToString());
  timeline_.Note(plan_.name, absl::StrCat("ends: ", what, " ", VerdictName(outcome.verdict), " ",
                                          protocol::NameOf(outcome.code), " ", outcome.text));
  Next();
}

}  // namespace bitrepo::simulation

// SPDX-License-Identifier: Apache-2.0
#include "pillar/requests/identify.h"

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/byte_range.h"
#include "bus/protocol/primitive.h"
#include "pillar/requests/replies.h"

namespace bitrepo::requests {
namespace {

// What is asked, and all that is needed to answer when a worker has looked.
struct Question {
  protocol::Envelope identify;
  absl::AnyInvocable<void(wire::Body)> reply;
  absl::Time asked;
  Host::Vitals vitals;
  Gauge::Reading reading;
  uint64_t keep_free_bytes = 0;
  wire::PillarKind kind = wire::FULL_PILLAR;
  bool keeps_bytes = true;
  std::optional<base::CollectionId> collection;  // where one file is asked about
  uint64_t file_bytes_max = store::kFileBytesMax;
  store::SlowStore* slow = nullptr;
};

// Of an undelete: what would come back. Of a replace or a delete a damaged one too, with its
// trouble.
using Found = absl::StatusOr<store::FileRecord>;

// How soon: what requests lately took to begin, behind what this very question waited for the lane
// and the disk.
wire::TimeToDeliver Measured(const Question& question, absl::Time now, bool storing) {
  wire::TimeToDeliver time;
  const absl::Duration waited = std::max(now - question.asked, absl::ZeroDuration());
  time.set_first_byte_us(static_cast<uint64_t>(
      std::max<int64_t>(1, absl::ToInt64Microseconds(waited + question.reading.start))));
  time.set_bytes_per_second(storing ? question.reading.write_bytes_per_second
                                    : question.reading.read_bytes_per_second);
  time.set_queue_place(question.vitals.queue);
  time.set_pillar_kind(question.kind);
  return time;
}

// What comes to it where the bytes lie on slow media; nothing for those that are on disk.
void AddOutlook(const store::SlowStore::Outlook& outlook, wire::TimeToDeliver& time) {
  const absl::Duration wait = std::max(outlook.wait, absl::ZeroDuration());
  time.set_first_byte_us(time.first_byte_us() +
                         static_cast<uint64_t>(absl::ToInt64Microseconds(wait)));
  time.set_queue_place(time.queue_place() + outlook.queue);
}

wire::Body Reply(const Question& question, wire::ResponseCode code, absl::string_view text) {
  return IdentifyReplyBody(question.identify.header.operation(), code, text);
}

wire::Body Positive(const Question& question, absl::Time now, bool storing) {
  wire::Body body = Reply(question, wire::IDENTIFICATION_POSITIVE, "");
  wire::TimeToDeliver* const time = protocol::MutableTimeToDeliver(body);
  if (time != nullptr) *time = Measured(question, now, storing);
  return body;
}

// Could a file of this size be kept? The store decides when it comes; this spares the asker the
// way.
std::optional<wire::Body> Hindrance(const Question& question, std::optional<uint64_t> size_bytes) {
  if (size_bytes.value_or(0) > question.file_bytes_max) {
    return Reply(question, wire::NO_SPACE,
                 absl::StrCat(*size_bytes, " bytes: a file of this collection has at most ",
                              question.file_bytes_max));
  }
  if (!question.vitals.report) return std::nullopt;
  const store::StoreReport& report = *question.vitals.report;
  if (!report.writable) {
    return Reply(question, wire::IDENTIFICATION_NEGATIVE,
                 "the store takes no writes: " + report.trouble);
  }
  const uint64_t free_bytes = report.free_bytes + report.waiting_bytes;
  const uint64_t room =
      free_bytes > question.keep_free_bytes ? free_bytes - question.keep_free_bytes : 0;
  if (size_bytes.value_or(0) > room) {
    return Reply(question, wire::NO_SPACE,
                 absl::StrCat("no space for ", size_bytes.value_or(0), " bytes: ", room, " left"));
  }
  return std::nullopt;
}

wire::Body OnPutFile(const Question& question, const Found& found, absl::Time now) {
  const wire::PutFileIdentify& asked = question.identify.body.put_file_identify();
  const std::optional<uint64_t> size =
      asked.has_size_bytes() ? std::optional<uint64_t>(asked.size_bytes()) : std::nullopt;
  // What is missing or damaged here may come again, and so be made good.
  if (!found.ok() && !absl::IsNotFound(found.status()) && !absl::IsDataLoss(found.status())) {
    return Reply(question, CodeOfStore(found.status()), found.status().message());
  }
  if (!found.ok()) {
    if (std::optional<wire::Body> hindrance = Hindrance(question, size)) return *hindrance;
    return Positive(question, now, true);
  }
  const wire::FileInfo existing = InfoOf(*found);
  const bool comparable = asked.digest().algorithm() == wire::SHA256;
  const bool other = (size && *size != existing.size_bytes()) ||
                     (comparable && asked.digest().value() != existing.digest().value());
  wire::Body body = other ? Reply(question, wire::DUPLICATE_FILE_FAILURE,
                                  "the id is taken by a file with other bytes")
                          : Positive(question, now, true);
  wire::PutFileIdentifyReply* reply = body.mutable_put_file_identify_reply();
  if (other || comparable) *reply->mutable_existing() = existing;
  reply->set_already_held(!other && comparable);
  return body;
}

wire::Body OnReplaceFile(const Question& question, const Found& found, absl::Time now) {
  const wire::ReplaceFileIdentify& asked = question.identify.body.replace_file_identify();
  if (!found.ok()) return Reply(question, CodeOfStore(found.status()), found.status().message());
  const wire::FileInfo existing = InfoOf(*found);
  const bool held = asked.digest().algorithm() == wire::SHA256 && !existing.has_trouble() &&
                    asked.digest().value() == existing.digest().value();
  const bool comparable = asked.old_digest().algorithm() == wire::SHA256;
  if (!held && comparable && asked.old_digest().value() != existing.digest().value()) {
    return Reply(question, wire::EXISTING_FILE_CHECKSUM_FAILURE,
                 "the file that stands here has not the digest that is named");
  }
  if (!held) {
    const auto size =
        asked.has_size_bytes() ? std::optional<uint64_t>(asked.size_bytes()) : std::nullopt;
    if (std::optional<wire::Body> hindrance = Hindrance(question, size)) return *hindrance;
  }
  wire::Body body = Positive(question, now, true);
  wire::ReplaceFileIdentifyReply* reply = body.mutable_replace_file_identify_reply();
  // Only to who knows it already.
  if (held || comparable) *reply->mutable_existing() = existing;
  reply->set_already_held(held);
  return body;
}

// Delete and undelete: of what is there to be moved.
wire::Body OnMove(const Question& question, const Found& found, absl::Time now) {
  if (!found.ok()) return Reply(question, CodeOfStore(found.status()), found.status().message());
  wire::Body body = Positive(question, now, true);
  if (body.has_delete_file_identify_reply()) {
    *body.mutable_delete_file_identify_reply()->mutable_file() = InfoOf(*found);
  } else {
    *body.mutable_undelete_file_identify_reply()->mutable_file() = InfoOf(*found);
  }
  return body;
}

wire::Body OnGetFile(const Question& question, const Found& found, absl::Time now) {
  if (!question.keeps_bytes) {
    return Reply(question, wire::REQUEST_NOT_SUPPORTED, "this pillar keeps digests only");
  }
  if (!found.ok()) return Reply(question, CodeOfStore(found.status()), found.status().message());
  const wire::FileRange& asked = question.identify.body.get_file_identify().range();
  const auto range = base::ByteRange::Within(
      found->size_bytes, asked.offset(),
      asked.has_length() ? std::optional<uint64_t>(asked.length()) : std::nullopt);
  wire::Body body = range.ok() ? Positive(question, now, false)
                               : Reply(question, wire::RANGE_ERROR, range.status().message());
  wire::GetFileIdentifyReply& reply = *body.mutable_get_file_identify_reply();
  *reply.mutable_file() = InfoOf(*found);
  if (range.ok() && question.slow != nullptr) {
    AddOutlook(question.slow->OutlookToRead(*question.collection, *found),
               *reply.mutable_time_to_deliver());
  }
  return body;
}

// Lists, and questions about the pillar itself: only a single file can be missing.
wire::Body OnOther(const Question& question, const Found* found, absl::Time now) {
  if (found != nullptr && !found->ok()) {
    return Reply(question, CodeOfStore(found->status()), found->status().message());
  }
  return Positive(question, now, false);
}

wire::Body Answer(const Question& question, const Found* found, absl::Time now) {
  switch (question.identify.header.operation()) {
    case wire::PUT_FILE:
      return OnPutFile(question, *found, now);
    case wire::REPLACE_FILE:
      return OnReplaceFile(question, *found, now);
    case wire::DELETE_FILE:
    case wire::UNDELETE_FILE:
      return OnMove(question, *found, now);
    case wire::GET_FILE:
      return OnGetFile(question, *found, now);
    default:
      return OnOther(question, found, now);
  }
}

// The one file that is asked about, which a worker must look up; nothing when it is about several
// or none.
std::optional<std::string> FileAskedFor(const wire::Body& body) {
  const auto of_list = [](const wire::FileSelection& files) {
    return files.has_file_id() ? std::optional<std::string>(files.file_id()) : std::nullopt;
  };
  switch (body.content_case()) {
    case wire::Body::kPutFileIdentify:
      return body.put_file_identify().file_id();
    case wire::Body::kReplaceFileIdentify:
      return body.replace_file_identify().file_id();
    case wire::Body::kDeleteFileIdentify:
      return body.delete_file_identify().file_id();
    case wire::Body::kUndeleteFileIdentify:
      return body.undelete_file_identify().file_id();
    case wire::Body::kGetFileIdentify:
      return body.get_file_identify().range().file_id();
    case wire::Body::kGetChecksumsIdentify:
      return of_list(body.get_checksums_identify().files());
    case wire::Body::kGetFileIdsIdentify:
      return of_list(body.get_file_ids_identify().files());
    default:  // GetFileInfos too: what is not held may lie in quarantine, which the request tells
      return std::nullopt;
  }
}

// Blocks: for a worker.
Found LookUp(store::FileStore& store, wire::Operation operation,
             const base::CollectionId& collection, const base::FileId& file_id) {
  switch (operation) {
    case wire::REPLACE_FILE:
    case wire::DELETE_FILE: {
      const std::array<base::FileId, 1> ids = {file_id};
      auto found = store.FindMany(collection, ids);
      if (!found.ok()) return found.status();
      return found->empty() ? Found(absl::NotFoundError("no such file")) : found->front();
    }
    case wire::UNDELETE_FILE:
      return store.FindRemoved(collection, file_id);
    default:
      return store.Find(collection, file_id);
  }
}

}  // namespace

void AnswerIdentify(const RequestParts& parts, const protocol::Envelope& identify,
                    absl::AnyInvocable<void(wire::Body)> reply) {
  const wire::Operation operation = identify.header.operation();
  auto question = std::make_shared<Question>();
  question->identify = identify;
  question->reply = std::move(reply);
  question->asked = parts.loop.Now();
  question->vitals = parts.host.vitals();
  question->reading = parts.gauge->Read();
  question->keep_free_bytes = parts.keep_free_bytes;
  question->kind = parts.kind;
  question->keeps_bytes = parts.store.keeps_bytes();
  question->slow = parts.slow;

  // A question about no single file still waits its turn in the lane, so that the measured time is
  // true.
  const std::optional<std::string> asked_for = FileAskedFor(identify.body);
  std::optional<base::CollectionId> collection;
  std::optional<base::FileId> file_id;
  if (asked_for) {
    auto named = base::CollectionId::Parse(identify.header.collection_id());
    auto file = base::FileId::Parse(*asked_for);
    const absl::Status parsed = named.ok() ? file.status() : named.status();
    if (!parsed.ok()) {
      question->reply(
          IdentifyReplyBody(operation, wire::REQUEST_NOT_UNDERSTOOD_FAILURE, parsed.message()));
      return;
    }
    collection = *named;
    file_id = *file;
    question->collection = collection;
    question->file_bytes_max = parts.TermsOf(*collection).file_bytes_max;
  }
  const absl::Status taken = parts.workers.Submit(
      runtime::Lane::kRead, runtime::StrandId::kNone,
      [question, operation, store = &parts.store, loop = &parts.loop, collection, file_id] {
        std::shared_ptr<Found> found;
        if (file_id) {
          found = std::make_shared<Found>(LookUp(*store, operation, *collection, *file_id));
        }
        loop->Post([question, found, loop] {
          question->reply(Answer(*question, found.get(), loop->Now()));
        });
      });
  if (!taken.ok()) {
    question->reply(IdentifyReplyBody(operation, wire::BUSY, "the pillar has too much to do"));
  }
}

}  // namespace bitrepo::requests

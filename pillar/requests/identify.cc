// SPDX-License-Identifier: Apache-2.0
#include "pillar/requests/identify.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/byte_range.h"
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
};

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
  return time;
}

wire::Body Reply(const Question& question, wire::ResponseCode code, absl::string_view text) {
  return IdentifyReplyBody(question.identify.header.operation(), code, text);
}

wire::Body Positive(const Question& question) {
  return Reply(question, wire::IDENTIFICATION_POSITIVE, "");
}

// Could a file of this size be kept? The store decides when it comes; this spares the asker the
// way.
std::optional<wire::Body> Hindrance(const Question& question, std::optional<uint64_t> size_bytes) {
  if (!question.vitals.report) return std::nullopt;
  const store::StoreReport& report = *question.vitals.report;
  if (!report.writable) {
    return Reply(question, wire::IDENTIFICATION_NEGATIVE,
                 "the store takes no writes: " + report.trouble);
  }
  const uint64_t room = report.free_bytes > question.keep_free_bytes
                            ? report.free_bytes - question.keep_free_bytes
                            : 0;
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
    wire::Body body = Positive(question);
    *body.mutable_put_file_identify_reply()->mutable_time_to_deliver() =
        Measured(question, now, true);
    return body;
  }
  const wire::FileInfo existing = InfoOf(*found);
  const bool comparable = asked.digest().algorithm() == wire::SHA256;
  const bool other = (size && *size != existing.size_bytes()) ||
                     (comparable && asked.digest().value() != existing.digest().value());
  wire::Body body = other ? Reply(question, wire::DUPLICATE_FILE_FAILURE,
                                  "the id is taken by a file with other bytes")
                          : Positive(question);
  wire::PutFileIdentifyReply* reply = body.mutable_put_file_identify_reply();
  if (other || comparable) *reply->mutable_existing() = existing;
  reply->set_already_held(!other && comparable);
  if (!other) *reply->mutable_time_to_deliver() = Measured(question, now, true);
  return body;
}

wire::Body OnGetFile(const Question& question, const Found& found, absl::Time now) {
  if (!found.ok()) return Reply(question, CodeOfStore(found.status()), found.status().message());
  const wire::FileRange& asked = question.identify.body.get_file_identify().range();
  const auto range = base::ByteRange::Within(
      found->size_bytes, asked.offset(),
      asked.has_length() ? std::optional<uint64_t>(asked.length()) : std::nullopt);
  wire::Body body = range.ok() ? Positive(question)
                               : Reply(question, wire::RANGE_ERROR, range.status().message());
  wire::GetFileIdentifyReply* reply = body.mutable_get_file_identify_reply();
  *reply->mutable_file() = InfoOf(*found);
  if (range.ok()) *reply->mutable_time_to_deliver() = Measured(question, now, false);
  return body;
}

// Lists: only a single file can be missing.
wire::Body OnList(const Question& question, const Found* found, absl::Time now) {
  if (found != nullptr && !found->ok()) {
    return Reply(question, CodeOfStore(found->status()), found->status().message());
  }
  wire::Body body = Positive(question);
  const wire::TimeToDeliver time = Measured(question, now, false);
  switch (question.identify.header.operation()) {
    case wire::GET_CHECKSUMS:
      *body.mutable_get_checksums_identify_reply()->mutable_time_to_deliver() = time;
      break;
    case wire::GET_FILE_IDS:
      *body.mutable_get_file_ids_identify_reply()->mutable_time_to_deliver() = time;
      break;
    case wire::GET_FILE_INFOS:
      *body.mutable_get_file_infos_identify_reply()->mutable_time_to_deliver() = time;
      break;
    default:
      *body.mutable_get_status_identify_reply()->mutable_time_to_deliver() = time;
      break;
  }
  return body;
}

wire::Body Answer(const Question& question, const Found* found, absl::Time now) {
  switch (question.identify.header.operation()) {
    case wire::PUT_FILE:
      return OnPutFile(question, *found, now);
    case wire::GET_FILE:
      return OnGetFile(question, *found, now);
    default:
      return OnList(question, found, now);
  }
}

// The one file that is asked about; empty when it is about several or none.
std::string FileAskedFor(const wire::Body& body) {
  switch (body.content_case()) {
    case wire::Body::kPutFileIdentify:
      return body.put_file_identify().file_id();
    case wire::Body::kGetFileIdentify:
      return body.get_file_identify().range().file_id();
    case wire::Body::kGetChecksumsIdentify:
      return body.get_checksums_identify().files().file_id();
    case wire::Body::kGetFileIdsIdentify:
      return body.get_file_ids_identify().files().file_id();
    default:
      return "";
  }
}

// True for what a worker must look up: one file, named.
bool IsAboutOneFile(const wire::Body& body) {
  switch (body.content_case()) {
    case wire::Body::kGetChecksumsIdentify:
      return body.get_checksums_identify().files().has_file_id();
    case wire::Body::kGetFileIdsIdentify:
      return body.get_file_ids_identify().files().has_file_id();
    case wire::Body::kGetFileInfosIdentify:
      return false;  // what is not held may lie in quarantine: the request tells
    case wire::Body::kGetStatusIdentify:
      return false;
    default:
      return true;
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

  // A question about no single file still waits its turn in the lane, so that the measured time is
  // true.
  const bool one_file = IsAboutOneFile(identify.body);
  std::optional<base::CollectionId> collection;
  std::optional<base::FileId> file_id;
  if (one_file) {
    auto named = base::CollectionId::Parse(identify.header.collection_id());
    auto file = base::FileId::Parse(FileAskedFor(identify.body));
    const absl::Status parsed = named.ok() ? file.status() : named.status();
    if (!parsed.ok()) {
      question->reply(
          IdentifyReplyBody(operation, wire::REQUEST_NOT_UNDERSTOOD_FAILURE, parsed.message()));
      return;
    }
    collection = *named;
    file_id = *file;
  }
  const absl::Status taken = parts.workers.Submit(
      runtime::Lane::kRead, runtime::StrandId::kNone,
      [question, store = &parts.store, loop = &parts.loop, collection, file_id] {
        std::shared_ptr<Found> found;
        if (file_id) found = std::make_shared<Found>(store->Find(*collection, *file_id));
        loop->Post([question, found, loop] {
          question->reply(Answer(*question, found.get(), loop->Now()));
        });
      });
  if (!taken.ok()) {
    question->reply(IdentifyReplyBody(operation, wire::BUSY, "the pillar has too much to do"));
  }
}

}  // namespace bitrepo::requests

// SPDX-License-Identifier: Apache-2.0
#include "client/commands/detached.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "client/commands/json_lines.h"
#include "client/commands/private_file.h"

namespace bitrepo::commands {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kDetachedVersion = 1;
constexpr char kSuffix[] = ".json";

JsonRecord FramesOf(const protocol::Envelope& request) {
  std::vector<std::string> frames;
  for (const std::string& frame : protocol::ToFrames(request)) {
    frames.push_back(absl::Base64Escape(frame));
  }
  JsonRecord record = JsonRecord::Inner();
  record.Set("frames", frames);
  return record;
}

absl::StatusOr<protocol::Envelope> RequestOf(const JsonObject& object) {
  protocol::Frames frames;
  for (const std::string& text : object.Texts("frames")) {
    if (!absl::Base64Unescape(text, &frames.emplace_back())) {
      return absl::DataLossError("a frame of a request cannot be read");
    }
  }
  protocol::EnvelopeFault fault;
  auto request = protocol::OpenEnvelope(std::move(frames), fault);
  if (!request.ok()) return absl::DataLossError(absl::StrCat("a request: ", fault.text));
  return request;
}

}  // namespace

DetachedFiles::DetachedFiles(const client::SettingsPlaces& places)
    : directory_(absl::StrCat(client::StateDirectory(places), "/conversations")) {}

std::string DetachedFiles::PathOf(const base::ConversationId& id) const {
  return absl::StrCat(directory_, "/", id.ToString(), kSuffix);
}

absl::Status DetachedFiles::Write(const Detached& detached) const {
  const protocol::ConversationRemains& remains = detached.taken_up.remains;
  std::vector<std::string> unasked;
  for (const base::ComponentId& pillar : remains.unasked) unasked.push_back(pillar.text());
  std::vector<JsonRecord> requests;
  for (const protocol::Envelope& request : remains.requests) requests.push_back(FramesOf(request));
  std::vector<JsonRecord> failed;
  for (const auto& [pillar, code] : detached.failed) {
    failed.push_back(JsonRecord::Inner());
    failed.back().Set("pillar", pillar).Set("response", wire::ResponseCode_Name(code));
  }
  JsonRecord record = JsonRecord::Inner();
  record.Set("v", kDetachedVersion);
  record.Set("conversation", detached.taken_up.id.ToString());
  record.Set("operation", wire::Operation_Name(detached.operation));
  record.Set("collection", detached.collection).Set("principal", detached.principal);
  record.Set("file_id", detached.file_id);
  record.Set("left_at_us", static_cast<uint64_t>(absl::ToUnixMicros(detached.left_at)));
  record.Set("words", detached.words).Set("unasked", unasked);
  record.Set("attendance_known", remains.attendance_known).Set("requests", requests);
  record.Set("failed", failed);
  return WritePrivate(PathOf(detached.taken_up.id), absl::StrCat(record.ToString(), "\n"));
}

absl::StatusOr<Detached> DetachedFiles::Read(const base::ConversationId& id) const {
  const std::string path = PathOf(id);
  BITREPO_ASSIGN_OR_RETURN(const std::string text, ReadPrivate(path));
  const auto object = JsonObject::Parse(text);
  if (!object.ok() || object->Number("v") != kDetachedVersion ||
      object->Text("conversation") != id.ToString()) {
    return absl::DataLossError(absl::StrCat(path, " is not what a command left behind"));
  }
  Detached detached;
  detached.taken_up.id = id;
  if (!wire::Operation_Parse(object->Text("operation"), &detached.operation)) {
    return absl::DataLossError(absl::StrCat(path, " names no operation"));
  }
  detached.collection = object->Text("collection");
  detached.principal = object->Text("principal");
  detached.file_id = object->Text("file_id");
  detached.left_at = absl::FromUnixMicros(static_cast<int64_t>(object->Number("left_at_us")));
  detached.words = object->Texts("words");
  protocol::ConversationRemains& remains = detached.taken_up.remains;
  remains.attendance_known = object->Truth("attendance_known");
  for (const std::string& name : object->Texts("unasked")) {
    BITREPO_ASSIGN_OR_RETURN(base::ComponentId pillar, base::ComponentId::Parse(name));
    remains.unasked.push_back(std::move(pillar));
  }
  for (const JsonObject& each : object->Objects("failed")) {
    wire::ResponseCode code = wire::FAILURE;
    wire::ResponseCode_Parse(each.Text("response"), &code);  // one of a newer program: a failure
    detached.failed[each.Text("pillar")] = code;
  }
  for (const JsonObject& each : object->Objects("requests")) {
    auto request = RequestOf(each);
    if (!request.ok()) {
      return absl::DataLossError(absl::StrCat(path, ": ", request.status().message()));
    }
    remains.requests.push_back(*std::move(request));
  }
  return detached;
}

absl::Status DetachedFiles::Remove(const base::ConversationId& id) const {
  const std::string path = PathOf(id);
  if (unlink(path.c_str()) != 0 && errno != ENOENT) return base::ErrnoStatus(errno, path);
  return absl::OkStatus();
}

std::vector<base::ConversationId> DetachedFiles::List() const {
  std::vector<base::ConversationId> ids;
  std::error_code error;
  for (fs::directory_iterator it(directory_, error), end; !error && it != end;
       it.increment(error)) {
    const auto id = base::ConversationId::Parse(it->path().stem().string());
    if (id.ok() && it->path().extension() == kSuffix) ids.push_back(*id);
  }
  std::sort(ids.rbegin(), ids.rend());  // ids begin with the time
  return ids;
}

}  // namespace bitrepo::commands

// SPDX-License-Identifier: Apache-2.0
#include "tests/bus/protocol/asking_bench.h"

#include <algorithm>

#include "base/check.h"
#include "bus/protocol/primitive.h"

namespace bitrepo::protocol::samples {
namespace {

Envelope Answer(const Envelope& asked, wire::Kind kind, const std::string& from, wire::Body body,
                std::string secret = "") {
  static base::SeededRandom random(5);
  wire::Header header = HeaderOf(kind, asked.header.operation());
  header.set_conversation_id(asked.header.conversation_id());
  header.set_collection_id(asked.header.collection_id());
  header.set_message_id(base::MessageId::Make(absl::FromUnixSeconds(1767225600), random).ToBytes());
  header.set_answers(asked.header.message_id());
  header.set_from(from);
  header.set_to(asked.header.reply_to());
  Sample sample{"answer",
                {Destination::Kind::kClient, header.to()},
                header,
                std::move(body),
                std::move(secret)};
  return Seal(sample);
}

wire::Body With(wire::ResponseCode code, const std::string& text) {
  wire::Body body;
  body.mutable_response()->set_code(code);
  body.mutable_response()->set_text(text);
  return body;
}

}  // namespace

base::ComponentId Name(const std::string& text) { return *base::ComponentId::Parse(text); }

ConversationSpec SpecFor(wire::Operation operation, Reach reach) {
  ConversationSpec spec;
  spec.id = *base::ConversationId::FromBytes(Id('c'));
  spec.repository_id = kRepository;
  spec.operation = operation;
  spec.collection = *base::CollectionId::Parse(kCollection);
  spec.principal = kClient;
  spec.session = kSession;
  spec.wall_start = absl::FromUnixSeconds(1767225600);
  spec.reach = reach;
  const OperationRow& row = *FindOperation(operation);
  for (const Sample& sample : All()) {
    if (row.identify != Content::CONTENT_NOT_SET && sample.body.content_case() == row.identify) {
      spec.identify = sample.body;
    }
    if (sample.body.content_case() == row.request) {
      spec.request = sample.body;
    }
  }
  return spec;
}

Envelope IdentifyReply(const Envelope& asked, const std::string& from, wire::ResponseCode code,
                       uint64_t first_byte_us) {
  wire::Body body = With(code, "");
  const Content content = FindOperation(asked.header.operation())->identify_reply;
  SetEmptyContent(body, content);
  if (content == Content::kGetFileIdentifyReply) {
    body.mutable_get_file_identify_reply()->mutable_time_to_deliver()->set_first_byte_us(
        first_byte_us);
  }
  return Answer(asked, wire::IDENTIFY_REPLY, from, std::move(body));
}

Envelope HeldAlready(const Envelope& asked, const std::string& from) {
  wire::Body body = With(wire::IDENTIFICATION_POSITIVE, "");
  if (asked.header.operation() == wire::REPLACE_FILE) {
    body.mutable_replace_file_identify_reply()->set_already_held(true);
  } else {
    body.mutable_put_file_identify_reply()->set_already_held(true);
  }
  return Answer(asked, wire::IDENTIFY_REPLY, from, std::move(body));
}

Envelope Progress(const Envelope& asked, const std::string& from, uint32_t sequence,
                  wire::Phase phase, wire::ResponseCode code, std::string secret) {
  wire::Body body = With(code, "");
  body.mutable_progress()->set_sequence(sequence);
  body.mutable_progress()->set_phase(phase);
  SetEmptyContent(body, FindOperation(asked.header.operation())->progress);
  return Answer(asked, wire::PROGRESS, from, std::move(body), std::move(secret));
}

Envelope Final(const Envelope& asked, const std::string& from, wire::ResponseCode code,
               const std::string& text) {
  wire::Body body = With(code, text);
  SetEmptyContent(body, FindOperation(asked.header.operation())->final);
  return Answer(asked, wire::FINAL, from, std::move(body));
}

Envelope PageFinal(const Envelope& asked, const std::string& from, const std::string& next_cursor) {
  wire::Body body = With(wire::OPERATION_COMPLETED, "");
  body.mutable_get_file_ids_final()->add_items()->set_file_id("x");
  body.mutable_get_file_ids_final()->mutable_page()->set_next_cursor(next_cursor);
  return Answer(asked, wire::FINAL, from, std::move(body));
}

Envelope Routed(const Envelope& asked, const std::vector<std::string>& sent_to,
                const std::vector<std::string>& away, bool settling) {
  wire::Body body;
  wire::Routed& routed = *body.mutable_routed();
  routed.mutable_sent_to()->Add(sent_to.begin(), sent_to.end());
  routed.mutable_away()->Add(away.begin(), away.end());
  routed.set_settling(settling);
  return Answer(asked, wire::ROUTED, kCoordinatorId, std::move(body));
}

Envelope Undelivered(const Envelope& asked, wire::ResponseCode code) {
  wire::Body body = With(code, "it is not connected");
  body.mutable_undelivered()->set_to(asked.header.to());
  return Answer(asked, wire::UNDELIVERED, kCoordinatorId, std::move(body));
}

Envelope Refused(const Envelope& asked, wire::ResponseCode code) {
  wire::Body body = With(code, "the broker refuses");
  body.mutable_refused();
  return Answer(asked, wire::REFUSED, kCoordinatorId, std::move(body));
}

AskingBench::AskingBench(ConversationSpec spec)
    : request_(spec.request),
      machine_(std::make_unique<Conversation>(std::move(spec), now_, random_, out_)) {
  Keep();
}

void AskingBench::Keep() {
  all_.insert(all_.end(), out_.messages.begin(), out_.messages.end());
  all_told_.insert(all_told_.end(), out_.events.begin(), out_.events.end());
}

void AskingBench::Hear(const Envelope& message) {
  out_ = {};
  machine_->OnMessage(message, now_, out_);
  Keep();
}

void AskingBench::Wait(absl::Duration duration) {
  const absl::Time until = now_ + duration;
  ConversationOutbox gathered;
  while (machine_->WakeAt() <= until) {
    BITREPO_CHECK(machine_->WakeAt() >= now_ || !machine_->done(), "a machine that is done sleeps");
    now_ = std::max(now_, machine_->WakeAt());
    out_ = {};
    machine_->OnTime(now_, out_);
    Keep();
    gathered.messages.insert(gathered.messages.end(), out_.messages.begin(), out_.messages.end());
    gathered.events.insert(gathered.events.end(), out_.events.begin(), out_.events.end());
    BITREPO_CHECK(machine_->WakeAt() > now_, "a timer that has fired is not due again");
  }
  now_ = until;
  out_ = std::move(gathered);
}

void AskingBench::BusUp() {
  out_ = {};
  machine_->OnBusUp(now_, out_);
  Keep();
}
void AskingBench::BusDown() {
  out_ = {};
  machine_->OnBusDown(now_, out_);
  Keep();
}
void AskingBench::Cancel() {
  out_ = {};
  machine_->OnCancel("stopped by the user", now_, out_);
  Keep();
}
void AskingBench::NextPage(const std::string& component) {
  out_ = {};
  machine_->OnNextPage(Name(component), now_, out_);
  Keep();
}
void AskingBench::TransferFailed(const std::string& component, absl::Status why) {
  out_ = {};
  machine_->OnTransferFailed(Name(component), std::move(why), now_, out_);
  Keep();
}
void AskingBench::Activity(const std::string& component) {
  out_ = {};
  machine_->OnActivity(Name(component), now_);
}

void AskingBench::Ask(const std::string& component, wire::Body request) {
  out_ = {};
  machine_->OnAsk(Name(component), std::move(request), now_, out_);
  Keep();
}
void AskingBench::Ask(const std::string& component) { Ask(component, request_); }
void AskingBench::Relieved(const std::string& component) {
  out_ = {};
  machine_->OnRelieved(Name(component), absl::CancelledError("too slow"), now_, out_);
  Keep();
}
void AskingBench::Enough() {
  out_ = {};
  machine_->OnEnough(now_, out_);
  Keep();
}
void AskingBench::Alarm(const std::string& code) {
  out_ = {};
  wire::Alarm alarm;
  alarm.set_code(code);
  machine_->OnAlarm(std::move(alarm), now_, out_);
  Keep();
}

const Envelope* AskingBench::Last(wire::Kind kind, const std::string& component) const {
  const auto found = std::find_if(all_.rbegin(), all_.rend(), [&](const Envelope& message) {
    return message.header.kind() == kind && message.header.to() == component;
  });
  return found == all_.rend() ? nullptr : &*found;
}

const Envelope& AskingBench::identify(const std::string& component) const {
  const Envelope* message = Last(wire::IDENTIFY, component);
  BITREPO_CHECK(message != nullptr, "there was an identify");
  return *message;
}
const Envelope& AskingBench::request(const std::string& component) const {
  const Envelope* message = Last(wire::REQUEST, component);
  BITREPO_CHECK(message != nullptr, "there was a request to " + component);
  return *message;
}
bool AskingBench::asked(const std::string& component) const {
  return Last(wire::REQUEST, component) != nullptr;
}
const Envelope& AskingBench::cancel(const std::string& component) const {
  const Envelope* message = Last(wire::CANCEL, component);
  BITREPO_CHECK(message != nullptr, "there was a cancel to " + component);
  return *message;
}

const ContributorResult& AskingBench::result(const std::string& component) const {
  return outcome().contributors.at(Name(component));
}

size_t AskingBench::Count(EventKind kind, const std::string& component) const {
  return static_cast<size_t>(
      std::count_if(all_told_.begin(), all_told_.end(), [&](const ConversationEvent& event) {
        return event.kind == kind && (component == "*" || event.component == component);
      }));
}

// All of `names` identify well; the broker has said that there are no others.
void IdentifyAll(AskingBench& bench, const std::vector<std::string>& names) {
  bench.Hear(Routed(bench.identify(), names));
  uint64_t first_byte_us = 100;
  for (const std::string& name : names) {
    bench.Hear(IdentifyReply(bench.identify(), name, wire::IDENTIFICATION_POSITIVE, first_byte_us));
    first_byte_us += 100;
  }
}

void Accept(AskingBench& bench, const std::string& name) {
  bench.Hear(Progress(bench.request(name), name, 1, wire::ACCEPTED,
                      wire::OPERATION_ACCEPTED_PROGRESS, "token-" + name));
}

void Complete(AskingBench& bench, const std::string& name) {
  bench.Hear(Final(bench.request(name), name, wire::OPERATION_COMPLETED));
}

}  // namespace bitrepo::protocol::samples

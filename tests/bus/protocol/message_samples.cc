// SPDX-License-Identifier: Apache-2.0
#include "tests/bus/protocol/message_samples.h"

#include <algorithm>

#include "base/check.h"
#include "bus/protocol/primitive.h"
#include "tests/bus/protocol/sample_parts.h"

namespace bitrepo::protocol::samples {
namespace {

using Kind = Destination::Kind;

void AddPut(std::vector<Sample>& samples) {
  constexpr wire::Operation kOperation = wire::PUT_FILE;
  wire::Body body;
  body.mutable_put_file_identify()->set_file_id(kFile);
  body.mutable_put_file_identify()->set_size_bytes(1 << 20);
  SetDigest(*body.mutable_put_file_identify()->mutable_digest());
  samples.push_back(MakeSample("put-file-identify", wire::IDENTIFY, kOperation, body));

  body = Response(wire::IDENTIFICATION_POSITIVE);
  SetTime(*body.mutable_put_file_identify_reply()->mutable_time_to_deliver());
  samples.push_back(MakeSample("put-file-identify-reply", wire::IDENTIFY_REPLY, kOperation, body));

  body = Response(wire::DUPLICATE_FILE_FAILURE, "the id exists with another digest");
  SetFile(*body.mutable_put_file_identify_reply()->mutable_existing());
  samples.push_back(
      MakeSample("put-file-identify-reply-duplicate", wire::IDENTIFY_REPLY, kOperation, body));

  body.Clear();
  body.mutable_put_file_request()->set_file_id(kFile);
  body.mutable_put_file_request()->set_size_bytes(1 << 20);
  SetDigest(*body.mutable_put_file_request()->mutable_digest());
  body.mutable_put_file_request()->mutable_checksums()->add_algorithms(wire::SHA512);
  body.set_reason("accession 1204");
  samples.push_back(MakeSample("put-file-request", wire::REQUEST, kOperation, body));

  body = Response(wire::OPERATION_ACCEPTED_PROGRESS);
  SetProgress(body, 1, wire::ACCEPTED);
  body.mutable_put_file_progress();
  samples.push_back(
      MakeSample("put-file-progress", wire::PROGRESS, kOperation, body, "bitrepo:token-of-a-test"));

  body = Response(wire::OPERATION_COMPLETED);
  SetFile(*body.mutable_put_file_final()->mutable_file());
  body.mutable_put_file_final()->add_digests()->set_algorithm(wire::SHA512);
  body.mutable_put_file_final()->mutable_digests(0)->set_value(std::string(64, '5'));
  samples.push_back(MakeSample("put-file-final", wire::FINAL, kOperation, body));
  samples.push_back(MakeSample("put-file-final-refusal", wire::FINAL, kOperation,
                               Response(wire::NO_SPACE, "4096 bytes free, 1048576 needed")));

  body.Clear();
  body.mutable_cancel()->set_request_id(Id('m'));
  body.mutable_cancel()->set_reason("stopped by the user");
  samples.push_back(MakeSample("put-file-cancel", wire::CANCEL, kOperation, body));
}

void AddGet(std::vector<Sample>& samples) {
  constexpr wire::Operation kOperation = wire::GET_FILE;
  wire::FileRange range;
  range.set_file_id(kFile);
  range.set_offset(5);
  range.set_length(7);
  wire::Body body;
  *body.mutable_get_file_identify()->mutable_range() = range;
  samples.push_back(MakeSample("get-file-identify", wire::IDENTIFY, kOperation, body));

  body = Response(wire::IDENTIFICATION_POSITIVE);
  SetTime(*body.mutable_get_file_identify_reply()->mutable_time_to_deliver());
  SetFile(*body.mutable_get_file_identify_reply()->mutable_file());
  samples.push_back(MakeSample("get-file-identify-reply", wire::IDENTIFY_REPLY, kOperation, body));

  body.Clear();
  *body.mutable_get_file_request()->mutable_range() = range;
  body.mutable_get_file_request()->set_generation_id(Id('g'));
  samples.push_back(MakeSample("get-file-request", wire::REQUEST, kOperation, body));

  body = Response(wire::OPERATION_ACCEPTED_PROGRESS);
  SetProgress(body, 1, wire::ACCEPTED);
  SetFile(*body.mutable_get_file_progress()->mutable_file());
  samples.push_back(
      MakeSample("get-file-progress", wire::PROGRESS, kOperation, body, "bitrepo:token-of-a-test"));

  body = Response(wire::OPERATION_COMPLETED);
  SetFile(*body.mutable_get_file_final()->mutable_file());
  body.mutable_get_file_final()->set_bytes_sent(7);
  samples.push_back(MakeSample("get-file-final", wire::FINAL, kOperation, body));
}

void AddStatus(std::vector<Sample>& samples) {
  constexpr wire::Operation kOperation = wire::GET_STATUS;
  wire::Body body;
  body.mutable_get_status_identify();
  samples.push_back(MakeSample("get-status-identify", wire::IDENTIFY, kOperation, body));

  body = Response(wire::IDENTIFICATION_POSITIVE);
  SetTime(*body.mutable_get_status_identify_reply()->mutable_time_to_deliver());
  samples.push_back(
      MakeSample("get-status-identify-reply", wire::IDENTIFY_REPLY, kOperation, body));

  body.Clear();
  body.mutable_get_status_request();
  samples.push_back(MakeSample("get-status-request", wire::REQUEST, kOperation, body));

  body = Response(wire::OPERATION_PROGRESS);
  SetProgress(body, 1, wire::QUEUED);
  body.mutable_get_status_progress();
  samples.push_back(MakeSample("get-status-progress", wire::PROGRESS, kOperation, body));

  body = Response(wire::OPERATION_COMPLETED);
  wire::GetStatusFinal& status = *body.mutable_get_status_final();
  status.set_health(wire::HEALTH_WARNING);
  wire::HealthCheck& check = *status.add_checks();
  check.set_name("free space");
  check.set_health(wire::HEALTH_WARNING);
  check.set_text("3 GiB of 1 TiB free");
  wire::CollectionStatus& collection = *status.add_collections();
  collection.set_collection_id(kCollection);
  collection.set_files(12);
  status.set_version("0.1.0");
  (*status.mutable_dropped_frames())["frame-count"] = 3;
  (*status.mutable_dropped_frames())["oversize"] = 1;
  samples.push_back(MakeSample("get-status-final", wire::FINAL, kOperation, body));
}

void AddRates(std::vector<Sample>& samples) {
  constexpr wire::Operation kOperation = wire::SET_RATES;
  wire::Body body;
  body.mutable_set_rates_identify();
  samples.push_back(MakeSample("set-rates-identify", wire::IDENTIFY, kOperation, body));

  body = Response(wire::IDENTIFICATION_POSITIVE);
  SetTime(*body.mutable_set_rates_identify_reply()->mutable_time_to_deliver());
  samples.push_back(MakeSample("set-rates-identify-reply", wire::IDENTIFY_REPLY, kOperation, body));

  body.Clear();
  wire::RateRule& day = *body.mutable_set_rates_request()->add_rules();
  day.set_level(wire::RATE_NODE);
  wire::RateStep& morning = *day.add_steps();
  morning.set_from_minute(8 * 60);
  morning.set_bytes_per_second(10 << 20);
  day.add_steps()->set_from_minute(19 * 60);
  wire::RateRule& collection = *body.mutable_set_rates_request()->add_rules();
  collection.set_level(wire::RATE_COLLECTION);
  collection.set_name(kCollection);
  body.set_reason("the line is needed by day");
  samples.push_back(MakeSample("set-rates-request", wire::REQUEST, kOperation, body));

  const wire::RateRule rule = day;
  body = Response(wire::OPERATION_PROGRESS);
  SetProgress(body, 1, wire::QUEUED);
  body.mutable_set_rates_progress();
  samples.push_back(MakeSample("set-rates-progress", wire::PROGRESS, kOperation, body));

  body = Response(wire::OPERATION_COMPLETED);
  wire::RateUse& use = *body.mutable_set_rates_final()->add_rates();
  *use.mutable_rule() = rule;
  use.set_bytes_per_second_max(10 << 20);
  use.set_bytes_per_second(9 << 20);
  use.set_transfers(3);
  use.set_until_restart(true);
  samples.push_back(MakeSample("set-rates-final", wire::FINAL, kOperation, body));
}

void AddRoster(std::vector<Sample>& samples) {
  constexpr wire::Operation kOperation = wire::GET_ROSTER;
  wire::Body body;
  body.mutable_roster_request();
  samples.push_back(MakeSample("roster-request", wire::REQUEST, kOperation, body));

  body = Response(wire::OPERATION_COMPLETED);
  wire::RosterMember& member = *body.mutable_roster_reply()->add_members();
  member.set_component_id(kPillar);
  member.set_kind(wire::PILLAR);
  member.add_collections(kCollection);
  member.set_program_version("0.1.0");
  member.set_present(true);
  member.set_pillar_kind(wire::FULL_PILLAR);
  samples.push_back(MakeSample("roster-reply", wire::FINAL, kOperation, body));
}

void AddHub(std::vector<Sample>& samples) {
  constexpr wire::Operation kNone = wire::OPERATION_UNSPECIFIED;
  wire::Body body;
  wire::Hello& hello = *body.mutable_hello();
  hello.set_component_id(kPillar);
  hello.set_session_id(kPillar);
  hello.set_kind(wire::PILLAR);
  hello.add_collections(kCollection);
  hello.set_program_version("0.1.0");
  hello.set_store_id(Id('s'));
  hello.set_incarnation(4);
  hello.set_pillar_kind(wire::FULL_PILLAR);
  samples.push_back(MakeSample("hello", wire::HELLO, kNone, body));

  body.Clear();
  wire::Welcome& welcome = *body.mutable_welcome();
  welcome.set_coordinator_id(kCoordinatorId);
  welcome.set_program_version("0.1.0");
  welcome.set_watch_endpoint("tcp://127.0.0.1:7402");
  welcome.set_heartbeat_ms(1000);
  welcome.set_gone_after_ms(5000);
  welcome.set_coordinator_run(Id('r'));
  samples.push_back(MakeSample("welcome", wire::WELCOME, kNone, body));

  body.Clear();
  body.mutable_heartbeat()->mutable_load()->set_state(wire::LOAD_READY);
  body.mutable_heartbeat()->mutable_load()->set_free_bytes(uint64_t{1} << 40);
  samples.push_back(MakeSample("heartbeat", wire::HEARTBEAT, kNone, body));

  body.Clear();
  body.mutable_bye();
  samples.push_back(MakeSample("bye", wire::BYE, kNone, body));

  body.Clear();
  body.mutable_routed()->add_sent_to("pillar-1");
  body.mutable_routed()->add_sent_to("pillar-2");
  body.mutable_routed()->add_away("pillar-3");
  samples.push_back(MakeSample("routed", wire::ROUTED, wire::GET_FILE, body));

  body = Response(wire::UNREACHABLE, "pillar-3 is not connected");
  body.mutable_undelivered()->set_to("pillar-3");
  samples.push_back(MakeSample("undelivered", wire::UNDELIVERED, wire::GET_FILE, body));

  body = Response(wire::DENIED, "header.from is not that of the hello");
  body.mutable_refused();
  samples.push_back(MakeSample("refused", wire::REFUSED, wire::GET_FILE, body));

  body.Clear();
  body.mutable_alarm()->set_code("data-loss");
  body.mutable_alarm()->set_text("block 4 fails its digest");
  body.mutable_alarm()->set_file_id(kFile);
  samples.push_back(MakeSample("alarm", wire::ALARM, kNone, body));
}

}  // namespace

std::string Id(char fill) { return std::string(16, fill); }
std::string Sha256Value(char fill) { return std::string(32, fill); }

wire::Header HeaderOf(wire::Kind kind, wire::Operation operation) {
  const KindRow& row = *FindKind(kind);
  wire::Header header;
  header.set_repository_id(kRepository);
  header.set_version(kProtocolVersion);
  header.set_min_version(kProtocolVersionMin);
  header.set_message_id(Id('m'));
  header.set_kind(kind);
  header.set_operation(operation);
  header.set_issued_at_us(kIssuedAt);
  if (row.in_conversation == Presence::kAlways) {
    header.set_conversation_id(Id('c'));
  }
  const OperationRow* of = FindOperation(operation);
  if (of != nullptr && of->in_collection != Presence::kNever) {
    header.set_collection_id(kCollection);
  }
  switch (row.speaker) {
    case Speaker::kAsker:
      header.set_from(kClient);
      header.set_reply_to(kSession);
      header.set_expires_at_us(kIssuedAt + 60000000);
      break;
    case Speaker::kContributor:
      header.set_from(of != nullptr && of->in_collection == Presence::kNever ? kCoordinatorId
                                                                             : kPillar);
      header.set_to(kSession);
      break;
    case Speaker::kMember:
      header.set_from(kPillar);
      break;
    case Speaker::kBroker:
      header.set_from(kCoordinatorId);
      header.set_to(kSession);
      break;
  }
  if (row.reply) {
    header.set_message_id(Id('n'));
    header.set_answers(Id('m'));
  }
  if (kind == wire::CANCEL) {
    header.set_message_id(Id('k'));
  }
  if ((kind == wire::REQUEST || kind == wire::CANCEL) && of != nullptr &&
      of->in_collection != Presence::kNever) {
    header.set_to(kPillar);
  }
  return header;
}

Destination DestinationOf(const wire::Header& header) {
  switch (FindKind(header.kind())->speaker) {
    case Speaker::kAsker:
      if (header.kind() == wire::IDENTIFY) {
        return {Kind::kCollection, header.collection_id()};
      }
      return header.to().empty() ? Destination{Kind::kCoordinator, ""}
                                 : Destination{Kind::kPillar, header.to()};
    case Speaker::kMember:
      return {header.kind() == wire::ALARM ? Kind::kOperators : Kind::kCoordinator, ""};
    default:
      return {Kind::kClient, header.to()};
  }
}

Sample MakeSample(std::string name, wire::Kind kind, wire::Operation operation, wire::Body body,
                  std::string secret) {
  const wire::Header header = HeaderOf(kind, operation);
  return {std::move(name), DestinationOf(header), header, std::move(body), std::move(secret)};
}

namespace {

std::vector<Sample> MakeAll() {
  std::vector<Sample> samples;
  AddPut(samples);
  AddGet(samples);
  AddChanges(samples);
  AddLists(samples);
  AddStatus(samples);
  AddRates(samples);
  AddRoster(samples);
  AddHub(samples);
  std::sort(samples.begin(), samples.end(),
            [](const Sample& a, const Sample& b) { return a.name < b.name; });
  return samples;
}

}  // namespace

const std::vector<Sample>& All() {
  static const std::vector<Sample> kSamples = MakeAll();
  return kSamples;
}

const Sample& ByName(const std::string& name) {
  for (const Sample& sample : All()) {
    if (sample.name == name) {
      return sample;
    }
  }
  BITREPO_CHECK(false, "there is a sample of that name");
}

Envelope Seal(const Sample& sample) {
  auto sealed = SealEnvelope(sample.destination, sample.header, sample.body, sample.secret);
  BITREPO_CHECK(sealed.ok(), sample.name + ": " + std::string(sealed.status().message()));
  return *std::move(sealed);
}

}  // namespace bitrepo::protocol::samples

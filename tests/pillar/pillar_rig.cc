// SPDX-License-Identifier: Apache-2.0
#include "tests/pillar/pillar_rig.h"

#include "base/check.h"

namespace bitrepo::pillar {
namespace {

using protocol::Destination;
using protocol::Envelope;

channel::ChannelOptions Node(std::string node) {
  channel::ChannelOptions options;
  options.node = std::move(node);
  return options;
}

store::MemoryStoreOptions StoreOptions(const RigOptions& options) {
  base::SeededRandom random(3);
  return {{Photos(), *base::CollectionId::Parse("sounds")},
          base::StoreId::Make(absl::FromUnixSeconds(1), random),
          options.capacity_bytes};
}

}  // namespace

base::CollectionId Photos() { return *base::CollectionId::Parse("photos"); }
base::FileId File(absl::string_view text) { return *base::FileId::Parse(text); }
base::Digest Sha256Of(absl::string_view bytes) {
  return base::Hasher::Of(base::Algorithm::kSha256, bytes);
}

struct PillarRig::Life {
  Life(PillarRig& rig, std::string key)
      : mint(std::move(key), std::string(16, 'e')),
        link(rig.net_, rig.loop, kDataEndpoint),
        channel(Node("p1"), rig.loop, link, mint, rig.random) {
    BITREPO_CHECK(channel.Start().ok(), "the pillar's channel starts");
  }
  transfer::TokenMint mint;
  channel::MemoryChannelLink link;
  channel::Channel channel;
};

PillarRig::PillarRig(RigOptions options)
    : store(StoreOptions(options), loop.clock()), options_(options) {
  hub_ = address.NewHub();
  BITREPO_CHECK(hub_->Start(*this).ok(), "the hub starts");
  RestartClient();
  Begin();
}

void PillarRig::RestartClient() {
  net_.CutAll();
  client_.reset();
  client_link_.emplace(net_, loop, "");
  client_.emplace(Node("alice.1"), loop, *client_link_, client_mint_, random);
  BITREPO_CHECK(client_->Start().ok(), "the client's channel starts");
}

PillarRig::~PillarRig() { Kill(); }

void PillarRig::Begin() {
  life_ = std::make_unique<Life>(*this, random.Bytes(32));
  PillarOptions pillar_options{"demo",
                               *base::ComponentId::Parse("p1"),
                               {Photos(), *base::CollectionId::Parse("sounds")},
                               "1.0",
                               {}};
  pillar_options.requests_max = options_.requests_max;
  pillar_options.requests_per_principal_max = options_.requests_per_principal_max;
  pillar_options.finished_kept_max = options_.finished_kept_max;
  pillar_options.interrupted_term = options_.interrupted_term;
  pillar_options.keep_free_bytes = options_.keep_free_bytes;
  pillar_options.kind = options_.kind;
  pillar_options.intake = options_.intake;
  pillar_options.min_copies = options_.min_copies;
  pillar_options.quarantine_term = options_.quarantine_term;
  pillar_options.terms = options_.terms;
  const RigStore kept =
      options_.open_store ? options_.open_store(*this) : RigStore{&store, nullptr};
  pillar.emplace(pillar_options, PillarParts{loop, address.NewSpoke("p1"), life_->channel,
                                             life_->mint, *kept.store, workers, random, kept.slow});
  PillarEvents events;
  events.on_refused = [this](absl::Status why) {
    ++refusals;
    refusal = std::move(why);
  };
  BITREPO_CHECK(pillar->Start(std::move(events)).ok(), "the pillar starts");
  welcomed_ = false;
  for (int i = 0; i < 100 && !welcomed_; ++i) Run(absl::Milliseconds(50));
  Run();
}

void PillarRig::Kill() {
  pillar.reset();
  life_.reset();
  workers.Drop();
  loop.RunReady();
  if (options_.close_store) options_.close_store();
}

void PillarRig::Restart() {
  Kill();
  store.memory.Restart();
  Begin();
}

bool PillarRig::Stop(absl::Duration wait) {
  pillar->Stop([this] { stopped = true; });
  Run(wait);
  return stopped;
}

Envelope PillarRig::Seal(wire::Kind kind, Ask ask) {
  const absl::Time wall_now = loop.clock().WallNow();
  if (ask.conversation.is_zero()) ask.conversation = base::ConversationId::Make(wall_now, random);
  if (ask.message_id.is_zero()) ask.message_id = base::MessageId::Make(wall_now, random);
  wire::Header header;
  header.set_repository_id("demo");
  header.set_conversation_id(ask.conversation.ToBytes());
  header.set_message_id(ask.message_id.ToBytes());
  header.set_kind(kind);
  header.set_operation(ask.operation);
  header.set_collection_id(ask.collection);
  header.set_from(ask.principal);
  header.set_to("p1");
  header.set_reply_to(ask.principal + ".1");
  header.set_issued_at_us(
      absl::ToUnixMicros(ask.issued == absl::InfinitePast() ? wall_now : ask.issued));
  if (ask.expires != absl::InfiniteFuture()) {
    header.set_expires_at_us(absl::ToUnixMicros(ask.expires));
  }
  auto sealed = protocol::SealEnvelope({Destination::Kind::kPillar, "p1"}, std::move(header),
                                       std::move(ask.body), std::move(ask.secret));
  BITREPO_CHECK(sealed.ok(), sealed.status().message());
  return *std::move(sealed);
}

Envelope PillarRig::Request(Ask ask) { return Seal(wire::REQUEST, std::move(ask)); }
Envelope PillarRig::Identify(Ask ask) { return Seal(wire::IDENTIFY, std::move(ask)); }

Envelope PillarRig::CancelOf(const Envelope& request) {
  Ask ask;
  ask.operation = request.header.operation();
  ask.principal = request.header.from();
  ask.conversation = request.conversation();
  ask.body.mutable_cancel()->set_request_id(request.header.message_id());
  return Seal(wire::CANCEL, std::move(ask));
}

Envelope PillarRig::Put(absl::string_view file_id, std::optional<uint64_t> size,
                        std::optional<base::Digest> digest) {
  Ask ask;
  ask.operation = wire::PUT_FILE;
  wire::PutFileRequest* put = ask.body.mutable_put_file_request();
  put->set_file_id(std::string(file_id));
  if (size) put->set_size_bytes(*size);
  if (digest) {
    // The two enumerations number the five algorithms in the same order.
    put->mutable_digest()->set_algorithm(
        static_cast<wire::DigestAlgorithm>(static_cast<int>(digest->algorithm()) + 1));
    put->mutable_digest()->set_value(digest->bytes());
  }
  return Request(std::move(ask));
}

Envelope PillarRig::Get(absl::string_view file_id, uint64_t offset,
                        std::optional<uint64_t> length) {
  Ask ask;
  ask.operation = wire::GET_FILE;
  wire::FileRange* range = ask.body.mutable_get_file_request()->mutable_range();
  range->set_file_id(std::string(file_id));
  range->set_offset(offset);
  if (length) range->set_length(*length);
  return Request(std::move(ask));
}

void PillarRig::Send(const Envelope& envelope) { SendFrames(ToFrames(envelope)); }
void PillarRig::SendFrames(const protocol::Frames& frames) {
  BITREPO_CHECK(hub_->Send(peer_, frames) == bus::SendResult::kSent, "the pillar is connected");
}

void PillarRig::OnFrames(bus::PeerNumber peer, protocol::Frames frames) {
  protocol::EnvelopeFault fault;
  auto envelope = protocol::OpenEnvelope(std::move(frames), fault);
  BITREPO_CHECK(envelope.ok(), "a pillar says valid messages only: " + fault.text);
  switch (envelope->header.kind()) {
    case wire::HELLO:
      peer_ = peer;
      Welcome(*envelope);
      return;
    case wire::HEARTBEAT: {
      load_ = envelope->body.heartbeat().load();
      wire::Header header;
      header.set_repository_id("demo");
      header.set_message_id(base::MessageId::Make(loop.clock().WallNow(), random).ToBytes());
      header.set_kind(wire::HEARTBEAT);
      header.set_from("coordinator");
      header.set_to("p1");
      wire::Body body;
      body.mutable_heartbeat();
      auto sealed = protocol::SealEnvelope({Destination::Kind::kPillar, "p1"}, header, body, "");
      BITREPO_CHECK(sealed.ok(), "a heartbeat is valid");
      hub_->Send(peer, ToFrames(*sealed));
      return;
    }
    case wire::BYE:
      return;
    default:
      heard.push_back(*std::move(envelope));
  }
}

void PillarRig::OnPeerLost(bus::PeerNumber /*peer*/) {}

void PillarRig::Welcome(const Envelope& hello) {
  wire::Header header;
  header.set_repository_id("demo");
  header.set_message_id(base::MessageId::Make(loop.clock().WallNow(), random).ToBytes());
  header.set_kind(wire::WELCOME);
  header.set_from("coordinator");
  header.set_to("p1");
  header.set_answers(hello.header.message_id());
  wire::Body body;
  if (refuse_hello) {
    header.set_kind(wire::REFUSED);
    body.mutable_refused();
    body.mutable_response()->set_code(wire::CONFLICT);
    body.mutable_response()->set_text("the id p1 is taken by another store");
    auto refused = protocol::SealEnvelope({Destination::Kind::kPillar, "p1"}, header, body, "");
    BITREPO_CHECK(refused.ok(), refused.status().message());
    hub_->Send(peer_, ToFrames(*refused));
    return;
  }
  wire::Welcome* welcome = body.mutable_welcome();
  welcome->set_coordinator_id("coordinator");
  welcome->set_program_version("1.0");
  welcome->set_heartbeat_ms(1000);
  welcome->set_gone_after_ms(5000);
  welcome->set_coordinator_run(std::string(16, 'r'));
  auto sealed = protocol::SealEnvelope({Destination::Kind::kPillar, "p1"}, header, body, "");
  BITREPO_CHECK(sealed.ok(), sealed.status().message());
  hub_->Send(peer_, ToFrames(*sealed));
  welcomed_ = true;
}

const Envelope* PillarRig::Final(const Envelope& asked) const {
  for (auto it = heard.rbegin(); it != heard.rend(); ++it) {
    if (it->answers() == asked.message_id() && it->header.kind() == wire::FINAL) return &*it;
  }
  return nullptr;
}

int PillarRig::Finals(const Envelope& asked) const {
  int count = 0;
  for (const Envelope& envelope : heard) {
    count +=
        envelope.answers() == asked.message_id() && envelope.header.kind() == wire::FINAL ? 1 : 0;
  }
  return count;
}

const wire::Body* PillarRig::Reply(const Envelope& asked) const {
  for (auto it = heard.rbegin(); it != heard.rend(); ++it) {
    if (it->answers() == asked.message_id() && it->header.kind() != wire::PROGRESS) {
      return &it->body;
    }
  }
  return nullptr;
}

wire::ResponseCode PillarRig::Code(const Envelope& asked) const {
  const wire::Body* body = Reply(asked);
  return body == nullptr ? wire::RESPONSE_CODE_UNSPECIFIED : body->response().code();
}

std::vector<Envelope> PillarRig::Progress(const Envelope& asked) const {
  std::vector<Envelope> found;
  for (const Envelope& envelope : heard) {
    if (envelope.answers() == asked.message_id() && envelope.header.kind() == wire::PROGRESS) {
      found.push_back(envelope);
    }
  }
  return found;
}

std::string PillarRig::Token(const Envelope& asked) const {
  const std::vector<Envelope> progress = Progress(asked);
  return progress.empty() ? "" : progress.back().secret;
}

std::vector<std::string> PillarRig::Alarms() const {
  std::vector<std::string> codes;
  for (const Envelope& envelope : heard) {
    if (envelope.header.kind() == wire::ALARM) codes.push_back(envelope.body.alarm().code());
  }
  return codes;
}

std::shared_ptr<Transfer> PillarRig::Push(const std::string& token, std::string bytes) {
  return Push(token, std::make_shared<channel::TextSource>(std::move(bytes)));
}

std::shared_ptr<Transfer> PillarRig::Push(const std::string& token,
                                          std::shared_ptr<channel::Source> source) {
  auto transfer = std::make_shared<Transfer>();
  channel::TransferEvents events;
  events.on_end = [transfer](absl::Status how) { transfer->end = std::move(how); };
  client_->Push(token, std::move(source), std::move(events));
  return transfer;
}

std::shared_ptr<Transfer> PillarRig::Fetch(const std::string& token) {
  auto transfer = std::make_shared<Transfer>();
  transfer->sink = std::make_shared<channel::TextSink>();
  channel::TransferEvents events;
  events.on_end = [transfer](absl::Status how) { transfer->end = std::move(how); };
  client_->Fetch(token, {}, transfer->sink, std::move(events));
  return transfer;
}

wire::ResponseCode PillarRig::PutFile(absl::string_view file_id, const std::string& bytes) {
  const Envelope put = Put(file_id, bytes.size());
  Send(put);
  Run();
  if (!Token(put).empty()) Push(Token(put), bytes);
  Run();
  return Code(put);
}

std::pair<wire::ResponseCode, std::string> PillarRig::GetFile(absl::string_view file_id) {
  const Envelope get = Get(file_id);
  Send(get);
  Run();
  if (Token(get).empty()) return {Code(get), ""};
  const std::shared_ptr<Transfer> transfer = Fetch(Token(get));
  Run();
  return {Code(get), transfer->sink->text};
}

std::string PillarRig::Stored(absl::string_view file_id) {
  const auto file = store.memory.Open(Photos(), File(file_id), base::GenerationId());
  if (!file.ok()) return "";
  const auto bytes = (*file)->Read(base::ByteRange::Whole((*file)->record().size_bytes));
  return bytes.ok() ? std::string(bytes->text()) : "";
}

}  // namespace bitrepo::pillar

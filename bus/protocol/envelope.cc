// SPDX-License-Identifier: Apache-2.0
#include "bus/protocol/envelope.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/stubs/logging.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/checksum.h"
#include "bus/protocol/body_rules.h"
#include "bus/protocol/header_rules.h"
#include "bus/protocol/limits.h"
#include "bus/protocol/primitive.h"

namespace bitrepo::protocol {
namespace {

enum class Reading { kAddressee, kBroker, kWatcher, kGist };

std::string Sha256(absl::string_view bytes) {
  return base::Hasher::Of(base::Algorithm::kSha256, bytes).bytes();
}

// False for what is no such message, is nested too deeply, or has a string that is not UTF-8.
bool Parse(const std::string& bytes, google::protobuf::MessageLite& message) {
  const google::protobuf::LogSilencer
      silencer;  // what a peer sends is counted, not logged by the library
  google::protobuf::io::CodedInputStream input(reinterpret_cast<const uint8_t*>(bytes.data()),
                                               static_cast<int>(bytes.size()));
  input.SetRecursionLimit(kParseDepthMax);
  return message.ParseFromCodedStream(&input) && input.ConsumedEntireMessage();
}

// The same message always gives the same bytes, also where it has a map.
std::string Serialize(const google::protobuf::MessageLite& message) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream sink(&bytes);
    google::protobuf::io::CodedOutputStream output(&sink);
    output.SetSerializationDeterministic(true);
    message.SerializeToCodedStream(&output);
  }
  return bytes;
}

size_t TotalBytes(const Envelope& envelope) {
  return envelope.destination.ToString().size() + envelope.header_bytes.size() +
         envelope.body_bytes.size() + envelope.secret.size() + envelope.signature.size();
}

void ExamineSecret(const Envelope& envelope, Reading reading, FieldRules& rules) {
  rules.BytesAtMost("the secret", envelope.secret, kSecretBytesMax);
  const std::string& promised = envelope.body.secret_sha256();
  const bool is_copy = reading == Reading::kWatcher || reading == Reading::kGist;
  if (envelope.secret.empty() && is_copy) {
    return;
  }
  rules.Require(envelope.secret.empty() ? promised.empty() : promised == Sha256(envelope.secret),
                "secret", "the secret is not the one that the body names");
}

void ExamineSignature(const Envelope& envelope, FieldRules& rules) {
  rules.Require(envelope.signature.empty() || envelope.signature.size() == kSignatureBytes,
                "signature", {"a signature has ", kSignatureBytes, " bytes or none"});
}

bool SpeaksToBroker(wire::Kind kind) {
  return kind == wire::HELLO || kind == wire::HEARTBEAT || kind == wire::BYE;
}

void ReadHeader(Envelope& envelope, FieldRules& rules) {
  rules.Require(envelope.header_bytes.size() <= kHeaderBytesMax, "oversize",
                "the header is too large");
  if (!rules.ok()) {
    return;
  }
  if (!Parse(envelope.header_bytes, envelope.header)) {
    envelope.header.Clear();  // half of one names nobody to answer
    rules.Require(false, "header-garbage", "the header is no header");
  }
}

// Why the envelope is refused, and whom to tell.
EnvelopeFault FaultOf(Envelope& envelope, const Objection& objection) {
  EnvelopeFault fault;
  fault.cause = objection.cause;
  fault.code = objection.code;
  fault.text = objection.text;
  fault.header_usable = CanBeAnswered(envelope.header);
  if (fault.header_usable) {
    fault.header = std::move(envelope.header);
  }
  return fault;
}

// The shared parts of a body that may have a long list behind them.
void ReadGist(Envelope& envelope, FieldRules& rules) {
  wire::BodyHead head;
  rules.Require(Parse(envelope.body_bytes, head), "body-garbage", "the body is no body");
  if (head.has_response()) {
    *envelope.body.mutable_response() = std::move(*head.mutable_response());
  }
  if (head.has_progress()) {
    *envelope.body.mutable_progress() = std::move(*head.mutable_progress());
  }
  if (rules.ok()) {
    ExamineShared(envelope.header, envelope.body, rules);
  }
}

void Examine(Envelope& envelope, Reading reading, FieldRules& rules) {
  ExamineSignature(envelope, rules);
  const bool passed_on = reading == Reading::kBroker && !SpeaksToBroker(envelope.header.kind());
  if (!passed_on) {
    ExamineVersions(envelope.header, rules);
  }
  ExamineHeader(envelope.destination, envelope.header, rules);
  if (passed_on) {
    rules.BytesAtMost("the secret", envelope.secret, kSecretBytesMax);
    return;
  }
  ExamineOperation(envelope.header, rules);
  if (!rules.ok()) {
    return;
  }
  if (reading == Reading::kGist && FindKind(envelope.header.kind())->reply &&
      envelope.body_bytes.size() > kGistBodyBytesMax) {
    ReadGist(envelope, rules);
    return;
  }
  rules.Require(Parse(envelope.body_bytes, envelope.body), "body-garbage", "the body is no body");
  if (!rules.ok()) {
    return;
  }
  ExamineBody(envelope.header, envelope.body, rules);
  ExamineSecret(envelope, reading, rules);
}

absl::StatusOr<Envelope> Open(Frames frames, Reading reading, EnvelopeFault& fault) {
  fault = EnvelopeFault();
  FieldRules rules;
  Envelope envelope;
  rules.Require(frames.size() == kEnvelopeFrames, "frame-count",
                {frames.size(), " frames where an envelope has ", kEnvelopeFrames});
  size_t bytes = 0;
  for (const std::string& frame : frames) {
    bytes += frame.size();
  }
  rules.Require(bytes <= kEnvelopeBytesMax, "oversize",
                {bytes, " bytes where an envelope has at most ", kEnvelopeBytesMax});
  if (rules.ok()) {
    auto destination = frames[0].size() <= kDestinationBytesMax
                           ? Destination::Parse(frames[0])
                           : absl::InvalidArgumentError("the destination is too long");
    envelope.header_bytes = std::move(frames[1]);
    envelope.body_bytes = std::move(frames[2]);
    envelope.secret = std::move(frames[3]);
    envelope.signature = std::move(frames[4]);
    ReadHeader(envelope, rules);
    if (destination.ok()) {
      envelope.destination = *std::move(destination);
    } else {
      rules.Require(false, "destination", std::string(destination.status().message()));
    }
    if (rules.ok()) {
      Examine(envelope, reading, rules);
    }
  }
  if (!rules.ok()) {
    fault = FaultOf(envelope, *rules.objection());
    return absl::InvalidArgumentError(absl::StrCat(fault.cause, ": ", fault.text));
  }
  return envelope;
}

void AppendLength(std::string& out, size_t length) {
  for (int shift = 0; shift < 64; shift += 8) {
    out.push_back(static_cast<char>((static_cast<uint64_t>(length) >> shift) & 0xff));
  }
}

template <typename Id>
Id IdOrZero(const std::string& bytes) {
  const auto id = Id::FromBytes(bytes);
  return id.ok() ? *id : Id();
}

}  // namespace

base::ConversationId Envelope::conversation() const {
  return IdOrZero<base::ConversationId>(header.conversation_id());
}
base::MessageId Envelope::message_id() const {
  return IdOrZero<base::MessageId>(header.message_id());
}
base::MessageId Envelope::answers() const { return IdOrZero<base::MessageId>(header.answers()); }

absl::StatusOr<Envelope> SealEnvelope(Destination destination, wire::Header header, wire::Body body,
                                      std::string secret) {
  if (header.version() == 0) {
    header.set_version(kProtocolVersion);
    header.set_min_version(kProtocolVersionMin);
  }
  if (secret.empty()) {
    body.clear_secret_sha256();
  } else {
    body.set_secret_sha256(Sha256(secret));
  }
  Envelope envelope{
      std::move(destination), std::move(header), std::move(body), {}, {}, std::move(secret), {}};
  FieldRules rules;
  ExamineVersions(envelope.header, rules);
  ExamineHeader(envelope.destination, envelope.header, rules);
  ExamineOperation(envelope.header, rules);
  if (rules.ok()) {
    ExamineBody(envelope.header, envelope.body, rules);
    ExamineSecret(envelope, Reading::kAddressee, rules);
  }
  if (!rules.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat(rules.objection()->cause, ": ", rules.objection()->text));
  }
  envelope.header_bytes = Serialize(envelope.header);
  envelope.body_bytes = Serialize(envelope.body);
  if (envelope.header_bytes.size() > kHeaderBytesMax || TotalBytes(envelope) > kEnvelopeBytesMax) {
    return absl::ResourceExhaustedError(absl::StrCat("the message has ", TotalBytes(envelope),
                                                     " bytes; at most ", kEnvelopeBytesMax));
  }
  return envelope;
}

Frames ToFrames(const Envelope& envelope) {
  return {envelope.destination.ToString(), envelope.header_bytes, envelope.body_bytes,
          envelope.secret, envelope.signature};
}

absl::StatusOr<Envelope> FromSession(Envelope message, absl::string_view session) {
  message.header.set_reply_to(std::string(session));
  FieldRules rules;
  ExamineHeader(message.destination, message.header, rules);
  if (!rules.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat(rules.objection()->cause, ": ", rules.objection()->text));
  }
  message.header_bytes = Serialize(message.header);
  message.signature.clear();
  return message;
}

Frames WithoutSecret(Frames frames) {
  if (frames.size() == kEnvelopeFrames) {
    frames[3].clear();
  }
  return frames;
}

absl::StatusOr<Envelope> OpenEnvelope(Frames frames, EnvelopeFault& fault) {
  return Open(std::move(frames), Reading::kAddressee, fault);
}
absl::StatusOr<Envelope> OpenForRouting(Frames frames, EnvelopeFault& fault) {
  return Open(std::move(frames), Reading::kBroker, fault);
}
absl::StatusOr<Envelope> OpenCopy(Frames frames, EnvelopeFault& fault) {
  return Open(std::move(frames), Reading::kWatcher, fault);
}
absl::StatusOr<Envelope> OpenGist(Frames frames, EnvelopeFault& fault) {
  return Open(std::move(frames), Reading::kGist, fault);
}

std::string SignedBytes(const Envelope& envelope) {
  std::string bytes = "bitrepo1";
  bytes.reserve(bytes.size() + 16 + envelope.header_bytes.size() + envelope.body_bytes.size());
  AppendLength(bytes, envelope.header_bytes.size());
  bytes += envelope.header_bytes;
  AppendLength(bytes, envelope.body_bytes.size());
  bytes += envelope.body_bytes;
  return bytes;
}

std::string BodyDigest(const Envelope& envelope) { return Sha256(envelope.body_bytes); }

}  // namespace bitrepo::protocol

// SPDX-License-Identifier: Apache-2.0
// The envelope: one message of the bus, wholly validated, with the very bytes that a signature
// covers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/ids.h"
#include "bus/protocol/frames.h"
#include "proto/envelope.pb.h"

namespace bitrepo::protocol {

inline constexpr uint32_t kProtocolVersion = 1;
inline constexpr uint32_t kProtocolVersionMin =
    1;  // lowest version whose messages this build understands
inline constexpr size_t kSecretBytesMax = 4096;
inline constexpr size_t kSignatureBytes = 64;

// Where a message goes; the text of the first frame. "collection:C", "pillar:P", "client:SESSION",
// "coordinator", "operators"; replies go to the destination that stands for reply_to.
struct Destination {
  enum class Kind { kCollection, kPillar, kClient, kCoordinator, kOperators };
  Kind kind = Kind::kCoordinator;
  std::string id;  // of the collection, pillar or session; empty for the last two

  static absl::StatusOr<Destination> Parse(absl::string_view text);
  std::string ToString() const;
  bool operator==(const Destination&) const = default;
};

// Immutable once made. `header_bytes` and `body_bytes` are the frames as sent: signatures and the
// digest that makes a repeated request the same request are taken over them, never over a new
// serialization.
struct Envelope {
  Destination destination;
  wire::Header header;
  wire::Body body;
  std::string header_bytes;
  std::string body_bytes;
  std::string secret;     // a token, or empty; never logged, never shown to watchers
  std::string signature;  // kSignatureBytes, or empty where the deployment runs unsigned

  base::ConversationId conversation() const;  // zero where it belongs to none
  base::MessageId message_id() const;
  base::MessageId answers() const;  // zero where it answers nothing
};

// Sets the versions where header.version is 0 and body.secret_sha256 from the secret, serializes,
// and checks every limit. kInvalidArgument when the message would not be valid, kResourceExhausted
// when it is too large.
absl::StatusOr<Envelope> SealEnvelope(Destination destination, wire::Header header, wire::Body body,
                                      std::string secret);
Frames ToFrames(const Envelope& envelope);
// The same message of its principal, from another session: reply_to is that one, all else of the
// header stays, and the body byte for byte. Unsigned: the signature covered the header. Errors as
// SealEnvelope.
absl::StatusOr<Envelope> FromSession(Envelope message, absl::string_view session);

// What was wrong with received frames: its word counts it, its code answers it where there is
// anyone to answer.
struct EnvelopeFault {
  std::string
      cause;  // stable word: "frame-count", "oversize", "header-garbage", "content-mismatch" ...
  wire::ResponseCode code = wire::REQUEST_NOT_UNDERSTOOD_FAILURE;
  std::string text;
  bool header_usable = false;  // the header was read: a refusal can be addressed to its sender
  wire::Header header;
};

// Parses and validates wholly: frame count and sizes, UTF-8, ids, versions, must_understand, kind x
// operation x content (by the primitive table), every field and nested list limit, the secret's
// digest. Never partly. Returns the envelope, or the fault in `fault` and kInvalidArgument.
absl::StatusOr<Envelope> OpenEnvelope(Frames frames, EnvelopeFault& fault);
// For the broker: HELLO, HEARTBEAT and BYE as OpenEnvelope. Of all else only frames, destination
// and header are judged; `body` stays empty, since versions, features and content are for the
// addressee to judge. ToFrames gives the frames as they came.
absl::StatusOr<Envelope> OpenForRouting(Frames frames, EnvelopeFault& fault);
// For watchers: as OpenEnvelope, but the secret frame may be empty where the body names a secret.
absl::StatusOr<Envelope> OpenCopy(Frames frames, EnvelopeFault& fault);
// For who remembers how conversations went: as OpenCopy, but of a reply with a body of more than
// kGistBodyBytesMax only the shared parts are read and judged, and `body` has no content. Such a
// reply is a list, and its items are for the asker alone.
absl::StatusOr<Envelope> OpenGist(Frames frames, EnvelopeFault& fault);
// What a watcher may see.
Frames WithoutSecret(Frames frames);

// "bitrepo1" || len(header) || header || len(body) || body, lengths as 8 bytes little-endian: what
// a signature covers.
std::string SignedBytes(const Envelope& envelope);
// SHA-256 of the body bytes: two requests under one message id are the same request when these are
// equal.
std::string BodyDigest(const Envelope& envelope);

}  // namespace bitrepo::protocol

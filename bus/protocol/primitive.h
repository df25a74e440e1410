// SPDX-License-Identifier: Apache-2.0
// The one table of what is said on the bus: each operation's messages and terms, and each kind's
// rules.
#pragma once

#include <span>
#include <string>

#include "absl/strings/string_view.h"
#include "bus/protocol/envelope.h"
#include "proto/envelope.pb.h"

namespace bitrepo::protocol {

using Content = wire::Body::ContentCase;

// Which way the bytes of an operation go on the data channel.
enum class Moves { kNothing, kUp, kDown };

// Whether a header field is there.
enum class Presence { kNever, kOptional, kAlways };

// One operation. Content::CONTENT_NOT_SET: there is no such message. An operation whose request is
// not set is reserved: asking for it is answered REQUEST_NOT_SUPPORTED.
struct OperationRow {
  wire::Operation operation;
  absl::string_view name;        // of the protocol, in documents: "PutFile"
  absl::string_view word;        // on the command line and in logs: "put"
  absl::string_view permission;  // what a principal needs to be allowed
  Content identify;
  Content identify_reply;
  Content request;
  Content progress;
  Content final;
  Presence in_collection;  // the header names one
  Moves moves;
  bool paged;           // its request may carry a PageSpec
  bool to_coordinator;  // the coordinator answers it too, or alone where identify is not set
  bool by_token;        // its list may be asked for as one transfer
  bool changes;         // a store: expires_at is judged, and contents could be split between askers
};

// Who sends a kind.
enum class Speaker { kAsker, kContributor, kMember, kBroker };

// One kind of message.
struct KindRow {
  wire::Kind kind;
  absl::string_view name;  // "identify reply"
  Speaker speaker;
  bool reply;                // answers a message; carries no reply_to
  Presence in_conversation;  // carries a conversation id
  bool response;             // carries a ResponseInfo
  bool secret;               // may carry one
  unsigned goes_to;          // a bit for each kind of destination it may have
  Content content;           // of the kinds whose content does not depend on the operation
};

constexpr unsigned BitOf(Destination::Kind kind) { return 1U << static_cast<unsigned>(kind); }

std::span<const OperationRow> Operations();
std::span<const KindRow> Kinds();

// Nothing for values of a newer protocol.
const OperationRow* FindOperation(wire::Operation operation);
const KindRow* FindKind(wire::Kind kind);
// By name or by word ("PutFile", "put"); nothing when there is none.
const OperationRow* FindOperation(absl::string_view name);

// The content that a message of this kind and operation carries; CONTENT_NOT_SET where there is no
// such message.
Content ContentOf(wire::Kind kind, wire::Operation operation);
// "put"; "operation-77" for one of a newer protocol.
std::string OperationWord(wire::Operation operation);
std::string KindName(wire::Kind kind);
// Makes `content` the (empty) content of `body`. CONTENT_NOT_SET clears it.
void SetEmptyContent(wire::Body& body, Content content);
// Of an identify reply; empty in other bodies.
wire::TimeToDeliver TimeToDeliverOf(const wire::Body& body);
// The identify reply says that what the operation is to bring about is so already: its file is held
// with that digest, or, to be deleted, is not there.
bool IsDoneAlready(const Envelope& identify_reply);
// The place for it in an identify reply; nothing in other bodies.
wire::TimeToDeliver* MutableTimeToDeliver(wire::Body& body);
// The page's end of a final of a list; nothing in other bodies.
const wire::PageEnd* PageEndOf(const wire::Body& body);

}  // namespace bitrepo::protocol

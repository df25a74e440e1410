// SPDX-License-Identifier: Apache-2.0
// The bodies that a pillar answers with, and how what the store says becomes what the protocol
// says.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/checksum.h"
#include "bus/protocol/envelope.h"
#include "pillar/store/file_store.h"
#include "proto/envelope.pb.h"

namespace bitrepo::requests {

// Text of a COMPLETED that changed nothing, in the final and in the audit trail.
inline constexpr absl::string_view kAlreadySo = "nothing had to be changed: it was so already";

// Code and text; the text made fit to be sent.
wire::ResponseInfo MakeResponse(wire::ResponseCode code, absl::string_view text);

// Bodies that hold a response and the empty content which that operation's message has.
wire::Body IdentifyReplyBody(wire::Operation operation, wire::ResponseCode code,
                             absl::string_view text);
wire::Body AcceptedBody(wire::Operation operation);
wire::Body FinalBody(wire::Operation operation, wire::ResponseCode code, absl::string_view text);

// The file that a request is about; empty where it is about several or none.
std::string FileNamedIn(const wire::Body& request);

// True for operations whose final is recorded: a repeat must not do them again.
bool ChangesFiles(wire::Operation operation);

// The code for a store that could not do its job: NO_SPACE, DATA_LOSS, FILE_NOT_FOUND_FAILURE ...;
// FAILURE where the
// fault is the store's own.
wire::ResponseCode CodeOfStore(const absl::Status& status);

wire::FileInfo InfoOf(const store::FileRecord& record);
wire::DigestAlgorithm ToWire(base::Algorithm algorithm);
wire::Digest ToWire(const base::Digest& digest);
// kInvalidArgument for a salted or unknown algorithm, or a value of another length.
absl::StatusOr<base::Digest> FromWire(const wire::Digest& digest);

// The key and body digest under which an answer to `request` is recorded, without a final.
store::Answer AnswerFor(const protocol::Envelope& request, absl::Time wall_now);
// An audit row about `request` that ended with `response`; it tells the asker's reason too.
store::AuditEvent AuditOf(const protocol::Envelope& request, const wire::ResponseInfo& response);
// The same about one that was not understood: of it there is a header alone, whose words are made
// fit to be kept. Requires: fault.header_usable.
store::AuditEvent AuditOfFault(const protocol::EnvelopeFault& fault);

}  // namespace bitrepo::requests

// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "bus/protocol/contribution.h"
#include "bus/protocol/field_rules.h"
#include "bus/protocol/limits.h"
#include "bus/protocol/primitive.h"

namespace bitrepo::protocol {
namespace {

wire::Header ReplyHeader(const ContributionSpec& spec, const wire::Header& asked,
                         const std::string& answers, wire::Kind kind, absl::Time wall_now,
                         base::Random& random) {
  wire::Header header;
  header.set_repository_id(spec.repository_id);
  header.set_conversation_id(asked.conversation_id());
  header.set_message_id(base::MessageId::Make(wall_now, random).ToBytes());
  header.set_kind(kind);
  header.set_operation(asked.operation());
  header.set_collection_id(asked.collection_id());
  header.set_from(spec.self.text());
  header.set_to(asked.reply_to());
  header.set_issued_at_us(std::max<int64_t>(absl::ToUnixMicros(wall_now), 0));
  header.set_answers(answers);
  return header;
}

// What is said where the body that was to be said is not valid.
wire::Body Substitute(const wire::Header& header, const wire::Progress& progress,
                      const absl::Status& why) {
  wire::Body substitute;
  if (header.kind() == wire::PROGRESS) {
    substitute.mutable_response()->set_code(wire::OPERATION_PROGRESS);
    *substitute.mutable_progress() = progress;
    if (progress.phase() == wire::PHASE_UNSPECIFIED) {
      substitute.mutable_progress()->set_phase(wire::QUEUED);
    }
    SetEmptyContent(substitute, ContentOf(wire::PROGRESS, header.operation()));
    return substitute;
  }
  substitute.mutable_response()->set_code(wire::FAILURE);
  substitute.mutable_response()->set_text(
      FittingText(absl::StrCat("the answer cannot be sent: ", why.message()), kTextBytesMax));
  return substitute;
}

}  // namespace

Envelope MakeReply(const ContributionSpec& spec, const Envelope& request, wire::Kind kind,
                   wire::Body body, std::string secret, absl::Time wall_now, base::Random& random) {
  const std::string& answers = request.header.kind() == wire::CANCEL
                                   ? request.body.cancel().request_id()
                                   : request.header.message_id();
  const Destination destination{Destination::Kind::kClient, request.header.reply_to()};
  const wire::Header header = ReplyHeader(spec, request.header, answers, kind, wall_now, random);
  const wire::Progress progress = body.progress();
  absl::StatusOr<Envelope> reply =
      SealEnvelope(destination, header, std::move(body), std::move(secret));
  if (!reply.ok()) {
    reply = SealEnvelope(destination, header, Substitute(header, progress, reply.status()), "");
  }
  BITREPO_CHECK(reply.ok(), "a valid request can be answered");
  return *std::move(reply);
}

absl::StatusOr<Envelope> MakeRefusal(const ContributionSpec& spec, const EnvelopeFault& fault,
                                     absl::Time wall_now, base::Random& random) {
  const bool identify = fault.header.kind() == wire::IDENTIFY;
  if (!fault.header_usable || (!identify && fault.header.kind() != wire::REQUEST)) {
    return absl::InvalidArgumentError("nobody can be answered");
  }
  wire::Body body;
  body.mutable_response()->set_code(fault.code);
  body.mutable_response()->set_text(FittingText(fault.text, kTextBytesMax));
  wire::Header header =
      ReplyHeader(spec, fault.header, fault.header.message_id(),
                  identify ? wire::IDENTIFY_REPLY : wire::FINAL, wall_now, random);
  return SealEnvelope({Destination::Kind::kClient, fault.header.reply_to()}, std::move(header),
                      std::move(body), "");
}

}  // namespace bitrepo::protocol

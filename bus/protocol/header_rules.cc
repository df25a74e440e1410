// SPDX-License-Identifier: Apache-2.0
#include "bus/protocol/header_rules.h"

#include <algorithm>
#include <array>

#include "absl/strings/str_cat.h"
#include "base/utf8.h"
#include "bus/protocol/limits.h"
#include "bus/protocol/primitive.h"

namespace bitrepo::protocol {
namespace {

using DestinationKind = Destination::Kind;

// The must_understand features of this build. There are none in version 1.
constexpr std::array<absl::string_view, 0> kFeatures = {};

void ExamineDestination(const Destination& destination, const wire::Header& header,
                        const KindRow& kind, FieldRules& rules) {
  rules.Require((kind.goes_to & BitOf(destination.kind)) != 0, "destination",
                {"a message of this kind does not go to ", destination.ToString()});
  switch (destination.kind) {
    case DestinationKind::kPillar:
    case DestinationKind::kClient:
      rules.Require(header.to() == destination.id, "destination",
                    "header.to is not the destination");
      return;
    case DestinationKind::kCollection:
      rules.Require(header.to().empty(), "destination",
                    "header.to is set in a message to a collection");
      rules.Require(header.collection_id() == destination.id, "destination",
                    "header.collection_id is not the destination");
      return;
    case DestinationKind::kCoordinator:
    case DestinationKind::kOperators:
      rules.OptionalName("header.to", header.to());
      return;
  }
}

void ExamineConversation(const wire::Header& header, const KindRow& kind, FieldRules& rules) {
  if (kind.in_conversation == Presence::kAlways) {
    rules.Uuid("header.conversation_id", header.conversation_id());
  } else {
    rules.OptionalUuid("header.conversation_id", header.conversation_id());
  }
  rules.Require(
      kind.in_conversation != Presence::kNever ||
          (header.conversation_id().empty() && header.operation() == wire::OPERATION_UNSPECIFIED),
      "field", {"a ", kind.name, " belongs to no conversation"});
  const bool of_operation =
      kind.speaker == Speaker::kAsker || kind.speaker == Speaker::kContributor;
  if (!of_operation) {
    rules.OptionalName("header.collection_id", header.collection_id());
    return;
  }
  rules.Require(header.operation() != wire::OPERATION_UNSPECIFIED, "field",
                "header.operation is missing");
  const OperationRow* operation = FindOperation(header.operation());
  if (operation != nullptr && operation->in_collection == Presence::kAlways) {
    rules.Name("header.collection_id", header.collection_id());
  } else {
    rules.OptionalName("header.collection_id", header.collection_id());
  }
  rules.Require(operation == nullptr || operation->in_collection != Presence::kNever ||
                    header.collection_id().empty(),
                "field", "header.collection_id is set where the operation has none");
}

}  // namespace

bool CanBeAnswered(const wire::Header& header) {
  FieldRules rules;
  rules.Uuid("header.message_id", header.message_id());
  rules.Name("header.from", header.from());
  rules.OptionalName("header.reply_to", header.reply_to());
  rules.OptionalUuid("header.conversation_id", header.conversation_id());
  rules.OptionalName("header.collection_id", header.collection_id());
  return rules.ok();
}

void ExamineVersions(const wire::Header& header, FieldRules& rules) {
  rules.Require(header.version() >= 1 && header.min_version() >= 1 &&
                    header.min_version() <= header.version(),
                "version", "header.version and header.min_version must be 1 or more, in order");
  rules.Require(header.min_version() <= kProtocolVersion && header.version() >= kProtocolVersionMin,
                "version",
                {"version ", header.version(), " (understood from ", header.min_version(),
                 " on) where ", kProtocolVersionMin, " to ", kProtocolVersion, " are understood"},
                wire::VERSION_NOT_SUPPORTED);
  rules.Count("header.must_understand", header.must_understand_size(), kFeaturesMax);
  for (const std::string& feature : header.must_understand()) {
    rules.Text("header.must_understand", feature, kFeatureBytesMax);
    if (std::find(kFeatures.begin(), kFeatures.end(), feature) == kFeatures.end()) {
      rules.Require(
          false, "feature",
          {"the feature ", base::Printable(feature, kFeatureBytesMax), " is not known here"},
          wire::REQUEST_NOT_SUPPORTED);
    }
  }
}

void ExamineHeader(const Destination& destination, const wire::Header& header, FieldRules& rules) {
  rules.Name("header.repository_id", header.repository_id());
  rules.Uuid("header.message_id", header.message_id());
  rules.Name("header.from", header.from());
  rules.BytesAtMost("header.key_id", header.key_id(), kKeyIdBytesMax);
  rules.OptionalName("header.to", header.to());
  rules.NotNegative("header.issued_at_us", header.issued_at_us());
  rules.Require(header.expires_at_us() == 0 || header.expires_at_us() > header.issued_at_us(),
                "field", "header.expires_at_us is not after header.issued_at_us");
  const KindRow* kind = FindKind(header.kind());
  if (kind == nullptr) {
    rules.Require(false, "kind",
                  {"the kind ", static_cast<int>(header.kind()), " is not known here"},
                  wire::REQUEST_NOT_SUPPORTED);
    return;
  }
  ExamineDestination(destination, header, *kind, rules);
  ExamineConversation(header, *kind, rules);
  if (kind->reply) {
    rules.Uuid("header.answers", header.answers());
    rules.Require(header.reply_to().empty(), "field", "header.reply_to is set in a reply");
  } else {
    rules.Require(header.answers().empty(), "field", "header.answers is set where nothing is");
    rules.OptionalName("header.reply_to", header.reply_to());
  }
  if (kind->speaker == Speaker::kAsker) {
    rules.Name("header.reply_to", header.reply_to());
  }
}

}  // namespace bitrepo::protocol

// SPDX-License-Identifier: Apache-2.0
// Every limit of the bus protocol that is not in frames.h, envelope.h or base/ids.h; docs/spec/ has
// the same table.
#pragma once

#include <cstddef>

#include "absl/time/time.h"

namespace bitrepo::protocol {

inline constexpr size_t kDestinationBytesMax = 80;
inline constexpr size_t kHeaderBytesMax = 4096;
inline constexpr int kParseDepthMax = 16;   // of messages in messages, unknown ones too
inline constexpr size_t kFeaturesMax = 16;  // must_understand
inline constexpr size_t kFeatureBytesMax = 64;
inline constexpr size_t kKeyIdBytesMax = 64;

inline constexpr size_t kTextBytesMax = 1024;  // response text, reasons, texts of checks and alarms
inline constexpr size_t kWordBytesMax =
    128;  // program versions, names of checks, causes, alarm codes
inline constexpr size_t kEndpointBytesMax = 512;
inline constexpr size_t kSaltBytesMax = 1024;
inline constexpr size_t kAlgorithmsMax = 10;    // of one checksum spec: each once
inline constexpr size_t kCollectionsMax = 256;  // of one component
inline constexpr size_t kMembersMax = 1024;     // sent_to, away and roster, each
inline constexpr size_t kChecksMax = 64;        // of one status
inline constexpr size_t kDropCausesMax = 64;    // of one status

inline constexpr size_t kFileListMax = 1000;  // ids named in one message; beyond: a parameter set
inline constexpr size_t kCopyProofsMax = 64;  // of one delete
inline constexpr size_t kSourceStampBytesMax = 64;
inline constexpr size_t kRateRulesMax = 64;
inline constexpr int kRateStepsMax = 48;  // of one rule
inline constexpr int64_t kMinutesOfDay = 24 * 60;
inline constexpr size_t kStagedShownMax = 100;  // in one status
inline constexpr size_t kBlockBytesMin = 4096;  // of block-granular checksums
inline constexpr size_t kBlockBytesMax = 1u << 30;
inline constexpr size_t kRequestsOfConversationMax = 256;  // told by one GetConversation
inline constexpr size_t kTimelineMax = 512;                // messages of one observed conversation
inline constexpr size_t kPageItemsMax = 10000;
inline constexpr size_t kPageBytesMax =
    192 * 1024;  // of items: a final with them fits the envelope
inline constexpr size_t kCursorBytesMax = 1024;
inline constexpr size_t kGistBodyBytesMax = 4096;  // of a reply that OpenGist reads wholly

// How long the asker holds on to a contributor that is not connected when there is reason to think
// that it returns.
inline constexpr absl::Duration kReturnGrace = absl::Seconds(5);
// How long the asker waits for the final of a request that it has withdrawn.
inline constexpr absl::Duration kWithdrawPatience = absl::Seconds(5);
// Silence of a contributor that works before it is asked again: two of its heartbeats.
inline constexpr absl::Duration kWorkingResend = absl::Seconds(4);
// How long a contributor that says BUSY, and nothing else, is asked again; then BUSY is its answer.
inline constexpr absl::Duration kBusyPatience = absl::Minutes(5);
// Tokens that one contributor may hand out for one request; what comes after them is not told.
inline constexpr size_t kTokensMax = 64;
// The least time between two progress messages of one contribution.
inline constexpr absl::Duration kProgressGap = absl::Seconds(1);

}  // namespace bitrepo::protocol

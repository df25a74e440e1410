// SPDX-License-Identifier: Apache-2.0
#include "client/commands/trail_check.h"

#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/audit_chain.h"
#include "client/commands/words.h"

namespace bitrepo::commands {

std::string TrailAnchor::ToLine() const {
  return absl::StrCat(repository, " ", contributor, " ", sequence, " ",
                      absl::BytesToHexString(hash), " ",
                      absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", seen, absl::UTCTimeZone()));
}

absl::StatusOr<TrailAnchor> TrailAnchor::FromLine(absl::string_view line) {
  const std::vector<absl::string_view> words = absl::StrSplit(line, ' ');
  TrailAnchor anchor;
  std::string error;
  if (words.size() != 5 || words[0].empty() || words[1].empty() ||
      !absl::SimpleAtoi(words[2], &anchor.sequence) ||
      words[3].size() != 2 * base::kChainHashBytes ||
      words[3].find_first_not_of("0123456789abcdef") != absl::string_view::npos ||
      !absl::ParseTime(absl::RFC3339_full, words[4], &anchor.seen, &error)) {
    return absl::InvalidArgumentError(absl::StrCat("no anchor of an audit trail: ", Shown(line)));
  }
  anchor.repository = std::string(words[0]);
  anchor.contributor = std::string(words[1]);
  anchor.hash = absl::HexStringToBytes(words[3]);
  return anchor;
}

void TrailCheck::Begin(const wire::GetAuditTrailsFinal& first_page) {
  hash_ = base::ChainStart();
  end_sequence_ = first_page.end_sequence();
  end_hash_ = first_page.end_hash();
}

void TrailCheck::Add(const wire::AuditItem& record) {
  if (!status_.ok()) return;
  if (record.sequence() != sequence_ + 1) {
    return Fault(sequence_ + 1,
                 absl::StrCat("it is missing: record ", record.sequence(), " comes in its place"));
  }
  const std::string line = base::LineOf({.sequence = record.sequence(),
                                         .at_us = record.at_us(),
                                         .action = record.action(),
                                         .collection = record.collection_id(),
                                         .file_id = record.file_id(),
                                         .principal = record.principal(),
                                         .conversation = record.conversation_id(),
                                         .result = record.result(),
                                         .detail = record.detail()});
  std::string hash = base::ChainHash(hash_, line);
  if (hash != record.hash()) {
    return Fault(record.sequence(), "its hash is not that of the record and all before it");
  }
  sequence_ = record.sequence();
  hash_ = std::move(hash);
  if (anchor_ && anchor_->sequence == sequence_ && anchor_->hash != hash_) {
    return Fault(sequence_, absl::StrCat("the chain up to it is not the one seen on ",
                                         Timestamp(anchor_->seen)));
  }
  if (end_sequence_ == sequence_ && end_hash_ != hash_) {
    Fault(sequence_, "the chain up to it is not the one told at the begin");
  }
}

void TrailCheck::Finish() {
  if (!status_.ok()) return;
  if (sequence_ < end_sequence_) {
    return Fault(sequence_ + 1, absl::StrCat("it is missing: the trail goes to ", end_sequence_));
  }
  if (anchor_ && sequence_ < anchor_->sequence) {
    Fault(sequence_ + 1, absl::StrCat("the trail was cut: on ", Timestamp(anchor_->seen),
                                      " it went to ", anchor_->sequence));
  }
}

void TrailCheck::Fault(uint64_t sequence, std::string why) {
  first_bad_ = sequence;
  status_ = absl::DataLossError(absl::StrCat("record ", sequence, ": ", why));
}

}  // namespace bitrepo::commands

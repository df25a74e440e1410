// SPDX-License-Identifier: Apache-2.0
// One pillar in a rig that is asked for lists, and a store that is filled and emptied behind its
// back.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/pillar/pillar_rig.h"
#include "tests/support/status_matchers.h"

namespace bitrepo::pillar {

// Asks lists of the one pillar of a rig. Loop-confined.
class ListBench : public ::testing::Test {
 protected:
  wire::FileSelection One(const std::string& id) {
    wire::FileSelection files;
    files.set_file_id(id);
    return files;
  }
  wire::FileSelection All() {
    wire::FileSelection files;
    files.mutable_all();
    return files;
  }
  wire::FileSelection Prefix(const std::string& prefix) {
    wire::FileSelection files;
    files.set_prefix(prefix);
    return files;
  }
  protocol::Envelope Send(PillarRig::Ask ask, absl::Duration time = absl::Seconds(1)) {
    const protocol::Envelope request = rig.Request(std::move(ask));
    rig.Send(request);
    rig.Run(time);
    return request;
  }
  protocol::Envelope FileIds(wire::FileSelection files, wire::PageSpec page = {}) {
    PillarRig::Ask ask;
    ask.operation = wire::GET_FILE_IDS;
    *ask.body.mutable_get_file_ids_request()->mutable_files() = std::move(files);
    *ask.body.mutable_page() = std::move(page);
    return Send(std::move(ask));
  }
  wire::FileSelection Named(const std::vector<std::string>& ids) {
    wire::FileSelection files;
    for (const std::string& id : ids) files.mutable_list()->add_file_ids(id);
    return files;
  }
  // Each says the list operation of its content.
  protocol::Envelope SendChecksums(wire::GetChecksumsRequest request, wire::PageSpec page = {}) {
    PillarRig::Ask ask;
    ask.operation = wire::GET_CHECKSUMS;
    *ask.body.mutable_get_checksums_request() = std::move(request);
    *ask.body.mutable_page() = std::move(page);
    return Send(std::move(ask));
  }
  protocol::Envelope SendInfos(wire::GetFileInfosRequest request, wire::PageSpec page = {}) {
    PillarRig::Ask ask;
    ask.operation = wire::GET_FILE_INFOS;
    *ask.body.mutable_get_file_infos_request() = std::move(request);
    *ask.body.mutable_page() = std::move(page);
    return Send(std::move(ask));
  }
  protocol::Envelope Infos(wire::FileSelection files, wire::PageSpec page = {}) {
    wire::GetFileInfosRequest request;
    *request.mutable_files() = std::move(files);
    return SendInfos(std::move(request), std::move(page));
  }
  const wire::GetFileInfosFinal& InfosOf(const protocol::Envelope& asked) {
    return rig.Final(asked)->body.get_file_infos_final();
  }
  protocol::Envelope Checksums(wire::FileSelection files,
                               std::vector<wire::DigestAlgorithm> algorithms = {},
                               bool fresh = false, wire::PageSpec page = {}) {
    PillarRig::Ask ask;
    ask.operation = wire::GET_CHECKSUMS;
    auto* request = ask.body.mutable_get_checksums_request();
    *request->mutable_files() = std::move(files);
    for (const wire::DigestAlgorithm algorithm : algorithms) {
      request->mutable_checksums()->add_algorithms(algorithm);
      if (algorithm >= wire::HMAC_MD5) request->mutable_checksums()->set_salt("salt");
    }
    request->mutable_checksums()->set_fresh(fresh);
    *ask.body.mutable_page() = std::move(page);
    return Send(std::move(ask));
  }
  protocol::Envelope RangeChecksum(const std::string& id, std::optional<uint64_t> offset,
                                   std::optional<uint64_t> length) {
    PillarRig::Ask ask;
    ask.operation = wire::GET_CHECKSUMS;
    auto* request = ask.body.mutable_get_checksums_request();
    *request->mutable_files() = One(id);
    if (offset) request->set_offset(*offset);
    if (length) request->set_length(*length);
    return Send(std::move(ask));
  }
  const wire::GetChecksumsFinal& Sums(const protocol::Envelope& asked) {
    return rig.Final(asked)->body.get_checksums_final();
  }
  std::vector<std::string> Ids(const protocol::Envelope& asked) {
    std::vector<std::string> ids;
    for (const auto& item : rig.Final(asked)->body.get_file_ids_final().items()) {
      ids.push_back(item.file_id());
    }
    return ids;
  }
  // Straight into the store: much faster than putting.
  void Keep(const std::string& id, const std::string& bytes,
            absl::Time stored_at = absl::FromUnixSeconds(1'700'000'000)) {
    auto staged = rig.store.memory.Stage(Photos(), File(id), bytes.size());
    ASSERT_OK(staged);
    ASSERT_OK((*staged)->Write(0, std::as_bytes(std::span(bytes))));
    ASSERT_OK((*staged)->Seal(bytes.size()));
    std::vector<store::Publication> group;
    const auto conversation = base::ConversationId::Make(absl::FromUnixSeconds(9), rig.random);
    store::Answer answer{
        {"loader", conversation, base::MessageId::Make(absl::FromUnixSeconds(9), rig.random)},
        std::string(32, 'd'),
        "final",
        absl::FromUnixSeconds(9)};
    group.push_back(
        {Photos(), File(id), conversation, stored_at, *std::move(staged), std::move(answer), {}});
    ASSERT_OK(rig.store.memory.Publish(std::move(group)).front());
  }
  // Straight out of it, into quarantine.
  void Remove(const std::string& id) {
    const auto record = rig.store.memory.Find(Photos(), File(id));
    ASSERT_OK(record);
    const auto conversation = base::ConversationId::Make(absl::FromUnixSeconds(9), rig.random);
    store::Answer answer{
        {"loader", conversation, base::MessageId::Make(absl::FromUnixSeconds(9), rig.random)},
        std::string(32, 'd'),
        "final",
        absl::FromUnixSeconds(9)};
    std::vector<store::Removal> group;
    group.push_back({Photos(),
                     File(id),
                     record->sha256,
                     absl::FromUnixSeconds(1'800'000'000),
                     std::move(answer),
                     {}});
    ASSERT_OK(rig.store.memory.Remove(std::move(group)).front());
  }

  PillarRig rig;
};

}  // namespace bitrepo::pillar

// SPDX-License-Identifier: Apache-2.0
// What samples are made of, for their own sources alone.
#pragma once

#include <string>
#include <vector>

#include "tests/bus/protocol/message_samples.h"

namespace bitrepo::protocol::samples {

inline constexpr char kFile[] = "shelf 3/b\xc3\xa9zier.pdf";
inline constexpr int64_t kIssuedAt = 1767225600000000;

inline wire::Body Response(wire::ResponseCode code, const std::string& text = "") {
  wire::Body body;
  body.mutable_response()->set_code(code);
  body.mutable_response()->set_text(text);
  return body;
}

inline void SetDigest(wire::Digest& digest) {
  digest.set_algorithm(wire::SHA256);
  digest.set_value(Sha256Value('d'));
}

inline void SetFile(wire::FileInfo& file) {
  file.set_file_id(kFile);
  file.set_size_bytes(1 << 20);
  SetDigest(*file.mutable_digest());
  file.set_generation_id(Id('g'));
  file.set_stored_at_us(kIssuedAt - 1000000);
}

inline void SetTime(wire::TimeToDeliver& time) {
  time.set_first_byte_us(1500);
  time.set_bytes_per_second(200000000);
  time.set_queue_place(2);
  time.set_pillar_kind(wire::FULL_PILLAR);
}

inline void SetProgress(wire::Body& body, uint32_t sequence, wire::Phase phase) {
  wire::Progress& progress = *body.mutable_progress();
  progress.set_sequence(sequence);
  progress.set_phase(phase);
  progress.set_bytes_done(4096);
  progress.set_bytes_total(1 << 20);
}

void AddChanges(std::vector<Sample>& samples);  // replace, delete, undelete
void AddLists(std::vector<Sample>& samples);  // checksums, ids, infos, audit, conversation, alarms

}  // namespace bitrepo::protocol::samples

// SPDX-License-Identifier: Apache-2.0
// Samples of the operations that change what is there: replace, delete, undelete.
#include "tests/bus/protocol/sample_parts.h"

namespace bitrepo::protocol::samples {
namespace {

void SetOldDigest(wire::Digest& digest) {
  digest.set_algorithm(wire::SHA256);
  digest.set_value(Sha256Value('o'));
}

void SetReplaced(wire::FileInfo& file) {
  SetFile(file);
  SetOldDigest(*file.mutable_digest());
  file.set_generation_id(Id('G'));
}

void AddReplace(std::vector<Sample>& samples) {
  constexpr wire::Operation kOperation = wire::REPLACE_FILE;
  wire::Body body;
  wire::ReplaceFileIdentify& identify = *body.mutable_replace_file_identify();
  identify.set_file_id(kFile);
  identify.set_size_bytes(1 << 20);
  SetDigest(*identify.mutable_digest());
  SetOldDigest(*identify.mutable_old_digest());
  samples.push_back(MakeSample("replace-file-identify", wire::IDENTIFY, kOperation, body));

  body = Response(wire::IDENTIFICATION_POSITIVE);
  SetTime(*body.mutable_replace_file_identify_reply()->mutable_time_to_deliver());
  SetReplaced(*body.mutable_replace_file_identify_reply()->mutable_existing());
  samples.push_back(
      MakeSample("replace-file-identify-reply", wire::IDENTIFY_REPLY, kOperation, body));

  body.Clear();
  wire::ReplaceFileRequest& request = *body.mutable_replace_file_request();
  request.set_file_id(kFile);
  request.set_size_bytes(1 << 20);
  SetDigest(*request.mutable_digest());
  SetOldDigest(*request.mutable_old_digest());
  request.mutable_checksums()->add_algorithms(wire::SHA1);
  request.mutable_old_checksums()->add_algorithms(wire::HMAC_MD5);
  request.mutable_old_checksums()->set_salt("salt");
  body.set_reason("better scan");
  samples.push_back(MakeSample("replace-file-request", wire::REQUEST, kOperation, body));

  body = Response(wire::OPERATION_ACCEPTED_PROGRESS);
  SetProgress(body, 1, wire::ACCEPTED);
  body.mutable_replace_file_progress()->set_digest_only(true);
  samples.push_back(MakeSample("replace-file-progress", wire::PROGRESS, kOperation, body,
                               "bitrepo:token-of-a-test"));

  body = Response(wire::OPERATION_COMPLETED);
  wire::ReplaceFileFinal& final = *body.mutable_replace_file_final();
  SetFile(*final.mutable_file());
  SetReplaced(*final.mutable_replaced());
  final.add_digests()->set_algorithm(wire::SHA1);
  final.mutable_digests(0)->set_value(std::string(20, '1'));
  final.add_old_digests()->set_algorithm(wire::HMAC_MD5);
  final.mutable_old_digests(0)->set_value(std::string(16, '2'));
  samples.push_back(MakeSample("replace-file-final", wire::FINAL, kOperation, body));
}

void AddDelete(std::vector<Sample>& samples) {
  constexpr wire::Operation kOperation = wire::DELETE_FILE;
  wire::Body body;
  body.mutable_delete_file_identify()->set_file_id(kFile);
  samples.push_back(MakeSample("delete-file-identify", wire::IDENTIFY, kOperation, body));

  body = Response(wire::IDENTIFICATION_POSITIVE);
  SetTime(*body.mutable_delete_file_identify_reply()->mutable_time_to_deliver());
  SetFile(*body.mutable_delete_file_identify_reply()->mutable_file());
  samples.push_back(
      MakeSample("delete-file-identify-reply", wire::IDENTIFY_REPLY, kOperation, body));

  body.Clear();
  wire::DeleteFileRequest& request = *body.mutable_delete_file_request();
  request.set_file_id(kFile);
  SetDigest(*request.mutable_digest());
  wire::CopyProof& copy = *request.add_copies();
  copy.set_pillar_id("pillar-2");
  SetDigest(*copy.mutable_digest());
  copy.set_calculated_at_us(kIssuedAt);
  request.mutable_checksums()->add_algorithms(wire::SHA384);
  body.set_reason("withdrawn by the depositor");
  samples.push_back(MakeSample("delete-file-request", wire::REQUEST, kOperation, body));

  request.clear_copies();
  request.set_delete_everywhere(kFile);
  samples.push_back(MakeSample("delete-file-request-everywhere", wire::REQUEST, kOperation, body));

  body = Response(wire::OPERATION_ACCEPTED_PROGRESS);
  SetProgress(body, 1, wire::ACCEPTED);
  body.mutable_delete_file_progress();
  samples.push_back(MakeSample("delete-file-progress", wire::PROGRESS, kOperation, body));

  body = Response(wire::OPERATION_COMPLETED);
  SetFile(*body.mutable_delete_file_final()->mutable_file());
  body.mutable_delete_file_final()->add_digests()->set_algorithm(wire::SHA384);
  body.mutable_delete_file_final()->mutable_digests(0)->set_value(std::string(48, '3'));
  body.mutable_delete_file_final()->set_already_gone(true);
  samples.push_back(MakeSample("delete-file-final", wire::FINAL, kOperation, body));
}

void AddUndelete(std::vector<Sample>& samples) {
  constexpr wire::Operation kOperation = wire::UNDELETE_FILE;
  wire::Body body;
  body.mutable_undelete_file_identify()->set_file_id(kFile);
  samples.push_back(MakeSample("undelete-file-identify", wire::IDENTIFY, kOperation, body));

  body = Response(wire::IDENTIFICATION_POSITIVE);
  SetTime(*body.mutable_undelete_file_identify_reply()->mutable_time_to_deliver());
  SetReplaced(*body.mutable_undelete_file_identify_reply()->mutable_file());
  samples.push_back(
      MakeSample("undelete-file-identify-reply", wire::IDENTIFY_REPLY, kOperation, body));

  body.Clear();
  body.mutable_undelete_file_request()->set_file_id(kFile);
  body.mutable_undelete_file_request()->set_generation_id(Id('G'));
  SetOldDigest(*body.mutable_undelete_file_request()->mutable_old_digest());
  body.set_reason("deleted in error");
  samples.push_back(MakeSample("undelete-file-request", wire::REQUEST, kOperation, body));

  body = Response(wire::OPERATION_ACCEPTED_PROGRESS);
  SetProgress(body, 1, wire::ACCEPTED);
  body.mutable_undelete_file_progress();
  samples.push_back(MakeSample("undelete-file-progress", wire::PROGRESS, kOperation, body));

  body = Response(wire::OPERATION_COMPLETED);
  SetReplaced(*body.mutable_undelete_file_final()->mutable_file());
  SetFile(*body.mutable_undelete_file_final()->mutable_replaced());
  samples.push_back(MakeSample("undelete-file-final", wire::FINAL, kOperation, body));
}

}  // namespace

void AddChanges(std::vector<Sample>& samples) {
  AddReplace(samples);
  AddDelete(samples);
  AddUndelete(samples);
}

}  // namespace bitrepo::protocol::samples

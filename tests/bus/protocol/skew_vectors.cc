// SPDX-License-Identifier: Apache-2.0
// What older and newer components say, and what they are answered.
#include <functional>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "bus/protocol/contribution.h"
#include "bus/protocol/primitive.h"
#include "tests/bus/protocol/golden_vectors.h"
#include "tests/bus/protocol/message_samples.h"

namespace bitrepo::protocol::samples {
namespace {

// Field 2000 = 1, of a version to come.
constexpr char kNewField[] = "\x80\x7d\x01";

struct Skew {
  const char* name;
  const char* about;
  const char* sample;
  std::function<void(Sample&)> change;
  const char* cause = "";
  wire::ResponseCode code = wire::RESPONSE_CODE_UNSPECIFIED;
};

// As a component of another version would send it: unchecked by this one. The digest of the secret
// is the sample's.
Frames FramesOf(const Sample& sample) {
  Frames frames = ToFrames(Seal(ByName(sample.name)));
  EnvelopeFault ignored;
  const std::string digest = OpenEnvelope(frames, ignored)->body.secret_sha256();
  wire::Body body = sample.body;
  if (!digest.empty()) {
    body.set_secret_sha256(digest);
  }
  frames[1] = sample.header.SerializeAsString();
  frames[2] = body.SerializeAsString();
  return frames;
}

void AddUnknown(google::protobuf::Message& message) {
  BITREPO_CHECK(message.MergeFromString(kNewField), "an unknown field is a field");
}

const std::vector<Skew>& Skews() {
  static const std::vector<Skew> kSkews = {
      {"skew-older-hello", "of a pillar that does not tell its kind yet", "hello",
       [](Sample& s) { s.body.mutable_hello()->clear_pillar_kind(); }},
      {"skew-older-identify-reply", "of a pillar that does not tell its kind yet",
       "put-file-identify-reply",
       [](Sample& s) {
         s.body.mutable_put_file_identify_reply()->mutable_time_to_deliver()->clear_pillar_kind();
       }},
      {"skew-older-request", "of a client that knows neither reason nor returned checksums",
       "put-file-request",
       [](Sample& s) {
         s.body.clear_reason();
         s.body.mutable_put_file_request()->clear_checksums();
       }},
      {"skew-older-list", "of a client that knows neither windows nor lists by token",
       "get-file-ids-request", [](Sample&) {}},
      {"skew-too-old", "of version 0, which there is not: REQUEST_NOT_UNDERSTOOD_FAILURE",
       "put-file-request",
       [](Sample& s) {
         s.header.set_version(0);
         s.header.set_min_version(0);
       },
       "version", wire::REQUEST_NOT_UNDERSTOOD_FAILURE},
      {"skew-newer-unknown-field",
       "version 2, understood from 1 on, with field 2000 = 1 in the body: it is ignored",
       "put-file-request",
       [](Sample& s) {
         s.header.set_version(2);
         AddUnknown(s.body);
       }},
      {"skew-newer-unknown-header-field", "the same in the header", "put-file-request",
       [](Sample& s) {
         s.header.set_version(2);
         AddUnknown(s.header);
       }},
      {"skew-newer-nested-unknown-field", "the same in the content", "delete-file-request",
       [](Sample& s) {
         s.header.set_version(2);
         AddUnknown(*s.body.mutable_delete_file_request()->mutable_copies(0));
       }},
      {"skew-newer-code", "a final with response code 999: it is taken as FAILURE",
       "put-file-final-refusal",
       [](Sample& s) {
         s.header.set_version(2);
         s.body.mutable_response()->set_code(static_cast<wire::ResponseCode>(999));
       }},
      {"skew-newer-phase", "a progress of phase 999: work goes on", "put-file-progress",
       [](Sample& s) {
         s.header.set_version(2);
         s.body.mutable_progress()->set_phase(static_cast<wire::Phase>(999));
       }},
      {"skew-newer-pillar", "a pillar of kind 77 identifies", "get-file-identify-reply",
       [](Sample& s) {
         s.header.set_version(2);
         s.body.mutable_get_file_identify_reply()->mutable_time_to_deliver()->set_pillar_kind(
             static_cast<wire::PillarKind>(77));
       }},
      {"skew-must-understand",
       "a feature that must be understood and is not: REQUEST_NOT_SUPPORTED", "put-file-request",
       [](Sample& s) { s.header.add_must_understand("base-generation"); }, "feature",
       wire::REQUEST_NOT_SUPPORTED},
      {"skew-must-understand-identify", "the same in an identify", "delete-file-identify",
       [](Sample& s) { s.header.add_must_understand("base-generation"); }, "feature",
       wire::REQUEST_NOT_SUPPORTED},
      {"skew-too-new", "understood from version 2 on: VERSION_NOT_SUPPORTED", "put-file-request",
       [](Sample& s) {
         s.header.set_version(2);
         s.header.set_min_version(2);
       },
       "version", wire::VERSION_NOT_SUPPORTED},
      {"skew-too-new-identify", "the same in an identify", "get-file-identify",
       [](Sample& s) {
         s.header.set_version(7);
         s.header.set_min_version(3);
       },
       "version", wire::VERSION_NOT_SUPPORTED},
      {"skew-too-new-final", "a final that is understood from version 2 on: dropped",
       "put-file-final",
       [](Sample& s) {
         s.header.set_version(2);
         s.header.set_min_version(2);
       },
       "version"},
      {"skew-reserved-operation",
       "UpdateFile, whose messages are not there yet: REQUEST_NOT_SUPPORTED", "put-file-request",
       [](Sample& s) { s.header.set_operation(wire::UPDATE_FILE); }, "operation",
       wire::REQUEST_NOT_SUPPORTED},
      {"skew-newer-operation", "operation 77, with a content that is not known either",
       "put-file-request",
       [](Sample& s) {
         s.header.set_version(2);
         s.header.set_operation(static_cast<wire::Operation>(77));
         s.body.clear_content();
         AddUnknown(s.body);
       },
       "operation", wire::REQUEST_NOT_SUPPORTED},
      {"skew-newer-identify-operation", "an identify of operation 77", "get-status-identify",
       [](Sample& s) {
         s.header.set_version(2);
         s.header.set_operation(static_cast<wire::Operation>(77));
       },
       "operation", wire::REQUEST_NOT_SUPPORTED},
      {"skew-newer-kind", "kind 99: its sender is told by the broker", "put-file-request",
       [](Sample& s) {
         s.header.set_version(2);
         s.header.set_kind(static_cast<wire::Kind>(99));
       },
       "kind"},
      {"skew-newer-algorithm", "digests of algorithm 9: REQUEST_NOT_SUPPORTED",
       "get-checksums-request",
       [](Sample& s) {
         s.header.set_version(2);
         auto& checksums = *s.body.mutable_get_checksums_request()->mutable_checksums();
         checksums.clear_salt();
         checksums.clear_algorithms();
         checksums.add_algorithms(static_cast<wire::DigestAlgorithm>(9));
       },
       "checksum-spec", wire::REQUEST_NOT_SUPPORTED},
      {"skew-newer-selection", "files chosen in a way that is not known: never taken for all",
       "get-file-ids-request",
       [](Sample& s) {
         s.header.set_version(2);
         s.body.mutable_get_file_ids_request()->mutable_files()->Clear();
         AddUnknown(*s.body.mutable_get_file_ids_request()->mutable_files());
       },
       "field", wire::REQUEST_NOT_UNDERSTOOD_FAILURE},
  };
  return kSkews;
}

Vector AnswerTo(const Vector& asked) {
  EnvelopeFault fault;
  BITREPO_CHECK(!OpenEnvelope(asked.frames, fault).ok(), asked.name + " is refused");
  base::SeededRandom random(3);
  const ContributionSpec spec{kRepository, *base::ComponentId::Parse(kPillar),
                              absl::FromUnixSeconds(1767225600)};
  const auto answer = MakeRefusal(spec, fault, spec.wall_start, random);
  BITREPO_CHECK(answer.ok(), asked.name + " can be answered");
  return {asked.name + "-answer", absl::StrCat("what ", asked.name, " is answered"),
          ToFrames(*answer), ""};
}

}  // namespace

std::vector<Vector> SkewVectors() {
  std::vector<Vector> vectors;
  for (const Skew& skew : Skews()) {
    Sample sample = ByName(skew.sample);
    skew.change(sample);
    vectors.push_back({skew.name, skew.about, FramesOf(sample), skew.cause, skew.code});
    if (skew.code != wire::RESPONSE_CODE_UNSPECIFIED) {
      vectors.push_back(AnswerTo(Vector(vectors.back())));
    }
  }
  return vectors;
}

}  // namespace bitrepo::protocol::samples

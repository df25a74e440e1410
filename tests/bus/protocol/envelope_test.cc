// SPDX-License-Identifier: Apache-2.0
#include "bus/protocol/envelope.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <set>

#include "base/checksum.h"
#include "bus/protocol/limits.h"
#include "bus/protocol/primitive.h"
#include "tests/bus/protocol/message_samples.h"
#include "tests/support/status_matchers.h"

namespace bitrepo::protocol {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing_support::StatusIs;

std::string CauseOf(Frames frames) {
  EnvelopeFault fault;
  const auto opened = OpenEnvelope(std::move(frames), fault);
  EXPECT_EQ(opened.ok(), fault.cause.empty());
  return fault.cause;
}

// The frames of a sample whose header or body was changed after it was sealed: as a peer might send
// it.
Frames Forged(const samples::Sample& sample) {
  Frames frames = ToFrames(samples::Seal(samples::ByName(sample.name)));
  frames[1] = sample.header.SerializeAsString();
  frames[2] = sample.body.SerializeAsString();
  return frames;
}

TEST(Envelope, WhatIsSealedOpensAsItWas) {
  for (const samples::Sample& sample : samples::All()) {
    SCOPED_TRACE(sample.name);
    const Envelope sealed = samples::Seal(sample);
    EnvelopeFault fault;
    ASSERT_OK_AND_ASSIGN(const Envelope opened, OpenEnvelope(ToFrames(sealed), fault));
    EXPECT_EQ(opened.destination, sealed.destination);
    EXPECT_EQ(opened.header.SerializeAsString(), sealed.header.SerializeAsString());
    EXPECT_EQ(opened.header_bytes, sealed.header_bytes);
    EXPECT_EQ(opened.body_bytes, sealed.body_bytes);
    EXPECT_EQ(opened.secret, sealed.secret);
    EXPECT_EQ(opened.body.content_case(), sealed.body.content_case());
    EXPECT_EQ(ToFrames(opened), ToFrames(sealed));
  }
}

// [B-2]
TEST(Envelope, EveryKindAndEveryContentHasASample) {
  std::set<int> contents;
  std::set<int> kinds;
  for (const samples::Sample& sample : samples::All()) {
    contents.insert(static_cast<int>(sample.body.content_case()));
    kinds.insert(static_cast<int>(sample.header.kind()));
  }
  const auto* oneof = wire::Body::descriptor()->FindOneofByName("content");
  for (int i = 0; i < oneof->field_count(); ++i) {
    EXPECT_TRUE(contents.contains(oneof->field(i)->number())) << oneof->field(i)->name();
  }
  for (const KindRow& row : Kinds()) {
    EXPECT_TRUE(kinds.contains(static_cast<int>(row.kind))) << row.name;
  }
}

TEST(Envelope, SameMessageGivesSameBytes) {
  const samples::Sample sample = samples::ByName("get-status-final");
  samples::Sample other_order = sample;
  auto& dropped = *other_order.body.mutable_get_status_final()->mutable_dropped_frames();
  dropped.clear();
  dropped["oversize"] = 1;
  dropped["frame-count"] = 3;
  EXPECT_EQ(samples::Seal(sample).body_bytes, samples::Seal(other_order).body_bytes);
}

// [B-9]
TEST(Envelope, SignatureCoversHeaderAndBodyAsSent) {
  const Envelope envelope = samples::Seal(samples::ByName("bye"));
  const auto length = [](size_t n) {
    return std::string{static_cast<char>(n), 0, 0, 0, 0, 0, 0, 0};
  };
  EXPECT_EQ(SignedBytes(envelope), "bitrepo1" + length(envelope.header_bytes.size()) +
                                       envelope.header_bytes + length(envelope.body_bytes.size()) +
                                       envelope.body_bytes);
}

TEST(Envelope, BodyDigestIsThatOfTheBodyFrame) {
  const Envelope envelope = samples::Seal(samples::ByName("put-file-request"));
  EXPECT_EQ(BodyDigest(envelope),
            base::Hasher::Of(base::Algorithm::kSha256, envelope.body_bytes).bytes());
}

TEST(Envelope, SealFillsInVersionAndSecretDigest) {
  samples::Sample sample = samples::ByName("put-file-progress");
  sample.header.clear_version();
  sample.header.clear_min_version();
  const Envelope envelope = samples::Seal(sample);
  EXPECT_EQ(envelope.header.version(), kProtocolVersion);
  EXPECT_EQ(envelope.header.min_version(), kProtocolVersionMin);
  EXPECT_EQ(envelope.body.secret_sha256(),
            base::Hasher::Of(base::Algorithm::kSha256, sample.secret).bytes());
}

// [B-1]
TEST(Envelope, FramesAreFive) {
  Frames frames = ToFrames(samples::Seal(samples::ByName("bye")));
  Frames four(frames.begin(), frames.begin() + 4);
  Frames six = frames;
  six.emplace_back();
  EXPECT_THAT(CauseOf(frames), IsEmpty());
  EXPECT_EQ(CauseOf(four), "frame-count");
  EXPECT_EQ(CauseOf(six), "frame-count");
  EXPECT_EQ(CauseOf({}), "frame-count");
}

// [B-3]
TEST(Envelope, AllFramesTogetherHaveALimit) {
  samples::Sample sample = samples::ByName("get-file-ids-final");
  const auto fill = [&sample](size_t count) {
    auto& final = *sample.body.mutable_get_file_ids_final();
    final.clear_items();
    for (size_t i = 0; i < count; ++i) {
      final.add_items()->set_file_id(std::string(200, 'x'));
    }
  };
  size_t most = 0;
  for (size_t step = 1024; step > 0; step /= 2) {
    fill(most + step);
    if (SealEnvelope(sample.destination, sample.header, sample.body, "").ok()) {
      most += step;
    }
  }
  fill(most + 1);
  EXPECT_THAT(SealEnvelope(sample.destination, sample.header, sample.body, ""),
              StatusIs(absl::StatusCode::kResourceExhausted));
  // Unknown fields fill the rest: exactly at the limit it is taken, one byte more is not.
  fill(most);
  Frames frames = ToFrames(samples::Seal(sample));
  size_t bytes = 0;
  for (const std::string& frame : frames) {
    bytes += frame.size();
  }
  const size_t room = kEnvelopeBytesMax - bytes;
  ASSERT_GT(room, 8u);
  ASSERT_LT(room, 300u);
  const auto pad = [&](size_t n) {  // an unknown field 2000 of n bytes, tag and length included
    std::string field = {'\x82', '\x7d'};
    const size_t payload = n >= 131 ? n - 4 : n - 3;
    if (payload >= 128) {
      field.push_back(static_cast<char>(0x80 | (payload & 0x7f)));
      field.push_back(static_cast<char>(payload >> 7));
    } else {
      field.push_back(static_cast<char>(payload));
    }
    field.append(payload, 'p');
    return field;
  };
  Frames at = frames;
  at[2] += pad(room);
  EXPECT_THAT(CauseOf(at), IsEmpty());
  Frames past = frames;
  past[2] += pad(room + 1);
  EXPECT_EQ(CauseOf(past), "oversize");
}

TEST(Envelope, HeaderHasALimit) {
  Frames frames = ToFrames(samples::Seal(samples::ByName("bye")));
  const auto padded = [&frames](size_t header_bytes) {
    Frames copy = frames;
    const size_t payload = header_bytes - copy[1].size() - 4;
    copy[1] += {'\x82', '\x7d', static_cast<char>(0x80 | (payload & 0x7f)),
                static_cast<char>(payload >> 7)};
    copy[1].append(payload, 'p');
    EXPECT_EQ(copy[1].size(), header_bytes);
    return copy;
  };
  EXPECT_THAT(CauseOf(padded(kHeaderBytesMax)), IsEmpty());
  EXPECT_EQ(CauseOf(padded(kHeaderBytesMax + 1)), "oversize");
}

// [B-10]
TEST(Envelope, DestinationIsOneOfFive) {
  for (const char* text :
       {"collection:books", "pillar:p-1", "client:alice.5f03", "coordinator", "operators"}) {
    ASSERT_OK_AND_ASSIGN(const Destination destination, Destination::Parse(text));
    EXPECT_EQ(destination.ToString(), text);
  }
  for (const char* text : {"", "pillar", "pillar:", "pillar:P", "queue:x", "coordinator:x",
                           "operators ", "collection:a/b"}) {
    EXPECT_THAT(Destination::Parse(text), StatusIs(absl::StatusCode::kInvalidArgument)) << text;
  }
  Frames frames = ToFrames(samples::Seal(samples::ByName("bye")));
  frames[0] = "pillar:" + std::string(kDestinationBytesMax, 'x');
  EXPECT_EQ(CauseOf(frames), "destination");
}

// [B-22]
TEST(Envelope, GarbageIsNoHeaderAndNoBody) {
  Frames frames = ToFrames(samples::Seal(samples::ByName("bye")));
  Frames bad_header = frames;
  bad_header[1] = "\xff\xff\xff\xff";
  EXPECT_EQ(CauseOf(bad_header), "header-garbage");
  Frames bad_body = frames;
  bad_body[2] = "\xff\xff\xff\xff";
  EXPECT_EQ(CauseOf(bad_body), "body-garbage");
  Frames truncated = frames;
  truncated[1].pop_back();
  EXPECT_EQ(CauseOf(truncated), "header-garbage");
}

// [B-25]
TEST(Envelope, NestingHasALimit) {
  Frames frames = ToFrames(samples::Seal(samples::ByName("bye")));
  const auto nested = [](int depth) {  // unknown groups within groups, field 2000
    std::string bytes;
    for (int i = 0; i < depth; ++i) {
      bytes += "\x83\x7d";
    }
    for (int i = 0; i < depth; ++i) {
      bytes += "\x84\x7d";
    }
    return bytes;
  };
  Frames at = frames;
  at[2] += nested(kParseDepthMax);
  EXPECT_THAT(CauseOf(at), IsEmpty());
  Frames past = frames;
  past[2] += nested(kParseDepthMax + 1);
  EXPECT_EQ(CauseOf(past), "body-garbage");
}

// [B-4] [B-5]
TEST(Envelope, VersionsAreJudgedFirst) {
  samples::Sample sample = samples::ByName("put-file-request");
  sample.header.set_version(kProtocolVersion + 5);
  sample.header.set_min_version(kProtocolVersion);
  EXPECT_THAT(CauseOf(Forged(sample)), IsEmpty()) << "a newer sender that is understood";

  sample.header.set_min_version(kProtocolVersion + 1);
  sample.body.Clear();  // what the body says is then of no interest
  EnvelopeFault fault;
  EXPECT_FALSE(OpenEnvelope(Forged(sample), fault).ok());
  EXPECT_EQ(fault.cause, "version");
  EXPECT_EQ(fault.code, wire::VERSION_NOT_SUPPORTED);
  EXPECT_TRUE(fault.header_usable);
  EXPECT_EQ(fault.header.message_id(), sample.header.message_id());

  sample.header.set_version(0);
  sample.header.set_min_version(0);
  EXPECT_EQ(CauseOf(Forged(sample)), "version");
}

// [B-6]
TEST(Envelope, UnknownFeatureIsNotSupported) {
  samples::Sample sample = samples::ByName("put-file-request");
  sample.header.add_must_understand("base-generation");
  EnvelopeFault fault;
  EXPECT_FALSE(OpenEnvelope(Forged(sample), fault).ok());
  EXPECT_EQ(fault.cause, "feature");
  EXPECT_EQ(fault.code, wire::REQUEST_NOT_SUPPORTED);
  EXPECT_TRUE(fault.header_usable);
  EXPECT_THAT(fault.text, HasSubstr("base-generation"));
}

// [B-7]
TEST(Envelope, UnknownFieldsAreKeptAndIgnored) {
  Frames frames = ToFrames(samples::Seal(samples::ByName("put-file-request")));
  frames[1] += std::string("\x80\x7d\x01", 3);  // field 2000, varint 1
  frames[2] += std::string("\x80\x7d\x01", 3);
  EnvelopeFault fault;
  ASSERT_OK_AND_ASSIGN(const Envelope opened, OpenEnvelope(frames, fault));
  EXPECT_EQ(ToFrames(opened), frames);
}

// [B-8] [B-24]
TEST(Envelope, SecretIsTheOneThatTheBodyNames) {
  const Frames frames = ToFrames(samples::Seal(samples::ByName("put-file-progress")));
  Frames other = frames;
  other[3][0] ^= 1;
  EXPECT_EQ(CauseOf(other), "secret");
  Frames missing = frames;
  missing[3].clear();
  EXPECT_EQ(CauseOf(missing), "secret");
  Frames surplus = ToFrames(samples::Seal(samples::ByName("get-status-progress")));
  surplus[3] = "a secret nobody announced";
  EXPECT_EQ(CauseOf(surplus), "secret");

  EnvelopeFault fault;
  EXPECT_OK(OpenCopy(missing, fault)) << "a watcher sees the message without its secret";
  EXPECT_EQ(WithoutSecret(frames), missing);
  EXPECT_FALSE(OpenCopy(other, fault).ok());
}

// A final that lists files, with a text that makes its body `bytes` long.
Frames ListOfBytes(size_t bytes) {
  samples::Sample sample = samples::ByName("get-checksums-final");
  sample.body.mutable_get_checksums_final()->mutable_items(0)->set_file_id("the item");
  std::string& text = *sample.body.mutable_response()->mutable_text();
  for (text = "x"; sample.body.ByteSizeLong() < bytes;) {
    auto& item = *sample.body.mutable_get_checksums_final()->add_items();
    item = sample.body.get_checksums_final().items(0);
    if (sample.body.ByteSizeLong() > bytes) {
      sample.body.mutable_get_checksums_final()->mutable_items()->RemoveLast();
      text += std::string(bytes - sample.body.ByteSizeLong(), 'x');
    }
  }
  return Forged(sample);
}

TEST(Envelope, GistOfALongReplyIsHowItWent) {
  EnvelopeFault fault;
  for (const size_t surplus : {0, 1}) {
    const Frames list = ListOfBytes(kGistBodyBytesMax + surplus);
    ASSERT_EQ(list[2].size(), kGistBodyBytesMax + surplus);
    ASSERT_OK_AND_ASSIGN(const Envelope gist, OpenGist(list, fault));
    EXPECT_EQ(gist.body.response().code(), wire::OPERATION_COMPLETED);
    EXPECT_EQ(gist.body.has_get_checksums_final(), surplus == 0);
  }
  samples::Sample bad = samples::ByName("get-checksums-final");
  bad.body.mutable_response()->set_code(wire::OPERATION_PROGRESS);
  bad.body.mutable_get_checksums_final()->add_items()->set_file_id(
      std::string(kGistBodyBytesMax, 'x'));
  EXPECT_FALSE(OpenGist(Forged(bad), fault).ok()) << "what is read is judged";
  EXPECT_EQ(fault.cause, "field");
  bad.body.mutable_response()->set_code(wire::OPERATION_COMPLETED);
  EXPECT_OK(OpenGist(Forged(bad), fault)) << "what is not read is not";
  EXPECT_FALSE(OpenCopy(Forged(bad), fault).ok());
}

TEST(Envelope, GistOfALongRequestIsAllOfIt) {
  samples::Sample sample = samples::ByName("get-checksums-request");
  wire::GetChecksumsRequest& request = *sample.body.mutable_get_checksums_request();
  request.clear_offset();
  request.clear_length();
  request.clear_block_bytes();
  auto& list = *request.mutable_files()->mutable_list();
  while (sample.body.ByteSizeLong() <= kGistBodyBytesMax) list.add_file_ids("a file id");
  EnvelopeFault fault;
  ASSERT_OK_AND_ASSIGN(const Envelope opened, OpenGist(Forged(sample), fault));
  EXPECT_GT(opened.body.get_checksums_request().files().list().file_ids_size(), 0);
}

TEST(Envelope, SecretHasALimitAndItsKinds) {
  samples::Sample sample = samples::ByName("put-file-progress");
  sample.secret = std::string(kSecretBytesMax, 's');
  EXPECT_OK(SealEnvelope(sample.destination, sample.header, sample.body, sample.secret));
  sample.secret += 's';
  EXPECT_THAT(SealEnvelope(sample.destination, sample.header, sample.body, sample.secret),
              StatusIs(absl::StatusCode::kInvalidArgument));
  // A put has a secret exactly where its bytes come by it.
  for (samples::Sample each : samples::All()) {
    const bool allowed = FindKind(each.header.kind())->secret;
    if (each.body.has_put_file_request()) {
      each.body.mutable_put_file_request()->set_from_source(true);
    } else if (each.body.has_replace_file_request()) {
      each.body.mutable_replace_file_request()->set_from_source(true);
    }
    EXPECT_EQ(SealEnvelope(each.destination, each.header, each.body, "s").ok(), allowed)
        << each.name;
  }
}

TEST(Envelope, SignatureHasItsLengthOrNone) {
  Frames frames = ToFrames(samples::Seal(samples::ByName("bye")));
  for (const auto& [bytes, cause] : {std::pair<size_t, std::string>{0, ""},
                                     {kSignatureBytes, ""},
                                     {kSignatureBytes - 1, "signature"},
                                     {kSignatureBytes + 1, "signature"}}) {
    frames[4] = std::string(bytes, 's');
    EXPECT_EQ(CauseOf(frames), cause) << bytes;
  }
}

TEST(Envelope, BrokerJudgesTheHeaderAndLeavesTheRestToTheAddressee) {
  Frames frames = ToFrames(samples::Seal(samples::ByName("put-file-request")));
  samples::Sample newer = samples::ByName("put-file-request");
  newer.header.set_version(9);
  newer.header.set_min_version(9);
  newer.header.add_must_understand("something");
  frames[1] = newer.header.SerializeAsString();
  frames[2] = "\xff\xff not for the broker";
  EnvelopeFault fault;
  ASSERT_OK_AND_ASSIGN(const Envelope passed, OpenForRouting(frames, fault));
  EXPECT_EQ(passed.body.content_case(), wire::Body::CONTENT_NOT_SET);
  EXPECT_EQ(ToFrames(passed), frames);

  newer.header.set_from("not a name");
  frames[1] = newer.header.SerializeAsString();
  EXPECT_FALSE(OpenForRouting(frames, fault).ok());
  EXPECT_EQ(fault.cause, "field");
  EXPECT_FALSE(fault.header_usable);
}

TEST(Envelope, BrokerJudgesWhatIsSaidToItWholly) {
  samples::Sample hello = samples::ByName("hello");
  hello.body.mutable_hello()->clear_store_id();
  EnvelopeFault fault;
  EXPECT_FALSE(OpenForRouting(Forged(hello), fault).ok());
  EXPECT_TRUE(fault.header_usable);
  hello = samples::ByName("hello");
  hello.header.set_version(9);
  hello.header.set_min_version(9);
  EXPECT_FALSE(OpenForRouting(Forged(hello), fault).ok());
  EXPECT_EQ(fault.code, wire::VERSION_NOT_SUPPORTED);
}

}  // namespace
}  // namespace bitrepo::protocol

// SPDX-License-Identifier: Apache-2.0
// Frames that no sender of ours makes: too many, too large, twice the same, nested, padded.
#include <google/protobuf/unknown_field_set.h>
#include <gtest/gtest.h>

#include <functional>

#include "bus/protocol/contribution.h"
#include "bus/protocol/limits.h"
#include "tests/bus/protocol/message_samples.h"

namespace bitrepo::protocol {
namespace {

using samples::ByName;
using samples::Seal;

struct Row {
  std::string what;
  std::string sample;
  std::function<void(Frames&)> spoil;
  std::string cause;  // empty: it is valid
  wire::ResponseCode code = wire::REQUEST_NOT_UNDERSTOOD_FAILURE;
};

std::string BodyBytes(const std::string& sample) { return Seal(ByName(sample)).body_bytes; }

// Field 2000 with so many bytes.
std::string Padding(size_t bytes) {
  google::protobuf::UnknownFieldSet fields;
  fields.AddLengthDelimited(2000, std::string(bytes, 'p'));
  std::string text;
  fields.SerializeToString(&text);
  return text;
}

void Check(const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    SCOPED_TRACE(row.what);
    Frames frames = ToFrames(Seal(ByName(row.sample)));
    row.spoil(frames);
    EnvelopeFault fault;
    const bool opened = OpenEnvelope(frames, fault).ok();
    EXPECT_EQ(opened, row.cause.empty());
    EXPECT_EQ(fault.cause, row.cause) << fault.text;
    if (!opened) {
      EXPECT_EQ(fault.code, row.code);
      EXPECT_FALSE(fault.text.empty());
    }
  }
}

// [B-1] [B-3]
TEST(BadBytes, Frames) {
  const std::string put = "put-file-request";
  Check({
      {"none", put, [](Frames& f) { f.clear(); }, "frame-count"},
      {"one", put, [](Frames& f) { f.resize(1); }, "frame-count"},
      {"ten thousand", put, [](Frames& f) { f.resize(10000); }, "frame-count"},
      {"five that are empty", put, [](Frames& f) { f.assign(5, ""); }, "destination"},
      {"an empty header", put, [](Frames& f) { f[1].clear(); }, "version"},
      {"an empty body", put, [](Frames& f) { f[2].clear(); }, "content-mismatch"},
      {"header and body in each other's place", put, [](Frames& f) { std::swap(f[1], f[2]); },
       "version"},
      {"twice as large as may be", put, [](Frames& f) { f[2].resize(2 * kEnvelopeBytesMax); },
       "oversize"},
      {"a large frame where there is no secret", put,
       [](Frames& f) { f[3] = std::string(kSecretBytesMax + 1, 's'); }, "field"},
      {"a secret that the body does not name", put, [](Frames& f) { f[3] = "a token"; }, "secret"},
      {"a destination of none of the forms", put, [](Frames& f) { f[0] = "queue:x"; },
       "destination"},
      {"a destination that is too long", put,
       [](Frames& f) { f[0] = "pillar:" + std::string(kDestinationBytesMax, 'p'); }, "destination"},
      {"the broker's word from nobody", "refused", [](Frames& f) { f[0] = "operators"; },
       "destination"},
  });
}

// [B-2] [B-7] [B-18] [B-25]
TEST(BadBytes, Bodies) {
  const std::string put = "put-file-request";
  const auto body = [](const std::string& bytes) { return [bytes](Frames& f) { f[2] = bytes; }; };
  std::string nested;
  for (int depth = 0; depth < 101; ++depth) {
    google::protobuf::UnknownFieldSet fields;
    fields.AddLengthDelimited(2000, nested);
    nested.clear();
    fields.SerializeToString(&nested);
  }
  wire::Body final = ByName("get-file-ids-final").body;
  for (int i = 0; i < 120000; ++i) {  // of two bytes each: nearly an envelope
    final.mutable_get_file_ids_final()->add_items();
  }
  Check({
      // protobuf takes the last of two contents: what is judged is what would be done.
      {"another content before it", put, body(BodyBytes("get-file-request") + BodyBytes(put)), ""},
      {"another content behind it", put, body(BodyBytes(put) + BodyBytes("get-file-request")),
       "content-mismatch"},
      // Of the same content twice it makes one: what stood in lists stands there twice.
      {"the content twice", "get-file-request",
       body(BodyBytes("get-file-request") + BodyBytes("get-file-request")), ""},
      {"a content with a list twice", put, body(BodyBytes(put) + BodyBytes(put)), "checksum-spec"},
      {"a reply's response behind it", put, body(BodyBytes(put) + BodyBytes("put-file-final")),
       "field"},
      {"a field that ends too early", put, body(BodyBytes(put) + "\x0a\x7f"), "body-garbage"},
      {"a group that is not closed", put, body(BodyBytes(put) + "\x83\x7d"), "body-garbage"},
      {"unknown bytes nested deeper than anyone may look", put, body(BodyBytes(put) + nested), ""},
      {"200 KiB of what is not known", put, body(BodyBytes(put) + Padding(200 * 1024)), ""},
      {"as many empty items as fit", "get-file-ids-final", body(final.SerializeAsString()),
       "list-limit"},
  });
}

// [B-22] Whatever is wrong with them, an identify and a request are answered when they say by whom.
TEST(BadBytes, AreAnsweredWhereTheHeaderCanBeRead) {
  base::SeededRandom random(1);
  const ContributionSpec spec{samples::kRepository, *base::ComponentId::Parse(samples::kPillar),
                              absl::FromUnixSeconds(1767225600)};
  const std::function<void(Frames&)> spoils[] = {
      [](Frames& f) { f[0] = "queue:x"; }, [](Frames& f) { f[2] = "\xff"; },
      [](Frames& f) { f[3] = "a token"; }, [](Frames& f) { f[4] = "half a signature"; }};
  for (const auto& spoil : spoils) {
    for (const char* sample : {"delete-file-identify", "delete-file-request"}) {
      Frames frames = ToFrames(Seal(ByName(sample)));
      spoil(frames);
      EnvelopeFault fault;
      ASSERT_FALSE(OpenEnvelope(frames, fault).ok());
      const auto answer = MakeRefusal(spec, fault, spec.wall_start, random);
      ASSERT_TRUE(answer.ok()) << fault.text;
      EXPECT_EQ(answer->body.response().code(), wire::REQUEST_NOT_UNDERSTOOD_FAILURE);
      EXPECT_EQ(answer->header.to(), samples::kSession);
    }
  }
}

}  // namespace
}  // namespace bitrepo::protocol

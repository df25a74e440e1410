// SPDX-License-Identifier: Apache-2.0
// What is not valid: each row spoils one sample in one way and says with which word and code it is
// refused.
#include <google/protobuf/stubs/logging.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "bus/protocol/envelope.h"
#include "bus/protocol/limits.h"
#include "tests/bus/protocol/message_samples.h"

namespace bitrepo::protocol {
namespace {

using samples::Sample;
constexpr wire::ResponseCode kNotUnderstood = wire::REQUEST_NOT_UNDERSTOOD_FAILURE;

struct BadRow {
  std::string what;
  std::string sample;
  std::function<void(Sample&)> spoil;
  std::string cause;  // empty: it is valid
  wire::ResponseCode code = kNotUnderstood;
};

EnvelopeFault Open(const Sample& sample) {
  Sample untouched = samples::ByName(sample.name);
  Frames frames = ToFrames(samples::Seal(untouched));
  const std::string digest = [&] {
    EnvelopeFault ignored;
    return OpenEnvelope(frames, ignored)->body.secret_sha256();
  }();
  wire::Body body = sample.body;
  if (body.secret_sha256().empty() && !digest.empty()) {
    body.set_secret_sha256(digest);
  }
  frames[0] = sample.destination.ToString();
  frames[1] = sample.header.SerializeAsString();
  frames[2] = body.SerializeAsString();
  EnvelopeFault fault;
  const bool ok = OpenEnvelope(frames, fault).ok();
  EXPECT_EQ(ok, fault.cause.empty());
  return fault;
}

void Check(const std::vector<BadRow>& rows) {
  for (const BadRow& row : rows) {
    SCOPED_TRACE(row.what);
    Sample sample = samples::ByName(row.sample);
    row.spoil(sample);
    const EnvelopeFault fault = Open(sample);
    EXPECT_EQ(fault.cause, row.cause) << fault.text;
    // The sender is told by its own side first.
    EXPECT_EQ(SealEnvelope(sample.destination, sample.header, sample.body, sample.secret).ok(),
              row.cause.empty());
    if (!row.cause.empty()) {
      EXPECT_EQ(fault.code, row.code) << fault.text;
      EXPECT_FALSE(fault.text.empty());
    }
  }
}

TEST(BadMessage, Header) {
  const auto header = [](std::function<void(wire::Header&)> spoil) {
    return [spoil](Sample& s) { spoil(s.header); };
  };
  const std::string put = "put-file-request";
  Check({
      {"no repository", put, header([](auto& h) { h.clear_repository_id(); }), "field"},
      {"repository is no name", put, header([](auto& h) { h.set_repository_id("Repo 1"); }),
       "field"},
      {"no message id", put, header([](auto& h) { h.clear_message_id(); }), "field"},
      {"message id of zeros", put, header([](auto& h) { h.set_message_id(std::string(16, '\0')); }),
       "field"},
      {"message id of 15 bytes", put, header([](auto& h) { h.set_message_id("123456789012345"); }),
       "field"},
      {"no conversation", put, header([](auto& h) { h.clear_conversation_id(); }), "field"},
      {"a conversation in a hello", "hello",
       header([](auto& h) { h.set_conversation_id(samples::Id('c')); }), "field"},
      {"an operation in a hello", "hello", header([](auto& h) { h.set_operation(wire::PUT_FILE); }),
       "field"},
      {"a conversation in an alarm", "alarm",
       header([](auto& h) { h.set_conversation_id(samples::Id('c')); }), ""},
      {"no operation", put, header([](auto& h) { h.clear_operation(); }), "field"},
      {"no collection", put, header([](auto& h) { h.clear_collection_id(); }), "field"},
      {"status without collection", "get-status-request",
       header([](auto& h) { h.clear_collection_id(); }), ""},
      {"roster with collection", "roster-request",
       header([](auto& h) { h.set_collection_id("books"); }), "field"},
      {"no from", put, header([](auto& h) { h.clear_from(); }), "field"},
      {"from too long", put, header([](auto& h) { h.set_from(std::string(65, 'a')); }), "field"},
      {"from as long as may be", put, header([](auto& h) { h.set_from(std::string(64, 'a')); }),
       ""},
      {"no reply_to in a request", put, header([](auto& h) { h.clear_reply_to(); }), "field"},
      {"reply_to in a reply", "put-file-final", header([](auto& h) { h.set_reply_to("x"); }),
       "field"},
      {"no answers in a reply", "put-file-final", header([](auto& h) { h.clear_answers(); }),
       "field"},
      {"answers in a request", put, header([](auto& h) { h.set_answers(samples::Id('a')); }),
       "field"},
      {"key id at its limit", put,
       header([](auto& h) { h.set_key_id(std::string(kKeyIdBytesMax, 'k')); }), ""},
      {"key id too long", put,
       header([](auto& h) { h.set_key_id(std::string(kKeyIdBytesMax + 1, 'k')); }), "field"},
      {"issued before 1970", put, header([](auto& h) { h.set_issued_at_us(-1); }), "field"},
      {"expires before it was issued", put,
       header([](auto& h) { h.set_expires_at_us(h.issued_at_us()); }), "field"},
      {"never expires", put, header([](auto& h) { h.set_expires_at_us(0); }), ""},
      {"kind unknown", put, header([](auto& h) { h.set_kind(static_cast<wire::Kind>(99)); }),
       "kind", wire::REQUEST_NOT_SUPPORTED},
      {"features at their limit are unknown", put, header([](auto& h) {
         for (size_t i = 0; i < kFeaturesMax; ++i) h.add_must_understand("x");
       }),
       "feature", wire::REQUEST_NOT_SUPPORTED},
      {"too many features", put, header([](auto& h) {
         for (size_t i = 0; i < kFeaturesMax + 1; ++i) h.add_must_understand("x");
       }),
       "list-limit"},
      {"lowest version above its own", put, header([](auto& h) { h.set_min_version(2); }),
       "version"},
      {"version from the future", put, header([](auto& h) {
         h.set_version(2);
         h.set_min_version(2);
       }),
       "version", wire::VERSION_NOT_SUPPORTED},
  });
}

TEST(BadMessage, Destination) {
  using Kind = Destination::Kind;
  const auto to = [](Kind kind, std::string id) {
    return [kind, id](Sample& s) { s.destination = {kind, id}; };
  };
  Check({
      {"a request to a collection", "put-file-request", to(Kind::kCollection, "books"),
       "destination"},
      {"a request to another pillar than it names", "put-file-request",
       to(Kind::kPillar, "pillar-2"), "destination"},
      {"a request to a client", "put-file-request", to(Kind::kClient, "pillar-1"), "destination"},
      {"an identify to the operators", "put-file-identify", to(Kind::kOperators, ""),
       "destination"},
      {"an identify to another collection than it names", "put-file-identify",
       to(Kind::kCollection, "maps"), "destination"},
      {"an identify to a collection that names one component", "put-file-identify",
       [](Sample& s) { s.header.set_to("pillar-1"); }, "destination"},
      {"an identify to one pillar", "put-file-identify",
       [](Sample& s) {
         s.header.set_to("pillar-1");
         s.destination = {Kind::kPillar, "pillar-1"};
       },
       ""},
      {"a final to a pillar", "put-file-final", to(Kind::kPillar, samples::kSession),
       "destination"},
      {"an alarm to the coordinator", "alarm", to(Kind::kCoordinator, ""), "destination"},
      {"a hello to a pillar", "hello", to(Kind::kPillar, "pillar-2"), "destination"},
      {"a heartbeat to a client", "heartbeat",
       [](Sample& s) {
         s.header.set_to("alice.5f03");
         s.destination = {Kind::kClient, "alice.5f03"};
       },
       ""},
      {"a heartbeat to a collection", "heartbeat", to(Kind::kCollection, "books"), "destination"},
  });
}

TEST(BadMessage, OperationAndContent) {
  const auto operation = [](wire::Operation value) {
    return [value](Sample& s) { s.header.set_operation(value); };
  };
  Check({
      {"reserved operation", "put-file-request", operation(wire::UPDATE_FILE), "operation",
       wire::REQUEST_NOT_SUPPORTED},
      {"operation of the future", "put-file-request", operation(static_cast<wire::Operation>(77)),
       "operation", wire::REQUEST_NOT_SUPPORTED},
      {"identify of a reserved operation", "put-file-identify", operation(wire::DELETE_FILE),
       "operation", wire::REQUEST_NOT_SUPPORTED},
      {"content of another operation", "put-file-request", operation(wire::GET_FILE),
       "content-mismatch"},
      {"content of another kind", "put-file-request",
       [](Sample& s) { s.body.mutable_put_file_identify(); }, "content-mismatch"},
      {"no content", "put-file-request", [](Sample& s) { s.body.clear_content(); },
       "content-mismatch"},
      {"a hub's content in a request", "put-file-request", [](Sample& s) { s.body.mutable_bye(); },
       "content-mismatch"},
      {"a refusal without content", "put-file-final-refusal",
       [](Sample& s) { s.body.clear_content(); }, ""},
      {"a refusal of an operation of the future", "put-file-final-refusal",
       operation(static_cast<wire::Operation>(77)), ""},
      {"success without content", "put-file-final", [](Sample& s) { s.body.clear_content(); },
       "content-mismatch"},
      {"an identify reply with a final's content", "put-file-identify-reply",
       [](Sample& s) { s.body.mutable_put_file_final(); }, "content-mismatch"},
  });
}

TEST(BadMessage, SharedParts) {
  const auto code = [](wire::ResponseCode value) {
    return [value](Sample& s) { s.body.mutable_response()->set_code(value); };
  };
  Check({
      {"a reply without response", "put-file-final", [](Sample& s) { s.body.clear_response(); },
       "field"},
      {"a response in a request", "put-file-request",
       [](Sample& s) { s.body.mutable_response()->set_code(wire::FAILURE); }, "field"},
      {"unspecified code", "put-file-final", code(wire::RESPONSE_CODE_UNSPECIFIED), "field"},
      {"progress in a final", "put-file-final", code(wire::OPERATION_PROGRESS), "field"},
      {"completed in a progress", "put-file-progress", code(wire::OPERATION_COMPLETED), "field"},
      {"failure in a progress", "put-file-progress", code(wire::FAILURE), "field"},
      {"completed in an identify reply", "put-file-identify-reply", code(wire::OPERATION_COMPLETED),
       "field"},
      {"positive in a final", "put-file-final", code(wire::IDENTIFICATION_POSITIVE), "field"},
      {"a failure in an undelivered", "undelivered", code(wire::FAILURE), "field"},
      {"gone in an undelivered", "undelivered", code(wire::GONE), ""},
      {"success in a refused", "refused", code(wire::OPERATION_COMPLETED), "field"},
      {"a code of the future in a final", "put-file-final-refusal",
       code(static_cast<wire::ResponseCode>(99)), ""},
      {"text at its limit", "put-file-final-refusal",
       [](Sample& s) { s.body.mutable_response()->set_text(std::string(kTextBytesMax, 't')); }, ""},
      {"text too long", "put-file-final-refusal",
       [](Sample& s) { s.body.mutable_response()->set_text(std::string(kTextBytesMax + 1, 't')); },
       "field"},
      {"a progress without progress", "put-file-progress",
       [](Sample& s) { s.body.clear_progress(); }, "field"},
      {"a progress in a final", "put-file-final",
       [](Sample& s) { s.body.mutable_progress()->set_phase(wire::STORING); }, "field"},
      {"no phase", "put-file-progress", [](Sample& s) { s.body.mutable_progress()->clear_phase(); },
       "field"},
      {"a phase of the future", "put-file-progress",
       [](Sample& s) { s.body.mutable_progress()->set_phase(static_cast<wire::Phase>(99)); }, ""},
      {"a page in a put", "put-file-request", [](Sample& s) { s.body.mutable_page(); }, "page"},
      {"a page in an identify", "get-file-ids-identify", [](Sample& s) { s.body.mutable_page(); },
       "page"},
      {"cursor at its limit", "get-file-ids-request",
       [](Sample& s) { s.body.mutable_page()->set_cursor(std::string(kCursorBytesMax, 'c')); }, ""},
      {"cursor too long", "get-file-ids-request",
       [](Sample& s) { s.body.mutable_page()->set_cursor(std::string(kCursorBytesMax + 1, 'c')); },
       "page"},
  });
}

TEST(BadMessage, FileIds) {
  std::string accents;  // 127 times two bytes
  for (int i = 0; i < 127; ++i) {
    accents += "\xc3\xa9";
  }
  struct IdRow {
    std::string id;
    bool ok;
  };
  const std::vector<IdRow> rows = {
      {"", false},
      {"a", true},
      {std::string(255, 'a'), true},
      {std::string(256, 'a'), false},
      {accents, true},
      {"\xf0\x9f\x93\x9a shelf", true},
      {"../x", false},
      {"a/../b", false},
      {"a/./b", false},
      {"a//b", false},
      {"/etc/passwd", false},
      {"a/", false},
      {std::string("a\0b", 3), false},
      {"a\nb", false},
      {"a\x7f", false},
      {"a\xc2\x85", false},
  };
  for (const IdRow& row : rows) {
    for (const char* name : {"put-file-identify", "put-file-request"}) {
      Sample sample = samples::ByName(name);
      sample.body.mutable_put_file_request()->set_file_id(row.id);
      if (std::string(name) == "put-file-identify") {
        sample.body.mutable_put_file_identify()->set_file_id(row.id);
      }
      EXPECT_EQ(Open(sample).cause, row.ok ? "" : "file-id") << row.id;
    }
    Sample get = samples::ByName("get-file-request");
    get.body.mutable_get_file_request()->mutable_range()->set_file_id(row.id);
    EXPECT_EQ(Open(get).cause, row.ok ? "" : "file-id") << row.id;
    Sample sums = samples::ByName("get-checksums-request");
    sums.body.mutable_get_checksums_request()->mutable_files()->set_file_id(row.id);
    EXPECT_EQ(Open(sums).cause, row.ok ? "" : "file-id") << row.id;
  }
}

TEST(BadMessage, ChecksumSpecs) {
  using Algorithms = std::vector<wire::DigestAlgorithm>;
  const auto spec = [](const Algorithms& algorithms, const std::string& salt) {
    return [algorithms, salt](Sample& s) {
      wire::ChecksumSpec& checksums = *s.body.mutable_get_checksums_request()->mutable_checksums();
      checksums.Clear();
      for (const auto algorithm : algorithms) checksums.add_algorithms(algorithm);
      checksums.set_salt(salt);
    };
  };
  const Algorithms plain = {wire::MD5, wire::SHA1, wire::SHA256, wire::SHA384, wire::SHA512};
  const Algorithms salted = {wire::HMAC_MD5, wire::HMAC_SHA1, wire::HMAC_SHA256, wire::HMAC_SHA384,
                             wire::HMAC_SHA512};
  const std::string sums = "get-checksums-request";
  Check({
      {"none is the default", sums, spec({}, ""), ""},
      {"all plain", sums, spec(plain, ""), ""},
      {"all salted", sums, spec(salted, "s"), ""},
      {"a salt without hmac", sums, spec(plain, "s"), "checksum-spec"},
      {"a salt for the default", sums, spec({}, "s"), "checksum-spec"},
      {"hmac without a salt", sums, spec(salted, ""), "checksum-spec"},
      {"both kinds", sums, spec({wire::SHA256, wire::HMAC_SHA256}, "s"), "checksum-spec"},
      {"one twice", sums, spec({wire::SHA256, wire::SHA256}, ""), "checksum-spec"},
      {"unspecified", sums, spec({wire::DIGEST_ALGORITHM_UNSPECIFIED}, ""), "checksum-spec"},
      {"one of the future", sums, spec({static_cast<wire::DigestAlgorithm>(9)}, ""),
       "checksum-spec", wire::REQUEST_NOT_SUPPORTED},
      {"a negative one", sums, spec({static_cast<wire::DigestAlgorithm>(-1)}, ""), "checksum-spec",
       wire::REQUEST_NOT_SUPPORTED},
      {"salt at its limit", sums, spec({wire::HMAC_SHA256}, std::string(kSaltBytesMax, 's')), ""},
      {"salt too long", sums, spec({wire::HMAC_SHA256}, std::string(kSaltBytesMax + 1, 's')),
       "field"},
      {"more algorithms than there are", sums, spec(Algorithms(kAlgorithmsMax + 1, wire::MD5), ""),
       "list-limit"},
  });
}

TEST(BadMessage, DigestsAndRanges) {
  const auto digest = [](wire::DigestAlgorithm algorithm, size_t bytes) {
    return [algorithm, bytes](Sample& s) {
      wire::Digest& value = *s.body.mutable_put_file_request()->mutable_digest();
      value.set_algorithm(algorithm);
      value.set_value(std::string(bytes, 'd'));
    };
  };
  const auto range = [](uint64_t offset, uint64_t length) {
    return [offset, length](Sample& s) {
      s.body.mutable_get_file_request()->mutable_range()->set_offset(offset);
      s.body.mutable_get_file_request()->mutable_range()->set_length(length);
    };
  };
  constexpr uint64_t kMost = ~uint64_t{0};
  const std::string put = "put-file-request";
  const std::string get = "get-file-request";
  const std::string sums = "get-checksums-request";
  Check({
      {"md5", put, digest(wire::MD5, 16), ""},
      {"sha1", put, digest(wire::SHA1, 20), ""},
      {"sha384", put, digest(wire::SHA384, 48), ""},
      {"sha512", put, digest(wire::SHA512, 64), ""},
      {"sha256 too short", put, digest(wire::SHA256, 31), "digest"},
      {"sha256 too long", put, digest(wire::SHA256, 33), "digest"},
      {"hmac for a new file", put, digest(wire::HMAC_SHA256, 32), "digest"},
      {"no algorithm", put, digest(wire::DIGEST_ALGORITHM_UNSPECIFIED, 32), "digest"},
      {"algorithm of the future", put, digest(static_cast<wire::DigestAlgorithm>(9), 32), "digest",
       wire::REQUEST_NOT_SUPPORTED},
      {"no digest", put, [](Sample& s) { s.body.mutable_put_file_request()->clear_digest(); }, ""},
      {"range to the last byte there can be", get, range(kMost - 2, 2), ""},
      {"range past 2^64", get, range(kMost, 2), "range", wire::RANGE_ERROR},
      {"range without length from the end of numbers", get,
       [](Sample& s) {
         s.body.mutable_get_file_request()->mutable_range()->set_offset(kMost);
         s.body.mutable_get_file_request()->mutable_range()->clear_length();
       },
       ""},
      {"generation of 15 bytes", get,
       [](Sample& s) { s.body.mutable_get_file_request()->set_generation_id("123456789012345"); },
       "field"},
      {"range of all files", sums,
       [](Sample& s) { s.body.mutable_get_checksums_request()->mutable_files()->mutable_all(); },
       "range"},
      {"checksum range past 2^64", sums,
       [](Sample& s) {
         s.body.mutable_get_checksums_request()->set_offset(kMost);
         s.body.mutable_get_checksums_request()->set_length(2);
       },
       "range", wire::RANGE_ERROR},
      {"nothing selected", "get-file-ids-request",
       [](Sample& s) { s.body.mutable_get_file_ids_request()->clear_files(); }, "field"},
      {"prefix at its limit", "get-file-ids-request",
       [](Sample& s) {
         s.body.mutable_get_file_ids_request()->mutable_files()->set_prefix(std::string(255, 'p'));
       },
       ""},
      {"prefix too long", "get-file-ids-request",
       [](Sample& s) {
         s.body.mutable_get_file_ids_request()->mutable_files()->set_prefix(std::string(256, 'p'));
       },
       "field"},
  });
}

TEST(BadMessage, Lists) {
  const auto items = [](size_t count) {
    return [count](Sample& s) {
      auto& final = *s.body.mutable_get_file_ids_final();
      final.clear_items();
      for (size_t i = 0; i < count; ++i) final.add_items()->set_file_id("x");
    };
  };
  const auto routed = [](size_t sent, size_t away) {
    return [sent, away](Sample& s) {
      s.body.mutable_routed()->Clear();
      for (size_t i = 0; i < sent; ++i) s.body.mutable_routed()->add_sent_to("p");
      for (size_t i = 0; i < away; ++i) s.body.mutable_routed()->add_away("p");
    };
  };
  const auto collections = [](size_t count) {
    return [count](Sample& s) {
      s.body.mutable_hello()->clear_collections();
      for (size_t i = 0; i < count; ++i) s.body.mutable_hello()->add_collections("c");
    };
  };
  const auto checks = [](size_t count) {
    return [count](Sample& s) {
      s.body.mutable_get_status_final()->clear_checks();
      for (size_t i = 0; i < count; ++i) s.body.mutable_get_status_final()->add_checks();
    };
  };
  const auto causes = [](size_t count) {
    return [count](Sample& s) {
      auto& dropped = *s.body.mutable_get_status_final()->mutable_dropped_frames();
      dropped.clear();
      for (size_t i = 0; i < count; ++i) dropped["cause-" + std::to_string(i)] = 1;
    };
  };
  const auto members = [](size_t count) {
    return [count](Sample& s) {
      s.body.mutable_roster_reply()->clear_members();
      for (size_t i = 0; i < count; ++i)
        s.body.mutable_roster_reply()->add_members()->set_component_id("p");
    };
  };
  const std::string sums = "get-checksums-final";
  Check({
      {"items at their limit", "get-file-ids-final", items(kPageItemsMax), ""},
      {"too many items", "get-file-ids-final", items(kPageItemsMax + 1), "list-limit"},
      {"members at their limit", "routed", routed(kMembersMax, kMembersMax), ""},
      {"too many sent to", "routed", routed(kMembersMax + 1, 0), "list-limit"},
      {"too many away", "routed", routed(0, kMembersMax + 1), "list-limit"},
      {"a name that is none in routed", "routed",
       [](Sample& s) { s.body.mutable_routed()->add_away("Pillar 1"); }, "field"},
      {"roster at its limit", "roster-reply", members(kMembersMax), ""},
      {"too large a roster", "roster-reply", members(kMembersMax + 1), "list-limit"},
      {"collections at their limit", "hello", collections(kCollectionsMax), ""},
      {"too many collections", "hello", collections(kCollectionsMax + 1), "list-limit"},
      {"checks at their limit", "get-status-final", checks(kChecksMax), ""},
      {"too many checks", "get-status-final", checks(kChecksMax + 1), "list-limit"},
      {"causes at their limit", "get-status-final", causes(kDropCausesMax), ""},
      {"too many causes", "get-status-final", causes(kDropCausesMax + 1), "list-limit"},
      {"a next cursor too long", "get-file-ids-final",
       [](Sample& s) {
         s.body.mutable_get_file_ids_final()->mutable_page()->set_next_cursor(
             std::string(kCursorBytesMax + 1, 'c'));
       },
       "field"},
      {"an item with digests and trouble", sums,
       [](Sample& s) { s.body.mutable_get_checksums_final()->mutable_items(0)->mutable_trouble(); },
       "field"},
      {"an item with neither", sums,
       [](Sample& s) { s.body.mutable_get_checksums_final()->mutable_items(0)->clear_digests(); },
       "field"},
      {"an item's digest of the wrong length", sums,
       [](Sample& s) {
         s.body.mutable_get_checksums_final()->mutable_items(0)->mutable_digests(0)->set_value("x");
       },
       "digest"},
  });
}

TEST(BadMessage, Membership) {
  const auto hello = [](std::function<void(wire::Hello&)> spoil) {
    return [spoil](Sample& s) { spoil(*s.body.mutable_hello()); };
  };
  const auto welcome = [](std::function<void(wire::Welcome&)> spoil) {
    return [spoil](Sample& s) { spoil(*s.body.mutable_welcome()); };
  };
  Check({
      {"hello of another", "hello", hello([](auto& h) { h.set_component_id("pillar-2"); }),
       "field"},
      {"a pillar with another session", "hello", hello([](auto& h) { h.set_session_id("x"); }),
       "field"},
      {"a client has its own session", "hello", hello([](auto& h) {
         h.set_kind(wire::CLIENT);
         h.set_session_id("x");
         h.clear_store_id();
       }),
       ""},
      {"no kind", "hello", hello([](auto& h) { h.clear_kind(); }), "field"},
      {"a kind of the future", "hello",
       hello([](auto& h) { h.set_kind(static_cast<wire::ComponentKind>(9)); }), "field"},
      {"a pillar without store", "hello", hello([](auto& h) { h.clear_store_id(); }), "field"},
      {"program version too long", "hello",
       hello([](auto& h) { h.set_program_version(std::string(kWordBytesMax + 1, 'v')); }), "field"},
      {"gone before the next heartbeat", "welcome",
       welcome([](auto& w) { w.set_gone_after_ms(w.heartbeat_ms()); }), "field"},
      {"no heartbeat", "welcome", welcome([](auto& w) { w.set_heartbeat_ms(0); }), "field"},
      {"no run", "welcome", welcome([](auto& w) { w.clear_coordinator_run(); }), "field"},
      {"endpoint too long", "welcome",
       welcome([](auto& w) { w.set_watch_endpoint(std::string(kEndpointBytesMax + 1, 'e')); }),
       "field"},
      {"cancel of nothing", "put-file-cancel",
       [](Sample& s) { s.body.mutable_cancel()->clear_request_id(); }, "field"},
      {"alarm text too long", "alarm",
       [](Sample& s) { s.body.mutable_alarm()->set_text(std::string(kTextBytesMax + 1, 't')); },
       "field"},
      {"alarm about no file", "alarm", [](Sample& s) { s.body.mutable_alarm()->clear_file_id(); },
       ""},
  });
}

// Puts `value` into every string field that is set, wherever it is; one at a time, through `check`.
void SpoilStrings(google::protobuf::Message& message, const std::string& path,
                  const std::function<void(const std::string&)>& check) {
  using google::protobuf::FieldDescriptor;
  const auto& reflection = *message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    const std::string name = path + "." + field->name();
    if (field->is_map()) {
      continue;  // of counts by cause; tested by name above
    }
    const int count = field->is_repeated() ? reflection.FieldSize(message, field) : 1;
    for (int i = 0; i < count; ++i) {
      if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
        auto& inner = field->is_repeated() ? *reflection.MutableRepeatedMessage(&message, field, i)
                                           : *reflection.MutableMessage(&message, field);
        SpoilStrings(inner, name, check);
      } else if (field->type() == FieldDescriptor::TYPE_STRING) {
        if (field->is_repeated()) {
          const std::string before = reflection.GetRepeatedString(message, field, i);
          reflection.SetRepeatedString(&message, field, i, "\xff");
          check(name);
          reflection.SetRepeatedString(&message, field, i, before);
        } else {
          const std::string before = reflection.GetString(message, field);
          reflection.SetString(&message, field, "\xff");
          check(name);
          reflection.SetString(&message, field, before);
        }
      }
    }
  }
}

TEST(BadMessage, NoStringIsAnythingButUtf8) {
  const google::protobuf::LogSilencer silencer;
  int fields = 0;
  for (Sample sample : samples::All()) {
    const auto check = [&](const std::string& field) {
      ++fields;
      EXPECT_FALSE(SealEnvelope(sample.destination, sample.header, sample.body, sample.secret).ok())
          << sample.name << field;
      EXPECT_FALSE(Open(sample).cause.empty()) << sample.name << field;
    };
    SpoilStrings(sample.header, ".header", check);
    SpoilStrings(sample.body, ".body", check);
  }
  EXPECT_GT(fields, 150);
}

}  // namespace
}  // namespace bitrepo::protocol

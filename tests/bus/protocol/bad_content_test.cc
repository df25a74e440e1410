// SPDX-License-Identifier: Apache-2.0
// What is not valid in the contents of messages.

#include "base/rate_table.h"
#include "bus/protocol/limits.h"
#include "tests/bus/protocol/bad_rows.h"

namespace bitrepo::protocol {
namespace {

using samples::Check;
using samples::Open;
using samples::Sample;

// [B-13]
TEST(BadContent, FileIds) {
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

// [B-16]
TEST(BadContent, ChecksumSpecs) {
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

// [B-15] [B-17]
TEST(BadContent, DigestsAndRanges) {
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

// [B-18]
TEST(BadContent, Lists) {
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
  const auto rules = [](size_t count) {
    return [count](Sample& s) {
      s.body.mutable_set_rates_request()->clear_rules();
      for (size_t i = 0; i < count; ++i) {
        s.body.mutable_set_rates_request()->add_rules()->set_level(wire::RATE_NODE);
      }
    };
  };
  const auto steps = [](int count) {
    return [count](Sample& s) {
      wire::RateRule& rule = *s.body.mutable_set_rates_request()->mutable_rules(0);
      rule.clear_steps();
      for (int i = 0; i < count; ++i) rule.add_steps()->set_from_minute(static_cast<uint32_t>(i));
    };
  };
  const auto step = [](uint32_t minute, uint64_t rate) {
    return [minute, rate](Sample& s) {
      wire::RateStep& last =
          *s.body.mutable_set_rates_request()->mutable_rules(0)->mutable_steps(1);
      last.set_from_minute(minute);
      last.set_bytes_per_second(rate);
    };
  };
  const auto rule = [](wire::RateLevel level, std::string name) {
    return [level, name](Sample& s) {
      wire::RateRule& first = *s.body.mutable_set_rates_request()->mutable_rules(0);
      first.set_level(level);
      first.set_name(name);
    };
  };
  const std::string rates = "set-rates-request";
  Check({
      {"rules at their limit", rates, rules(kRateRulesMax), ""},
      {"too many rules", rates, rules(kRateRulesMax + 1), "list-limit"},
      {"no rule", rates, rules(0), "rate"},
      {"steps at their limit", rates, steps(kRateStepsMax), ""},
      {"too many steps", rates, steps(kRateStepsMax + 1), "list-limit"},
      {"the last minute and the highest rate", rates, step(kMinutesOfDay - 1, base::kRateMax), ""},
      {"past the last minute", rates, step(kMinutesOfDay, 1), "rate"},
      {"past the highest rate", rates, step(kMinutesOfDay - 1, base::kRateMax + 1), "rate"},
      {"a minute that does not rise", rates, step(8 * 60, 1), "rate"},
      {"a partner", rates, rule(wire::RATE_PARTNER, "alice"), ""},
      {"each collection", rates, rule(wire::RATE_COLLECTION, ""), ""},
      {"no level", rates, rule(wire::RATE_LEVEL_UNSPECIFIED, ""), "rate"},
      {"a level that is not known", rates, rule(static_cast<wire::RateLevel>(9), ""), "rate"},
      {"a name of the node", rates, rule(wire::RATE_NODE, "p1"), "rate"},
      {"a name that is none", rates, rule(wire::RATE_PARTNER, "No Name"), "field"},
  });
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

TEST(BadContent, Membership) {
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

}  // namespace
}  // namespace bitrepo::protocol

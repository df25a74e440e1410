// SPDX-License-Identifier: Apache-2.0
// What is not valid in requests that list, replace and delete, and in what answers them.

#include "bus/protocol/limits.h"
#include "tests/bus/protocol/bad_rows.h"

namespace bitrepo::protocol {
namespace {

using samples::Check;
using samples::Id;
using samples::Sample;
using samples::Sha256Value;

template <typename Step>
auto Sums(Step step) {
  return [step](Sample& s) { step(*s.body.mutable_get_checksums_request()); };
}
template <typename Step>
auto Ids(Step step) {
  return [step](Sample& s) { step(*s.body.mutable_get_file_ids_request()); };
}
template <typename Step>
auto Infos(Step step) {
  return [step](Sample& s) { step(*s.body.mutable_get_file_infos_request()); };
}
template <typename Step>
auto Page(Step step) {
  return [step](Sample& s) { step(*s.body.mutable_page()); };
}

const char kIds[] = "get-file-ids-request";
const char kSums[] = "get-checksums-request";
const char kInfos[] = "get-file-infos-request";

// [B-18] [B-26]
TEST(BadRequest, ListsOfIds) {
  const auto list = [](std::vector<std::string> ids) {
    return Ids([ids](auto& r) {
      r.mutable_files()->mutable_list();
      for (const std::string& id : ids) r.mutable_files()->mutable_list()->add_file_ids(id);
    });
  };
  Check({
      {"one", kIds, list({"a"}), ""},
      {"one twice", kIds, list({"a", "a"}), ""},
      {"none", kIds, list({}), "field"},
      {"one that is no id", kIds, list({"a", "../b"}), "file-id"},
      {"as many as there may be", kIds, list(std::vector<std::string>(kFileListMax, "a")), ""},
      {"one more", kIds, list(std::vector<std::string>(kFileListMax + 1, "a")), "list-limit"},
      {"a range of a list", kSums, Sums([](auto& r) {
         r.mutable_files()->mutable_list()->add_file_ids("a");
         r.set_offset(5);
       }),
       "range"},
  });
}

// [B-27]
TEST(BadRequest, ParameterSetsAndListsByToken) {
  const auto parameters = [](auto step) {
    return Infos([step](auto& r) { step(*r.mutable_files()->mutable_parameters()); });
  };
  Check({
      {"parameters", kInfos, [](Sample&) {}, ""},
      {"parameters answered by pages", kInfos, Page([](auto& p) { p.set_by_token(false); }),
       "page"},
      {"no parameters at all", kInfos, parameters([](auto& p) { p.set_items(0); }), "field"},
      {"parameters without a digest", kInfos, parameters([](auto& p) { p.clear_digest(); }),
       "digest"},
      {"parameters with a salted digest", kInfos,
       parameters([](auto& p) { p.mutable_digest()->set_algorithm(wire::HMAC_SHA256); }), "digest"},
      {"by token from a cursor", kInfos, Page([](auto& p) { p.set_cursor("opaque"); }), "page"},
      {"by token with a limit of items", kInfos, Page([](auto& p) { p.set_limit_items(1); }),
       "page"},
      {"by token with a limit of bytes", kInfos, Page([](auto& p) { p.set_limit_bytes(1); }),
       "page"},
      {"all by token", kSums,
       [](Sample& s) {
         auto& request = *s.body.mutable_get_checksums_request();
         request.mutable_files()->mutable_all();
         request.clear_offset();
         request.clear_length();
         s.body.mutable_page()->Clear();
         s.body.mutable_page()->set_by_token(true);
       },
       ""},
      {"an audit trail by token", "get-audit-trails-request",
       Page([](auto& p) { p.set_by_token(true); }), "page", wire::REQUEST_NOT_SUPPORTED},
  });
}

// [B-28]
TEST(BadRequest, Windows) {
  const auto window = [](int64_t from_us, int64_t until_us) {
    return Ids([from_us, until_us](auto& r) {
      r.mutable_stored()->set_from_us(from_us);
      r.mutable_stored()->set_until_us(until_us);
    });
  };
  Check({
      {"one instant", kIds, window(5, 5), ""},
      {"open", kIds, Ids([](auto& r) { r.mutable_stored(); }), ""},
      {"from the beginning of time", kIds, window(0, INT64_MAX), ""},
      {"backwards", kIds, window(6, 5), "field"},
      {"before 1970", kIds, window(-1, 5), "field"},
      {"until before 1970", kIds, Ids([](auto& r) { r.mutable_stored()->set_until_us(-1); }),
       "field"},
      {"calculated backwards", kSums, Sums([](auto& r) {
         r.mutable_calculated()->set_from_us(6);
         r.mutable_calculated()->set_until_us(5);
       }),
       "field"},
      {"infos stored backwards", kInfos, Infos([](auto& r) {
         r.mutable_stored()->set_from_us(6);
         r.mutable_stored()->set_until_us(5);
       }),
       "field"},
      {"infos calculated before 1970", kInfos,
       Infos([](auto& r) { r.mutable_calculated()->set_from_us(-1); }), "field"},
      {"audit backwards", "get-audit-trails-request",
       [](Sample& s) {
         s.body.mutable_get_audit_trails_request()->mutable_at()->set_from_us(INT64_MAX);
       },
       "field"},
      {"alarms before 1970", "get-alarms-request",
       [](Sample& s) { s.body.mutable_get_alarms_request()->mutable_at()->set_from_us(-1); },
       "field"},
  });
}

// [B-17] [B-29]
TEST(BadRequest, Blocks) {
  const auto blocks = [](uint64_t bytes) {
    return Sums([bytes](auto& r) { r.set_block_bytes(bytes); });
  };
  Check({
      {"no blocks", kSums, blocks(0), ""},
      {"the least", kSums, blocks(kBlockBytesMin), ""},
      {"less", kSums, blocks(kBlockBytesMin - 1), "range"},
      {"the largest", kSums, blocks(kBlockBytesMax), ""},
      {"larger", kSums, blocks(kBlockBytesMax + 1), "range"},
      {"of all files", kSums, Sums([](auto& r) {
         r.mutable_files()->mutable_all();
         r.clear_offset();
         r.clear_length();
         r.set_block_bytes(kBlockBytesMin);
       }),
       "range"},
  });
}

// [B-15] [B-16]
TEST(BadRequest, WhatReplaces) {
  const std::string replace = "replace-file-request";
  const auto request = [](auto step) {
    return [step](Sample& s) { step(*s.body.mutable_replace_file_request()); };
  };
  Check({
      // The pillar refuses it, with a code of its own.
      {"without the old digest", replace, request([](auto& r) { r.clear_old_digest(); }), ""},
      {"a salted old digest", replace,
       request([](auto& r) { r.mutable_old_digest()->set_algorithm(wire::HMAC_SHA256); }),
       "digest"},
      {"an old digest that is cut", replace,
       request([](auto& r) { r.mutable_old_digest()->set_value("x"); }), "digest"},
      {"an old digest of the future", replace, request([](auto& r) {
         r.mutable_old_digest()->set_algorithm(static_cast<wire::DigestAlgorithm>(9));
       }),
       "digest", wire::REQUEST_NOT_SUPPORTED},
      {"a salt for plain checksums", replace,
       request([](auto& r) { r.mutable_checksums()->set_salt("s"); }), "checksum-spec"},
      {"old checksums without their salt", replace,
       request([](auto& r) { r.mutable_old_checksums()->clear_salt(); }), "checksum-spec"},
      {"identify with a salted old digest", "replace-file-identify",
       [](Sample& s) {
         s.body.mutable_replace_file_identify()->mutable_old_digest()->set_algorithm(
             wire::HMAC_SHA256);
       },
       "digest"},
      {"what stands there is no file", "replace-file-identify-reply",
       [](Sample& s) {
         s.body.mutable_replace_file_identify_reply()->mutable_existing()->set_file_id("/x");
       },
       "file-id"},
      {"what was replaced is no file", "replace-file-final",
       [](Sample& s) {
         s.body.mutable_replace_file_final()->mutable_replaced()->set_file_id("/x");
       },
       "file-id"},
      {"an old checksum that is cut", "replace-file-final",
       [](Sample& s) {
         s.body.mutable_replace_file_final()->mutable_old_digests(0)->set_value("x");
       },
       "digest"},
      {"a put with a salt for plain checksums", "put-file-request",
       [](Sample& s) { s.body.mutable_put_file_request()->mutable_checksums()->set_salt("s"); },
       "checksum-spec"},
  });
}

// [B-15] [B-30]
TEST(BadRequest, WhatDeletesAndBringsBack) {
  const std::string del = "delete-file-request";
  const auto request = [](auto step) {
    return [step](Sample& s) { step(*s.body.mutable_delete_file_request()); };
  };
  const auto copies = [request](size_t count) {
    return request([count](auto& r) {
      const wire::CopyProof copy = r.copies(0);
      r.clear_copies();
      for (size_t i = 0; i < count; ++i) *r.add_copies() = copy;
    });
  };
  Check({
      {"without the digest", del, request([](auto& r) { r.clear_digest(); }), ""},
      {"a salted digest", del,
       request([](auto& r) { r.mutable_digest()->set_algorithm(wire::HMAC_SHA256); }), "digest"},
      {"copies at their limit", del, copies(kCopyProofsMax), ""},
      {"too many copies", del, copies(kCopyProofsMax + 1), "list-limit"},
      {"a copy nowhere", del, request([](auto& r) { r.mutable_copies(0)->clear_pillar_id(); }),
       "field"},
      {"a copy without its digest", del,
       request([](auto& r) { r.mutable_copies(0)->clear_digest(); }), "digest"},
      {"a copy read before 1970", del,
       request([](auto& r) { r.mutable_copies(0)->set_calculated_at_us(-1); }), "field"},
      {"everywhere, but another file", del,
       request([](auto& r) { r.set_delete_everywhere("another"); }), "field"},
      {"everywhere, in other letters", "delete-file-request-everywhere",
       request([](auto& r) { r.set_delete_everywhere("SHELF 3"); }), "field"},
      {"the reason at its limit", del,
       [](Sample& s) { s.body.set_reason(std::string(kTextBytesMax, 'r')); }, ""},
      {"a reason too long", del,
       [](Sample& s) { s.body.set_reason(std::string(kTextBytesMax + 1, 'r')); }, "field"},
      {"an identify with a reason", "delete-file-identify",
       [](Sample& s) { s.body.set_reason("r"); }, "field"},
      {"a final with a reason", "delete-file-final", [](Sample& s) { s.body.set_reason("r"); },
       "field"},
      {"a generation of 15 bytes", "undelete-file-request",
       [](Sample& s) {
         s.body.mutable_undelete_file_request()->set_generation_id("123456789012345");
       },
       "field"},
      {"the generation removed last", "undelete-file-request",
       [](Sample& s) { s.body.mutable_undelete_file_request()->clear_generation_id(); }, ""},
      {"back over an old digest that is cut", "undelete-file-request",
       [](Sample& s) {
         s.body.mutable_undelete_file_request()->mutable_old_digest()->set_value("x");
       },
       "digest"},
  });
}

TEST(BadRequest, QueriesOfTheRecord) {
  const std::string audit = "get-audit-trails-request";
  const auto query = [](auto step) {
    return [step](Sample& s) { step(*s.body.mutable_get_audit_trails_request()); };
  };
  Check({
      {"everything", audit, query([](auto& r) { r.Clear(); }), ""},
      {"from a sequence on", audit, query([](auto& r) { r.clear_last_sequence(); }), ""},
      {"one sequence", audit, query([](auto& r) { r.set_first_sequence(r.last_sequence()); }), ""},
      {"sequences backwards", audit,
       query([](auto& r) { r.set_first_sequence(r.last_sequence() + 1); }), "field"},
      {"of no file", audit, query([](auto& r) { r.set_file_id("a//b"); }), "file-id"},
      {"too long an action", audit,
       query([](auto& r) { r.set_action(std::string(kWordBytesMax + 1, 'A')); }), "field"},
      {"half a conversation", audit, query([](auto& r) { r.set_conversation_id("12345678"); }),
       "field"},
      {"a principal that is none", audit, query([](auto& r) { r.set_principal("Alice B."); }),
       "field"},
      {"half a conversation id", "get-conversation-request",
       [](Sample& s) {
         s.body.mutable_get_conversation_request()->set_conversation_id("12345678");
       },
       "field"},
      {"too long an alarm code", "get-alarms-request",
       [](Sample& s) {
         s.body.mutable_get_alarms_request()->set_code(std::string(kWordBytesMax + 1, 'a'));
       },
       "field"},
      {"alarms from nobody", "get-alarms-request",
       [](Sample& s) { s.body.mutable_get_alarms_request()->set_from("Nobody At All"); }, "field"},
  });
}

// [B-18]
TEST(BadRequest, AnswersFromTheRecord) {
  const std::string told = "get-conversation-final";
  const std::string seen = "get-conversation-final-observed";
  const auto audit = [](auto step) {
    return [step](Sample& s) { step(*s.body.mutable_get_audit_trails_final()->mutable_items(0)); };
  };
  const auto requests = [](size_t count) {
    return [count](Sample& s) {
      auto& final = *s.body.mutable_get_conversation_final();
      while (final.requests_size() < static_cast<int>(count)) {
        *final.add_requests() = wire::RequestRecord(final.requests(0));
      }
    };
  };
  const auto timeline = [](size_t count) {
    return [count](Sample& s) {
      auto& observed = *s.body.mutable_get_conversation_final()->mutable_observed(0);
      const wire::ObservedMessage message = observed.timeline(0);
      observed.clear_timeline();
      for (size_t i = 0; i < count; ++i) *observed.add_timeline() = message;
    };
  };
  Check({
      {"no sequence", "get-audit-trails-final", audit([](auto& i) { i.clear_sequence(); }),
       "field"},
      {"a hash that is cut", "get-audit-trails-final", audit([](auto& i) { i.set_hash("x"); }),
       "field"},
      {"too long a word", "get-audit-trails-final",
       audit([](auto& i) { i.set_result(std::string(kWordBytesMax + 1, 'R')); }), "field"},
      {"requests at their limit", told, requests(kRequestsOfConversationMax), ""},
      {"too many requests", told, requests(kRequestsOfConversationMax + 1), "list-limit"},
      {"a request of nobody", told,
       [](Sample& s) {
         s.body.mutable_get_conversation_final()->mutable_requests(0)->clear_principal();
       },
       "field"},
      {"a timeline at its limit", seen, timeline(kTimelineMax), ""},
      {"too long a timeline", seen, timeline(kTimelineMax + 1), "list-limit"},
      {"an observed conversation without id", seen,
       [](Sample& s) {
         s.body.mutable_get_conversation_final()->mutable_observed(0)->clear_conversation_id();
       },
       "field"},
      {"owed by one that is no name", seen,
       [](Sample& s) {
         s.body.mutable_get_conversation_final()->mutable_observed(0)->add_owed_by("P 1");
       },
       "field"},
      {"an alarm about no file id", "get-alarms-final",
       [](Sample& s) {
         s.body.mutable_get_alarms_final()->mutable_items(0)->mutable_alarm()->set_file_id("/");
       },
       "file-id"},
      {"an info whose digest is cut", "get-file-infos-final",
       [](Sample& s) {
         s.body.mutable_get_file_infos_final()->mutable_items(0)->mutable_digests(0)->set_value(
             "x");
       },
       "digest"},
      {"an info removed before 1970", "get-file-infos-final",
       [](Sample& s) {
         s.body.mutable_get_file_infos_final()->mutable_items(0)->set_removed_at_us(-1);
       },
       "field"},
  });
}

}  // namespace
}  // namespace bitrepo::protocol

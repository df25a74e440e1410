// SPDX-License-Identifier: Apache-2.0
// Bad input to lists, against a live pillar: each row its code, and nothing changed.
#include <gmock/gmock.h>

#include <functional>

#include "absl/strings/str_cat.h"
#include "bus/protocol/limits.h"
#include "tests/pillar/list_bench.h"

namespace bitrepo::pillar {
namespace {

using protocol::Envelope;
using ::testing::SizeIs;

class ListInput : public ListBench {
 protected:
  using Change = std::function<void(wire::Body&)>;
  struct Row {
    const char* what;
    wire::ResponseCode code;
    Change change;
  };

  void SetUp() override {
    Keep("a", "hello");
    before_ = rig.store.Find(Photos(), File("a"))->generation;
    rig.Run(absl::Seconds(2));
    audited_ = rig.store.memory.audit().size();
  }
  // What answers a request for all files whose body was changed after it was sealed: no client
  // would make it.
  wire::ResponseCode CodeFor(wire::Operation operation, const Change& change) {
    PillarRig::Ask ask;
    ask.operation = operation;
    *FilesOf(operation, ask.body) = All();
    Envelope asked = rig.Request(std::move(ask));
    change(asked.body);
    asked.body_bytes = asked.body.SerializeAsString();
    rig.Send(asked);
    rig.Run(absl::Seconds(2));
    EXPECT_EQ(rig.Finals(asked), 1);
    return rig.Code(asked);
  }
  static wire::FileSelection* FilesOf(wire::Operation operation, wire::Body& body) {
    switch (operation) {
      case wire::GET_CHECKSUMS:
        return body.mutable_get_checksums_request()->mutable_files();
      case wire::GET_FILE_INFOS:
        return body.mutable_get_file_infos_request()->mutable_files();
      default:
        return body.mutable_get_file_ids_request()->mutable_files();
    }
  }
  void ExpectNothingChanged(absl::string_view what) {
    EXPECT_EQ(rig.Stored("a"), "hello") << what;
    EXPECT_EQ(rig.store.Find(Photos(), File("a"))->generation, before_) << what;
    EXPECT_THAT(rig.store.List({.collection = Photos()}, 10, "")->records, SizeIs(1)) << what;
    EXPECT_EQ(rig.store.memory.audit().size(), audited_) << what;
    EXPECT_EQ(rig.store.stages, 0) << what;
    EXPECT_EQ(rig.pillar->requests_under_way(), 0u) << what;
  }
  void ExpectRefused(wire::Operation operation, const std::vector<Row>& rows) {
    for (const Row& row : rows) {
      const std::string what = absl::StrCat(wire::Operation_Name(operation), ": ", row.what);
      EXPECT_EQ(CodeFor(operation, row.change), row.code) << what;
      ExpectNothingChanged(what);
    }
  }

 private:
  base::GenerationId before_;
  size_t audited_ = 0;
};

// [B-18] [B-27]
TEST_F(ListInput, OfEveryListOperation) {
  for (const wire::Operation operation :
       {wire::GET_FILE_IDS, wire::GET_CHECKSUMS, wire::GET_FILE_INFOS}) {
    EXPECT_EQ(CodeFor(operation, [](wire::Body&) {}), wire::OPERATION_COMPLETED);
    const auto files = [operation](wire::Body& body) { return FilesOf(operation, body); };
    ExpectRefused(
        operation,
        {{"no files", wire::REQUEST_NOT_UNDERSTOOD_FAILURE,
          [&](wire::Body& body) { files(body)->Clear(); }},
         {"a list of none", wire::REQUEST_NOT_UNDERSTOOD_FAILURE,
          [&](wire::Body& body) { files(body)->mutable_list(); }},
         {"a list of one too many", wire::REQUEST_NOT_UNDERSTOOD_FAILURE,
          [&](wire::Body& body) {
            *files(body) = Named(std::vector<std::string>(protocol::kFileListMax + 1, "a"));
          }},
         {"a bad id in a list", wire::REQUEST_NOT_UNDERSTOOD_FAILURE,
          [&](wire::Body& body) {
            *files(body) = Named({"a", "../x"});
          }},
         {"a cursor, by token", wire::REQUEST_NOT_UNDERSTOOD_FAILURE,
          [](wire::Body& body) {
            body.mutable_page()->set_by_token(true);
            body.mutable_page()->set_cursor("x");
          }},
         {"a limit of items, by token", wire::REQUEST_NOT_UNDERSTOOD_FAILURE,
          [](wire::Body& body) {
            body.mutable_page()->set_by_token(true);
            body.mutable_page()->set_limit_items(1);
          }},
         {"a limit of bytes, by token", wire::REQUEST_NOT_UNDERSTOOD_FAILURE,
          [](wire::Body& body) {
            body.mutable_page()->set_by_token(true);
            body.mutable_page()->set_limit_bytes(1);
          }},
         {"a cursor too long", wire::REQUEST_NOT_UNDERSTOOD_FAILURE, [](wire::Body& body) {
            body.mutable_page()->set_cursor(std::string(protocol::kCursorBytesMax + 1, 'c'));
          }}});
  }
}

// [B-16]
TEST_F(ListInput, OfWhatMakesDigests) {
  for (const wire::Operation operation : {wire::GET_CHECKSUMS, wire::GET_FILE_INFOS}) {
    const auto spec = [operation](wire::Body& body) {
      return operation == wire::GET_CHECKSUMS
                 ? body.mutable_get_checksums_request()->mutable_checksums()
                 : body.mutable_get_file_infos_request()->mutable_checksums();
    };
    ExpectRefused(operation,
                  {{"a salt without HMAC", wire::REQUEST_NOT_UNDERSTOOD_FAILURE,
                    [&](wire::Body& body) {
                      spec(body)->add_algorithms(wire::MD5);
                      spec(body)->set_salt("salt");
                    }},
                   {"a salt alone", wire::REQUEST_NOT_UNDERSTOOD_FAILURE,
                    [&](wire::Body& body) { spec(body)->set_salt("salt"); }},
                   {"an HMAC without salt", wire::REQUEST_NOT_UNDERSTOOD_FAILURE,
                    [&](wire::Body& body) { spec(body)->add_algorithms(wire::HMAC_SHA256); }},
                   {"an algorithm twice", wire::REQUEST_NOT_UNDERSTOOD_FAILURE,
                    [&](wire::Body& body) {
                      spec(body)->add_algorithms(wire::MD5);
                      spec(body)->add_algorithms(wire::MD5);
                    }},
                   {"an unknown algorithm", wire::REQUEST_NOT_SUPPORTED, [&](wire::Body& body) {
                      spec(body)->add_algorithms(static_cast<wire::DigestAlgorithm>(99));
                    }}});
  }
}

// [B-17] [B-29]
TEST_F(ListInput, OfRangesAndBlocks) {
  const auto of_one = [](wire::Body& body) {
    body.mutable_get_checksums_request()->mutable_files()->set_file_id("a");
    return body.mutable_get_checksums_request();
  };
  const auto range = [of_one](uint64_t offset, uint64_t length) {
    return [=](wire::Body& body) {
      of_one(body)->set_offset(offset);
      of_one(body)->set_length(length);
    };
  };
  const auto blocks = [of_one](uint64_t bytes) {
    return [=](wire::Body& body) { of_one(body)->set_block_bytes(bytes); };
  };
  ExpectRefused(wire::GET_CHECKSUMS,
                {{"an end beyond 2^64", wire::RANGE_ERROR, range(UINT64_MAX, 2)},
                 {"a length beyond 2^64", wire::RANGE_ERROR, range(2, UINT64_MAX)},
                 {"a range behind the end", wire::RANGE_ERROR, range(4, 2)},
                 {"a range of all", wire::REQUEST_NOT_UNDERSTOOD_FAILURE,
                  [](wire::Body& body) { body.mutable_get_checksums_request()->set_length(1); }},
                 {"blocks of one byte", wire::REQUEST_NOT_UNDERSTOOD_FAILURE, blocks(1)},
                 {"blocks too small by one", wire::REQUEST_NOT_UNDERSTOOD_FAILURE,
                  blocks(protocol::kBlockBytesMin - 1)},
                 {"blocks too large by one", wire::REQUEST_NOT_UNDERSTOOD_FAILURE,
                  blocks(protocol::kBlockBytesMax + 1)},
                 {"blocks of all", wire::REQUEST_NOT_UNDERSTOOD_FAILURE, [](wire::Body& body) {
                    body.mutable_get_checksums_request()->set_block_bytes(protocol::kBlockBytesMin);
                  }}});
}

TEST_F(ListInput, OfWindowsThatEndBeforeTheyBegin) {
  const auto end_early = [](wire::TimeWindow* window) {
    window->set_from_us(2);
    window->set_until_us(1);
  };
  const auto row = [](const Change& change) {
    return std::vector<Row>{{"a window", wire::REQUEST_NOT_UNDERSTOOD_FAILURE, change}};
  };
  ExpectRefused(wire::GET_FILE_IDS, row([&](wire::Body& body) {
                  end_early(body.mutable_get_file_ids_request()->mutable_stored());
                }));
  ExpectRefused(wire::GET_FILE_INFOS, row([&](wire::Body& body) {
                  end_early(body.mutable_get_file_infos_request()->mutable_stored());
                }));
  ExpectRefused(wire::GET_CHECKSUMS, row([&](wire::Body& body) {
                  end_early(body.mutable_get_checksums_request()->mutable_calculated());
                }));
}

}  // namespace
}  // namespace bitrepo::pillar

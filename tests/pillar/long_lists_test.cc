// SPDX-License-Identifier: Apache-2.0
// Lists that travel the data channel: their answer as one transfer, their ids as another.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "channel/transfer/token.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/util/delimited_message_util.h"
#include "pillar/requests/parameter_set.h"
#include "tests/channel/raw_dialler.h"
#include "tests/pillar/list_bench.h"

namespace bitrepo::pillar {
namespace {

using protocol::Envelope;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class LongLists : public ListBench {
 protected:
  static wire::PageSpec ByToken() {
    wire::PageSpec page;
    page.set_by_token(true);
    return page;
  }
  // The items of a transfer, by protobuf's own reader.
  static std::vector<wire::ChecksumItem> Items(const std::string& bytes) {
    std::vector<wire::ChecksumItem> items;
    google::protobuf::io::CodedInputStream stream(reinterpret_cast<const uint8_t*>(bytes.data()),
                                                  static_cast<int>(bytes.size()));
    for (bool end = false;;) {
      wire::ChecksumItem item;
      if (!google::protobuf::util::ParseDelimitedFromCodedStream(&item, &stream, &end)) {
        EXPECT_TRUE(end) << "what is there is no item";
        return items;
      }
      items.push_back(std::move(item));
    }
  }
  static std::string Parameters(const std::vector<std::string>& ids) {
    std::string bytes;
    for (const std::string& id : ids) {
      wire::ParameterItem item;
      item.set_file_id(id);
      google::protobuf::io::StringOutputStream out(&bytes);
      google::protobuf::util::SerializeDelimitedToZeroCopyStream(item, &out);
    }
    return bytes;
  }
  static wire::FileSelection Announced(uint64_t items, const std::string& bytes) {
    wire::FileSelection files;
    files.mutable_parameters()->set_items(items);
    files.mutable_parameters()->set_size_bytes(bytes.size());
    files.mutable_parameters()->mutable_digest()->set_algorithm(wire::SHA256);
    files.mutable_parameters()->mutable_digest()->set_value(Sha256Of(bytes).bytes());
    return files;
  }
  // Asks for the checksums of the ids in `bytes` and pushes them.
  Envelope AskWith(wire::FileSelection files, const std::string& bytes) {
    const Envelope asked = Checksums(std::move(files), {}, false, ByToken());
    if (rig.Final(asked) != nullptr) return asked;
    const auto token = transfer::ReadToken(rig.Token(asked));
    EXPECT_TRUE(token.ok() && token->verb() == wire::STORE && token->content() == wire::PARAMETERS);
    push_ = rig.Push(rig.Token(asked), bytes);
    rig.Run(absl::Seconds(2));
    return asked;
  }
  // Sends `bytes` and then COMMIT with the size that it is told.
  void PushRaw(const std::string& token, const std::string& bytes, uint64_t committed) {
    channel::MemoryChannelLink link(rig.net(), rig.loop, "");
    channel::RawDialler peer(link);
    peer.Dial(kDataEndpoint);
    rig.Run();
    peer.SayHello();
    peer.SayOpen(1, token, wire::STORE);
    rig.Run();
    if (!bytes.empty()) peer.Say(transfer::FrameType::kData, 1, bytes);
    peer.Say(transfer::FrameType::kCommit, 1, transfer::WriteCommit({committed, Sha256Of(bytes)}));
    rig.Run();
  }
  // What comes by the token of now.
  std::string Fetched(const Envelope& asked) {
    const auto token = transfer::ReadToken(rig.Token(asked));
    EXPECT_TRUE(token.ok() && token->verb() == wire::FETCH && token->content() == wire::LIST);
    EXPECT_EQ(rig.Progress(asked).back().body.progress().phase(), wire::SENDING);
    const std::shared_ptr<Transfer> transfer = rig.Fetch(rig.Token(asked));
    rig.Run(absl::Seconds(2));
    EXPECT_TRUE(transfer->end && transfer->end->ok());
    EXPECT_EQ(Sha256Of(transfer->sink->text).bytes(), token->digest().value());
    return transfer->sink->text;
  }
  // Bytes that lie in staging, or are promised there.
  uint64_t Staged() {
    const auto report = rig.store.memory.Check();
    EXPECT_TRUE(report.ok());
    uint64_t bytes = report->total_bytes - report->free_bytes;
    for (const store::CollectionCount& count : report->collections) bytes -= count.bytes;
    return bytes;
  }
  static std::vector<std::string> IdsOf(const std::vector<wire::ChecksumItem>& items) {
    std::vector<std::string> ids;
    for (const wire::ChecksumItem& item : items) ids.push_back(item.file_id());
    return ids;
  }

  std::shared_ptr<Transfer> push_;
};

// [B21] [B29]
TEST_F(LongLists, AWholeListComesAsOneTransferAndTheFinalHasNoItems) {
  for (int i = 0; i < 2500; ++i) Keep(absl::StrCat("f", 10000 + i), absl::StrCat(i));
  const Envelope sums = Checksums(All(), {}, false, ByToken());
  EXPECT_EQ(rig.Final(sums), nullptr) << "the final follows the receiver's word";
  const std::vector<wire::ChecksumItem> items = Items(Fetched(sums));
  ASSERT_THAT(items, SizeIs(2500));
  EXPECT_EQ(items[2499].file_id(), "f12499");
  EXPECT_EQ(items[2499].digests(0).value(), Sha256Of("2499").bytes());
  ASSERT_EQ(rig.Code(sums), wire::OPERATION_COMPLETED);
  EXPECT_THAT(Sums(sums).items(), IsEmpty());
  EXPECT_EQ(Staged(), 0u) << "what was staged is gone";
}

TEST_F(LongLists, AnEmptyListIsATransferOfNothing) {
  const Envelope sums = Checksums(All(), {}, false, ByToken());
  EXPECT_EQ(Fetched(sums), "");
  EXPECT_EQ(rig.Code(sums), wire::OPERATION_COMPLETED);
}

// [B20] [B30]
TEST_F(LongLists, ParametersAreAnsweredInTheirOrderAsOftenAsTheyStandThere) {
  std::vector<std::string> ids;
  for (int i = 0; i < 100; ++i) Keep(absl::StrCat("f", i), absl::StrCat(i));
  for (int i = 0; i < 3500; ++i) ids.push_back(absl::StrCat("f", (i * 37) % 101));
  const std::string bytes = Parameters(ids);
  const Envelope sums = AskWith(Announced(ids.size(), bytes), bytes);
  EXPECT_TRUE(push_->end && push_->end->ok());
  const std::vector<wire::ChecksumItem> items = Items(Fetched(sums));
  EXPECT_EQ(IdsOf(items), ids);
  EXPECT_EQ(items[1].digests(0).value(), Sha256Of("37").bytes());
  for (const wire::ChecksumItem& item : items) {
    EXPECT_EQ(item.trouble().code() == wire::FILE_NOT_FOUND_FAILURE, item.file_id() == "f100");
  }
  EXPECT_EQ(rig.Code(sums), wire::OPERATION_COMPLETED);
  EXPECT_EQ(Staged(), 0u);
}

TEST_F(LongLists, ParametersThatAreNoneAreNotUnderstoodAndLeaveNothing) {
  Keep("a", "x");
  const std::string good = Parameters({"a", "a", "a"});
  struct Row {
    std::string what;
    uint64_t items;
    std::string bytes;
  };
  for (const Row& row :
       {Row{"fewer than announced", 4, good + std::string(4, '\0')},
        Row{"more than announced", 2, good}, Row{"bytes behind the last", 3, good + "xxxx"},
        Row{"cut in an item", 3, good.substr(0, good.size() - 1)},
        Row{"a length without end", 1, std::string(12, '\xff')},
        Row{"an item too long", 1, std::string("\x81\x08", 2) + std::string(1025, 'x')},
        Row{"no message", 1, std::string("\x04\xff\xff\xff\xff", 5)},
        Row{"an id that is none", 1, Parameters({"../x"})},
        Row{"an empty id", 1, Parameters({""}) + Parameters({"a"})}}) {
    const Envelope asked = AskWith(Announced(row.items, row.bytes), row.bytes);
    EXPECT_EQ(rig.Code(asked), wire::REQUEST_NOT_UNDERSTOOD_FAILURE) << row.what;
    EXPECT_EQ(rig.Finals(asked), 1) << row.what;
    EXPECT_EQ(Staged(), 0u) << row.what;
  }
}

TEST_F(LongLists, ParametersThatAreNotTheAnnouncedBytesAreNotUnderstood) {
  const std::string bytes = Parameters({"a", "b"});
  const Envelope other = AskWith(Announced(2, bytes), Parameters({"a", "c"}));
  EXPECT_EQ(rig.Code(other), wire::REQUEST_NOT_UNDERSTOOD_FAILURE);
  EXPECT_FALSE(push_->end->ok());
  EXPECT_EQ(Staged(), 0u);
}

// A client sends no such thing: it ends the request as soon as that is known, not when the token
// expires.
TEST_F(LongLists, ParametersOfAnotherLengthThanAnnouncedEndTheRequestAtTheirCommit) {
  const std::string bytes = Parameters({"a", "b", "c"});
  struct Row {
    const char* what;
    std::string pushed;
    uint64_t committed;
  };
  for (const Row& row : {Row{"nothing", "", 0},
                         Row{"one id less", Parameters({"a", "b"}), Parameters({"a", "b"}).size()},
                         Row{"one byte less", bytes.substr(1), bytes.size() - 1},
                         Row{"less than is committed", bytes.substr(1), bytes.size()},
                         Row{"more than is committed", bytes, bytes.size() - 1}}) {
    const Envelope asked = Checksums(Announced(3, bytes), {}, false, ByToken());
    ASSERT_EQ(rig.Final(asked), nullptr) << row.what;
    EXPECT_EQ(Staged(), bytes.size()) << row.what;
    PushRaw(rig.Token(asked), row.pushed, row.committed);
    EXPECT_EQ(rig.Code(asked), wire::REQUEST_NOT_UNDERSTOOD_FAILURE)
        << row.what << ": " << rig.Reply(asked)->response().text();
    EXPECT_EQ(rig.Finals(asked), 1) << row.what;
    EXPECT_EQ(Staged(), 0u) << row.what;
  }
}

// Their sender is cut; who has the token may go on.
TEST_F(LongLists, AByteBeyondTheAnnouncedParametersDoesNotEndTheRequest) {
  const std::string bytes = Parameters({"a", "b", "c"});
  const Envelope asked = Checksums(Announced(3, bytes), {}, false, ByToken());
  PushRaw(rig.Token(asked), bytes + "x", bytes.size() + 1);
  EXPECT_EQ(rig.Finals(asked), 0);
  EXPECT_EQ(Staged(), bytes.size());
  PushRaw(rig.Token(asked), bytes.substr(1), bytes.size() - 1);
  EXPECT_EQ(rig.Code(asked), wire::REQUEST_NOT_UNDERSTOOD_FAILURE);
  EXPECT_EQ(Staged(), 0u);
}

TEST_F(LongLists, ParametersThatTheirSenderGivesUpAreATransferThatFailed) {
  const std::string bytes = Parameters({"a", "b"});
  const Envelope asked = Checksums(Announced(2, bytes), {}, false, ByToken());
  auto source = std::make_shared<channel::TextSource>(bytes);
  source->changed = absl::CancelledError("the sender has other things to do");
  rig.Push(rig.Token(asked), source);
  rig.Run(absl::Seconds(1));
  EXPECT_EQ(rig.Code(asked), wire::FILE_TRANSFER_FAILURE);
  EXPECT_EQ(Staged(), 0u);
}

TEST_F(LongLists, NoMoreIsAnnouncedThanASetMayHave) {
  wire::FileSelection files = Announced(requests::kParameterItemsMax, "");
  files.mutable_parameters()->set_size_bytes(requests::kParameterBytesMax);
  files.mutable_parameters()->set_items(requests::kParameterItemsMax + 1);
  EXPECT_EQ(rig.Code(Checksums(files, {}, false, ByToken())), wire::REQUEST_NOT_SUPPORTED);
  files.mutable_parameters()->set_items(1);
  files.mutable_parameters()->set_size_bytes(requests::kParameterBytesMax + 1);
  EXPECT_EQ(rig.Code(Checksums(files, {}, false, ByToken())), wire::REQUEST_NOT_SUPPORTED);
  files.mutable_parameters()->set_size_bytes(3);
  EXPECT_EQ(rig.Code(Checksums(files, {}, false, ByToken())), wire::REQUEST_NOT_UNDERSTOOD_FAILURE)
      << "no id fits into three bytes";
}

TEST_F(LongLists, AListThatNobodyFetchesExpiresAndIsGone) {
  Keep("a", "x");
  const Envelope sums = Checksums(All(), {}, false, ByToken());
  EXPECT_GT(Staged(), 0u);
  rig.Run(absl::Minutes(20));
  EXPECT_EQ(rig.Code(sums), wire::EXPIRED);
  EXPECT_EQ(Staged(), 0u);
}

TEST_F(LongLists, AListCanBeWithdrawnWhileItIsMadeAndWhileItIsSent) {
  for (int i = 0; i < 3000; ++i) Keep(absl::StrCat("f", i), "x");
  const Envelope sent = Checksums(All(), {}, false, ByToken());
  rig.Send(rig.CancelOf(sent));
  rig.Run();
  EXPECT_EQ(rig.Code(sent), wire::CANCELLED);
  rig.workers.piece = absl::Seconds(2);
  const Envelope made = Checksums(All(), {}, false, ByToken());
  rig.Send(rig.CancelOf(made));
  rig.Run(absl::Seconds(10));
  EXPECT_EQ(rig.Code(made), wire::CANCELLED);
  EXPECT_EQ(rig.Finals(made), 1);
  EXPECT_EQ(Staged(), 0u);
}

}  // namespace
}  // namespace bitrepo::pillar

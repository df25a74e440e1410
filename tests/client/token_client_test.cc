// SPDX-License-Identifier: Apache-2.0
#include "client/token_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "base/check.h"
#include "base/runtime/system_event_loop.h"
#include "base/runtime/thread_worker_pool.h"
#include "channel/memory_channel_link.h"
#include "client/file_sink.h"
#include "tests/channel/channel_pair.h"
#include "tests/channel/memory_ends.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace bitrepo::client {
namespace {

using channel::SomeBytes;
using channel::TextSource;
using ::testing::HasSubstr;
using testing_support::StatusIs;

constexpr char kEndpoint[] = "memory://pillar";

// Whoever gave the tokens, on a loop and thread of its own.
class Issuer {
 public:
  explicit Issuer(channel::MemoryChannelNet& net) : link_(net, loop_, kEndpoint) {
    BITREPO_CHECK(channel_.Start().ok(), "the issuer starts");
    thread_ = std::thread([this] { loop_.Run(); });
  }
  ~Issuer() {
    channel_.Close();
    loop_.Post([this] { loop_.Stop(); });
    thread_.join();
  }
  std::string Grant(const std::string& text, std::shared_ptr<channel::Source> source) {
    wire::TokenBody body = mint_.Fetch(text);
    std::string token = mint_.Seal(body, loop_.Now() + absl::Hours(1));
    channel_.GrantFetch(body, std::move(source), {});
    return token;
  }
  std::string GrantStore(uint64_t length, std::shared_ptr<channel::Sink> sink) {
    wire::TokenBody body = mint_.Store(length);
    std::string token = mint_.Seal(body, loop_.Now() + absl::Hours(1));
    channel_.GrantStore(body, std::move(sink), {});
    return token;
  }

 private:
  runtime::SystemEventLoop loop_;
  base::SystemRandom random_;
  channel::TestMint mint_{kEndpoint};
  channel::MemoryChannelLink link_;
  channel::Channel channel_{channel::Node("pillar-1"), loop_, link_, mint_.mint, random_};
  std::thread thread_;
};

class TokenClients : public ::testing::Test {
 protected:
  std::unique_ptr<TokenClient> Start() {
    TokenMachinery machinery;
    machinery.random = std::make_shared<base::SystemRandom>();
    machinery.loop = std::make_unique<runtime::SystemEventLoop>();
    machinery.workers = std::make_unique<runtime::ThreadWorkerPool>(
        runtime::ThreadWorkerPool::LaneThreads{1, 1, 1});
    machinery.link = std::make_unique<channel::MemoryChannelLink>(net_, *machinery.loop, "");
    auto client = TokenClient::Start("someone", std::move(machinery));
    BITREPO_CHECK(client.ok(), client.status().message());
    return *std::move(client);
  }
  std::shared_ptr<FetchTarget> Target(TokenClient& client, const std::string& text) {
    wire::FileInfo file;
    file.set_file_id("a.txt");
    file.set_size_bytes(text.size());
    const base::ByteRange whole = base::ByteRange::Whole(text.size());
    auto sink = FileSink::Create(path_, "photos", file, whole, std::nullopt, client.workers());
    BITREPO_CHECK(sink.ok(), sink.status().message());
    return std::make_shared<FetchTarget>(*std::move(sink), whole,
                                         base::Hasher::Of(base::Algorithm::kSha256, text));
  }
  static TokenClient::OnProgress Unheard() {
    return [](uint64_t) {};
  }

  channel::MemoryChannelNet net_;
  testing_support::TempDir directory_;
  const std::string path_ = directory_.Path("file");
};

TEST_F(TokenClients, FetchesByATokenAlone) {
  Issuer issuer(net_);
  const std::string text = SomeBytes(5'000'000);
  const auto client = Start();
  const auto target = Target(*client, text);
  EXPECT_OK(
      client->Fetch(issuer.Grant(text, std::make_shared<TextSource>(text)), target, Unheard()));
  EXPECT_TRUE(target->committed());
}

TEST_F(TokenClients, BytesThatAreNotThoseOfTheTokenAreDataLoss) {
  Issuer issuer(net_);
  const std::string text = SomeBytes(100'000);
  const std::string lie = SomeBytes(100'000, 2);
  const auto client = Start();
  const auto target = Target(*client, text);
  EXPECT_THAT(
      client->Fetch(issuer.Grant(text, std::make_shared<TextSource>(lie)), target, Unheard()),
      StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_FALSE(target->committed());
}

TEST_F(TokenClients, AnIssuerThatIsNotThereIsUnavailable) {
  std::string token;
  {
    Issuer gone(net_);
    token = gone.Grant("text", std::make_shared<TextSource>("text"));
  }
  const auto client = Start();
  EXPECT_THAT(client->Fetch(token, Target(*client, "text"), Unheard()),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr(kEndpoint)));
}

TEST_F(TokenClients, CancelEndsTheCallAndTheTokenStaysGood) {
  Issuer issuer(net_);
  const std::string text = SomeBytes(3'000'000);
  auto source = std::make_shared<TextSource>(text);
  source->hold = true;  // nothing comes
  const std::string token = issuer.Grant(text, source);
  {
    const auto client = Start();
    const auto target = Target(*client, text);
    auto call =
        std::async(std::launch::async, [&] { return client->Fetch(token, target, Unheard()); });
    EXPECT_OK(client->Inquire(token));  // it is reached, and goes on meanwhile
    client->Cancel("enough");
    EXPECT_THAT(call.get(), StatusIs(absl::StatusCode::kCancelled));
    EXPECT_THAT(client->Inquire(token), StatusIs(absl::StatusCode::kCancelled));
  }
  const auto client = Start();
  const auto report = client->Inquire(token);
  ASSERT_OK(report);
  EXPECT_NE(report->state(), wire::TRANSFER_ENDED);
}

TEST_F(TokenClients, APushIsDoneWhenItsReceiverSaysSo) {
  Issuer issuer(net_);
  const std::string text = SomeBytes(2'500'000);
  auto sink = std::make_shared<channel::TextSink>();
  const std::string token = issuer.GrantStore(text.size(), sink);
  const auto client = Start();
  EXPECT_OK(client->Push(
      token, [&] { return std::make_shared<TextSource>(text); }, Unheard()));
  const auto report = client->Inquire(token);
  ASSERT_OK(report);
  EXPECT_EQ(report->state(), wire::TRANSFER_ENDED);
  EXPECT_EQ(report->response().code(), wire::OPERATION_COMPLETED);
  EXPECT_THAT(client->Push(
                  token, [&] { return std::make_shared<TextSource>(text); }, Unheard()),
              StatusIs(absl::StatusCode::kInvalidArgument))
      << "it is spent";
}

}  // namespace
}  // namespace bitrepo::client

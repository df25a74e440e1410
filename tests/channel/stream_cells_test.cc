// SPDX-License-Identifier: Apache-2.0
// Every frame in every state of a stream's two ends: real ends do what the table says.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "channel/transfer/stream_state.h"
#include "tests/channel/channel_pair.h"
#include "tests/channel/raw_dialler.h"
#include "tests/channel/transfer_runs.h"
#include "tests/support/status_matchers.h"

namespace bitrepo::channel {
namespace {

using transfer::FrameType;
using transfer::StreamAction;
using transfer::StreamState;

constexpr char kEndpoint[] = "memory://pillar";
constexpr char kRawEndpoint[] = "memory://raw";
constexpr size_t kBytes = 100;
constexpr uint32_t kStream = 1;

const FrameType kHeard[] = {FrameType::kOpenOk, FrameType::kOpenRefused, FrameType::kData,
                            FrameType::kCredit, FrameType::kStored,      FrameType::kAck,
                            FrameType::kNack,   FrameType::kCommit,      FrameType::kCommitOk,
                            FrameType::kDone,   FrameType::kAbort};

std::string Ending(wire::ResponseCode code) {
  wire::ResponseInfo response;
  response.set_code(code);
  return transfer::WriteStreamEnd(response);
}

// One end of one stream in a state, with a raw peer at the other.
class End {
 public:
  explicit End(StreamState state) : state_(state) {
    EXPECT_OK(pair_.Start());
    store_.sink->hold = true;
    fetch_.sink->hold_commit = true;
    Reach();
    pair_.loop.RunReady();
  }

  // Says `type` in the way in which it can be taken where it has a place.
  void Say(FrameType type) {
    heard_before_ = peer_->Heard();
    switch (type) {
      case FrameType::kOpenOk:
        SayOpenOk(kBytes);
        break;
      case FrameType::kData:
        if (state_ == StreamState::kFetching) {
          SayAck();
        }
        SayData();
        break;
      case FrameType::kCredit:
        peer_->Say(type, kStream, "", 0, kBytes);
        break;
      case FrameType::kStored:
        peer_->Say(type, kStream, "", 0, 10);
        break;
      case FrameType::kAck:
        SayAck();
        break;
      case FrameType::kNack:
        peer_->Say(type, kStream, Ending(wire::DATA_LOSS));
        break;
      case FrameType::kCommit:
        if (state_ == StreamState::kTaking) {
          SayData();
        }
        SayCommit();
        break;
      case FrameType::kOpenRefused:
        peer_->Say(type, kStream, Ending(wire::GONE));
        break;
      case FrameType::kAbort:
        peer_->Say(type, kStream, Ending(wire::CANCELLED));
        break;
      default:
        peer_->Say(type, kStream, Ending(wire::OPERATION_COMPLETED));
    }
    pair_.loop.RunReady();
  }
  bool cut() const { return peer_->cut(); }
  bool ended() const {
    return serves() ? store_.granted->ended() || fetch_.granted->ended()
                    : store_.pushed->ended() || fetch_.fetched->ended() || inquired_;
  }
  bool silent() const { return peer_->Heard() == heard_before_; }

 private:
  bool serves() const { return peer_ == &dialler_; }
  void Reach() {
    switch (state_) {
      case StreamState::kOffering:
      case StreamState::kOffered:
      case StreamState::kStoring:
      case StreamState::kCommitted:
        Serve();
        server_.initial_credit = state_ == StreamState::kOffered ? kBytes : 0;
        store_.Push(*pair_.dialling);
        pair_.loop.RunReady();
        if (state_ == StreamState::kStoring || state_ == StreamState::kCommitted) {
          SayOpenOk(state_ == StreamState::kStoring ? kBytes / 2 : kBytes);
        }
        return;
      case StreamState::kAsking:
      case StreamState::kFetching:
      case StreamState::kComplete:
        Serve();
        fetch_.Fetch(*pair_.dialling);
        pair_.loop.RunReady();
        if (state_ != StreamState::kAsking) {
          SayOpenOk(kBytes);
        }
        if (state_ == StreamState::kComplete) {
          SayAck();
          SayData();
        }
        return;
      case StreamState::kInquiring:
        Serve();
        pair_.dialling->Inquire(store_.token, [this](const absl::StatusOr<wire::TransferReport>&) {
          inquired_ = true;
        });
        return;
      case StreamState::kTaking:
      case StreamState::kClosing:
        Dial(store_.token, wire::STORE);
        if (state_ == StreamState::kClosing) {
          SayDamagedData();  // so that it is to come again behind COMMIT
          SayCommit();
        }
        return;
      case StreamState::kGiving:
      case StreamState::kGiven:
        Dial(fetch_.token, wire::FETCH);
        peer_->Say(FrameType::kCredit, kStream, "", 0,
                   state_ == StreamState::kGiving ? kBytes / 2 : kBytes);
        return;
      case StreamState::kEnded:
        Dial(store_.token, wire::STORE);
        peer_->Say(FrameType::kAbort, kStream, Ending(wire::CANCELLED));
        return;
    }
  }
  void Serve() {
    for (wire::TokenBody* body : {&store_.body, &fetch_.body}) {
      body->clear_endpoints();
      body->add_endpoints(kRawEndpoint);
    }
    store_.token = pair_.mint.Seal(store_.body, pair_.Later());
    fetch_.token = pair_.mint.Seal(fetch_.body, pair_.Later());
    peer_ = &server_;
  }
  void Dial(const std::string& token, wire::TokenVerb verb) {
    store_.Grant(*pair_.serving);
    fetch_.Grant(*pair_.serving);
    peer_ = &dialler_;
    dialler_.Dial(kEndpoint);
    pair_.loop.RunReady();
    dialler_.SayHello();
    dialler_.SayOpen(kStream, token, verb);
  }
  void SayOpenOk(uint64_t credit) {
    transfer::OpenAnswer answer;
    answer.missing = {base::ByteRange::Whole(kBytes)};
    answer.credit = credit;
    answer.size_bytes = kBytes;
    answer.report.emplace().set_state(wire::TRANSFER_WAITING);
    peer_->Say(FrameType::kOpenOk, kStream, transfer::WriteOpenOk(answer));
  }
  void SayAck() {
    peer_->Say(FrameType::kAck, kStream,
               transfer::SerializeAck({kBytes, wire::OPERATION_COMPLETED}));
  }
  void SayData() { peer_->Say(FrameType::kData, kStream, store_.text); }
  void SayDamagedData() {
    transfer::FrameHeader header;
    header.type = FrameType::kData;
    header.stream = kStream;
    header.sequence = peer_->next_sequence++;
    std::string bytes = store_.text;
    std::string sealed = transfer::SerializeHeader(
        header, std::as_bytes(std::span<const char>(bytes.data(), bytes.size())));
    bytes.front() = static_cast<char>(bytes.front() ^ 1);
    peer_->SayRaw(std::move(sealed), bytes);
  }
  void SayCommit() {
    const base::Digest digest = base::Hasher::Of(base::Algorithm::kSha256, store_.text);
    peer_->Say(FrameType::kCommit, kStream, transfer::WriteCommit({kBytes, digest}));
  }

  const StreamState state_;
  ChannelPair pair_;
  MemoryChannelLink dialler_link_{pair_.net, pair_.loop, ""};
  MemoryChannelLink server_link_{pair_.net, pair_.loop, kRawEndpoint};
  RawDialler dialler_{dialler_link_};
  RawServer server_{server_link_};
  RawPeer* peer_ = nullptr;
  StoreRun store_{pair_.mint, pair_.Later(), SomeBytes(kBytes), kBytes};
  FetchRun fetch_{pair_.mint, pair_.Later(), SomeBytes(kBytes)};
  std::string heard_before_;
  bool inquired_ = false;
};

// [D-44]
TEST(StreamCells, EachEndDoesInEachStateAtEachFrameWhatTheTableSays) {
  for (size_t i = 0; i < transfer::kStreamStates; ++i) {
    const auto state = static_cast<StreamState>(i);
    for (const FrameType type : kHeard) {
      SCOPED_TRACE(
          absl::StrCat(transfer::FrameName(type), " while ", transfer::StreamStateName(state)));
      const transfer::StreamCell cell =
          transfer::StreamTransition(state, transfer::StreamEventOf(type));
      End end(state);
      ASSERT_FALSE(end.cut());
      ASSERT_EQ(end.ended(), state == StreamState::kEnded);
      end.Say(type);
      EXPECT_EQ(end.cut(), cell.action == StreamAction::kCut);
      switch (cell.action) {
        case StreamAction::kIgnore:
          EXPECT_TRUE(end.silent());
          break;
        case StreamAction::kTake:
          EXPECT_FALSE(end.ended());
          break;
        case StreamAction::kBegin:
          EXPECT_EQ(end.ended(), state == StreamState::kInquiring);
          break;
        case StreamAction::kRefused:
        case StreamAction::kEnd:
          EXPECT_TRUE(end.ended());
          break;
        default:
          break;
      }
    }
  }
}

}  // namespace
}  // namespace bitrepo::channel

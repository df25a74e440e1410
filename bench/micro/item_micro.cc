// SPDX-License-Identifier: Apache-2.0
// What one item of a list costs on its way: into the page of a pillar, over the bus, out of it.
#include <benchmark/benchmark.h>

#include <string>

#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "base/ids.h"
#include "base/random.h"
#include "bus/protocol/envelope.h"
#include "bus/protocol/item_stream.h"

namespace bitrepo::bench {
namespace {

constexpr int kItemsOfAPage = 1000;

void FillItem(int number, wire::ChecksumItem& item) {
  item.set_file_id(absl::StrFormat("d%03d/file-%07d", number / 1000, number));
  item.set_calculated_at_us(absl::ToUnixMicros(absl::Now()));
  item.set_size_bytes(4096);
  wire::Digest& digest = *item.add_digests();
  digest.set_algorithm(wire::SHA256);
  digest.set_value(std::string(32, 'd'));
}

protocol::Envelope Page() {
  static base::SystemRandom random;
  const absl::Time now = absl::Now();
  wire::Header header;
  header.set_repository_id("bench");
  header.set_conversation_id(base::ConversationId::Make(now, random).ToBytes());
  header.set_message_id(base::MessageId::Make(now, random).ToBytes());
  header.set_answers(base::MessageId::Make(now, random).ToBytes());
  header.set_kind(wire::FINAL);
  header.set_operation(wire::GET_CHECKSUMS);
  header.set_collection_id("files");
  header.set_from("pillar-1");
  header.set_to("asker.1");
  header.set_issued_at_us(absl::ToUnixMicros(now));
  wire::Body body;
  body.mutable_response()->set_code(wire::OPERATION_COMPLETED);
  for (int i = 0; i < kItemsOfAPage; ++i) {
    FillItem(i, *body.mutable_get_checksums_final()->add_items());
  }
  return protocol::SealEnvelope({protocol::Destination::Kind::kClient, "asker.1"}, header, body, "")
      .value();
}

void SealPage(benchmark::State& state) {
  const protocol::Envelope page = Page();
  for (auto unused : state) {
    benchmark::DoNotOptimize(
        protocol::SealEnvelope(page.destination, page.header, page.body, "").ok());
  }
  state.SetItemsProcessed(state.iterations() * kItemsOfAPage);
}
BENCHMARK(SealPage);

void OpenPage(benchmark::State& state) {
  const protocol::Frames frames = protocol::ToFrames(Page());
  for (auto unused : state) {
    protocol::EnvelopeFault fault;
    if (!protocol::OpenEnvelope(frames, fault).ok()) state.SkipWithError(fault.text.c_str());
  }
  state.SetItemsProcessed(state.iterations() * kItemsOfAPage);
}
BENCHMARK(OpenPage);

void AppendItemToStream(benchmark::State& state) {
  wire::ChecksumItem item;
  FillItem(1, item);
  std::string stream;
  for (auto unused : state) {
    stream.clear();
    protocol::AppendItem(item, stream);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(AppendItemToStream);

void TakeItemFromStream(benchmark::State& state) {
  wire::ChecksumItem item;
  FillItem(1, item);
  std::string stream;
  protocol::AppendItem(item, stream);
  for (auto unused : state) {
    absl::string_view rest = stream;
    const auto bytes = protocol::TakeItem(rest);
    wire::ChecksumItem taken;
    if (!bytes.ok() || !taken.ParseFromArray(bytes->data(), static_cast<int>(bytes->size()))) {
      state.SkipWithError("the item cannot be taken");
    }
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(TakeItemFromStream);

}  // namespace
}  // namespace bitrepo::bench

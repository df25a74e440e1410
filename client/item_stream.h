// SPDX-License-Identifier: Apache-2.0
// The items of a list that came as one transfer (bus/protocol/item_stream.h), read from a file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "client/local_file.h"
#include "google/protobuf/message_lite.h"

namespace bitrepo::client {

// Reads a stream from front to back, holding no more than a chunk of it. One thread at a time;
// blocks.
class ItemStream {
 public:
  explicit ItemStream(std::shared_ptr<ReadableBytes> bytes) : bytes_(std::move(bytes)) {}
  // False at the end. kDataLoss for what is no item.
  absl::StatusOr<bool> Next(google::protobuf::MessageLite& item);

 private:
  absl::Status Fill(size_t bytes);

  const std::shared_ptr<ReadableBytes> bytes_;
  std::string buffer_;
  size_t taken_ = 0;      // of the buffer
  uint64_t fetched_ = 0;  // of the bytes, into the buffer
  uint64_t items_ = 0;
};

}  // namespace bitrepo::client

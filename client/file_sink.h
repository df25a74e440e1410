// SPDX-License-Identifier: Apache-2.0
// Where the bytes of a get go that are to be a file: it appears whole and proved; until then a part
// of it lies beside its name, from which another get of the same bytes goes on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/byte_range.h"
#include "base/checksum.h"
#include "base/mutex.h"
#include "base/range_set.h"
#include "base/runtime/part_file.h"
#include "base/runtime/worker_pool.h"
#include "channel/sink.h"
#include "client/digest_proof.h"
#include "proto/types.pb.h"

namespace bitrepo::client {

// What is owed at the start is at most so many ranges: of more, the smallest pieces come again.
inline constexpr size_t kHeldRangesMax = 256;

// Takes bytes in any order, each range once: what came first stays. They are digested beside the
// writing, those out of order when their turn comes. The bytes of an earlier get that are in the
// part count as written and are digested with the others at the end; where these were wrong, the
// part is removed and nobody is blamed, since it may have been damaged here.
// Threads:  thread-safe; the work is done on two strands of the workers, which outlive it.
// Lifetime: the part stays when it dies before Commit was answered, unless nothing came.
// Errors:   Commit answers DATA_LOSS when the bytes are wrong (the part is gone then), FAILURE when
//           they could not be kept or an earlier part was wrong.
class FileSink final : public channel::Sink, public std::enable_shared_from_this<FileSink> {
 public:
  // For the bytes of `range` of `file` in `collection`, to be the file at `path`. `given`: a digest
  // of the caller's for those bytes. As runtime::PartFile::Open says; kFailedPrecondition: another
  // get writes the same file now.
  static absl::StatusOr<std::shared_ptr<FileSink>> Create(
      const std::string& path, absl::string_view collection, const wire::FileInfo& file,
      base::ByteRange range, std::optional<base::Digest> given, runtime::WorkerPool& workers);

  base::RangeSet held() const override;
  bool takes_any_order() const override { return true; }
  void Write(base::ByteRange range, base::Buffer bytes,
             absl::AnyInvocable<void(absl::Status)> done) override;
  void Commit(uint64_t size_bytes, std::optional<base::Digest> sha256,
              absl::AnyInvocable<void(wire::ResponseInfo)> done) override;
  void Aborted(const absl::Status& why) override;

 private:
  using Reply = std::shared_ptr<absl::AnyInvocable<void(wire::ResponseInfo)>>;
  FileSink(std::unique_ptr<runtime::PartFile> part, base::ByteRange range,
           std::optional<base::Digest> given, runtime::WorkerPool& workers);

  // Whether what begins there comes to the hash strand when its turn has come.
  bool InOrder(uint64_t offset) const;
  // On the write strand.
  absl::StatusOr<base::RangeSet> Place(base::ByteRange range, const base::Buffer& bytes);
  wire::ResponseInfo Arrived(uint64_t size_bytes);
  wire::ResponseInfo Settle(wire::ResponseInfo judged);
  // On the hash strand.
  void Digest(const base::RangeSet& fresh, base::ByteRange range, const base::Buffer& bytes);
  uint64_t NextToDigest() const;
  absl::Status DigestBehind(uint64_t most_bytes);
  wire::ResponseInfo Judge(const std::optional<base::Digest>& sha256);

  const base::ByteRange range_;
  const uint64_t resumed_bytes_;
  runtime::WorkerPool& workers_;
  const runtime::StrandId write_strand_;
  const runtime::StrandId hash_strand_;
  // Changed on the write strand alone; read at their place by the hash strand too.
  std::unique_ptr<runtime::PartFile> part_;
  absl::Status trouble_;
  mutable base::Mutex mutex_;
  base::RangeSet written_ ABSL_GUARDED_BY(mutex_);
  base::RangeSet to_digest_ ABSL_GUARDED_BY(mutex_);  // on its way to the hash strand
  uint64_t digested_ ABSL_GUARDED_BY(mutex_);         // all of the range before this offset
  // On the hash strand only.
  DigestProof proof_;
  std::vector<std::byte> read_back_;
};

}  // namespace bitrepo::client

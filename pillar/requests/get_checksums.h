// SPDX-License-Identifier: Apache-2.0
// GetChecksums: digests of one file, of a range of it, or of a page of files; recorded ones with
// their age, or by reading now.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "base/byte_range.h"
#include "pillar/requests/file_digester.h"
#include "pillar/requests/request_handler.h"

namespace bitrepo::requests {

inline constexpr uint64_t kSliceBytes =
    16 * 1024 * 1024;  // read in one go, before others get the worker

// Ends as GetFileIds does. In a list a damaged file is an item with its trouble; of a single file
// it is the code of the final too.
class GetChecksums final : public RequestHandler {
 public:
  using RequestHandler::RequestHandler;
  void Start() override;
  void Cancel(wire::ResponseCode code, absl::string_view reason) override;
  void OnTime(absl::Time now) override;

 private:
  // One file as it is being read; goes from worker to worker.
  struct Reading {
    absl::Status status;
    std::shared_ptr<store::StoredFile> file;
    std::shared_ptr<FileDigester> digester;
    base::ByteRange left;
  };
  bool RecordedSuffices() const;
  void OnPage(absl::StatusOr<store::RecordPage> page);
  void ReadNext();
  static Reading Open(store::FileStore& store, const base::CollectionId& collection,
                      const store::FileRecord& record, Reading reading);
  static Reading ReadSlice(Reading reading, const base::Clock& clock, Gauge& gauge);
  void Continue(Reading reading);
  void OnSlice(Reading reading);
  // Not without looking at the record: a whole SHA-256 must be the recorded one.
  void AddComputed(const store::FileRecord& record, std::vector<wire::Digest> digests);
  void AddItem(const store::FileRecord& record, std::vector<wire::Digest> digests,
               absl::Time calculated_at);
  void AddTrouble(const store::FileRecord& record, const absl::Status& why);
  void EndWhenDone();
  void End(wire::ResponseCode code, absl::string_view text);

  std::optional<store::ListQuery> query_;
  std::vector<wire::DigestAlgorithm> algorithms_;
  store::RecordPage page_;
  size_t next_ = 0;            // of page_.records, to be read
  base::ByteRange range_;      // of the file being read
  uint64_t unread_bytes_ = 0;  // of the file being read
  uint64_t bytes_done_ = 0;
  uint64_t bytes_total_ = 0;
  wire::GetChecksumsFinal found_;
  bool done_ = false;
};

}  // namespace bitrepo::requests

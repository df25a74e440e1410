// SPDX-License-Identifier: Apache-2.0
// The answering of one list, a slice at a time: entries become items, in the final of a page or in
// a staged file.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "pillar/requests/file_digester.h"
#include "pillar/requests/gauge.h"
#include "pillar/requests/list_order.h"
#include "pillar/requests/list_source.h"

namespace bitrepo::requests {

inline constexpr uint64_t kSliceBytes =
    16 * 1024 * 1024;  // of files, read in one go, before others get the worker
inline constexpr uint32_t kSliceEntries = 1000;  // answered, or read, in one go
inline constexpr size_t kReadsAtOnce =
    3;  // files, or blocks, of one list: of the usual four workers one is left to others
inline constexpr uint32_t kRecordedItemsMax = 5000;  // of a page that is answered from the records
inline constexpr uint32_t kReadItemsMax = 100;       // of a page whose files must be read
inline constexpr uint64_t kReadBlocksBytesMax = 1ull << 30;  // of a page of blocks; but one block

// Holds no more than one page and what kReadsAtOnce reads need, however long the list is.
// Threads:  goes from worker to worker, never on two at once but for its readers.
// Lifetime: store and clock outlive it.
class ListWork {
 public:
  // How far it is after a slice.
  struct Slice {
    absl::Status status;  // not OK: the answer to the request, and there is no other
    bool done = false;
    size_t readers = 0;        // so many Reads are to be done before the next Run
    uint64_t bytes_total = 0;  // of files, to be read; 0: unknown
    std::vector<std::pair<std::string, std::string>> losses;  // file id and why, for the operators
  };
  // A list that goes by token.
  struct Staged {
    std::unique_ptr<store::StagedFile> file;
    std::optional<store::StagedFile::Facts> facts;  // once it is sealed
  };

  ListWork(store::FileStore& store, const base::Clock& clock, std::shared_ptr<Gauge> gauge,
           std::shared_ptr<const ListOrder> order, std::unique_ptr<ListSource> source);

  Slice Run();
  // Reads on, as one of the `readers` of the last Run, counted from 0: each on a worker of its own.
  // Returns how many bytes.
  uint64_t Read(size_t reader);
  // Requires, all: the last slice was done.
  wire::Body TakeFinal();  // with its items, where they do not go by token
  Staged TakeStaged() { return std::move(staged_); }
  // Where the page that follows the one now done begins; empty: none does.
  const std::string& next_cursor() const { return next_cursor_; }
  // The next Run begins that page. Requires: there is one, and the final was taken.
  void TurnPage();

 private:
  // Of one file at a time.
  struct Reader {
    size_t entry = 0;
    std::shared_ptr<store::StoredFile> file;  // of the entry, or the one before it
    std::optional<FileDigester> digester;     // while an entry is being read
    base::ByteRange left = {};
  };
  absl::Status Advance(Slice& slice);
  absl::Status LoadPage();
  protocol::PageLimits Limits() const;
  absl::Status Answer(const ListEntry& entry, Slice& slice);
  // Its bytes must be read.
  bool IsRead(const ListEntry& entry) const;
  // How many can read on at once; those that are inside a file come first.
  size_t Readers();
  // The next entry that must be read.
  std::optional<size_t> TakeUnread();
  // True when the entry has been read to its end, or cannot be.
  absl::StatusOr<bool> ReadOn(Reader& reader, uint64_t& budget_bytes);
  absl::Status Open(Reader& reader);
  Finding Found(Reader& reader, const absl::Status& how);
  absl::Status AddRead(Finding finding, Slice& slice);
  absl::Status Add(Finding finding, Slice& slice);
  absl::Status Flush();
  absl::Status Seal();

  store::FileStore& store_;
  const base::Clock& clock_;
  const std::shared_ptr<Gauge> gauge_;
  const std::shared_ptr<const ListOrder> order_;
  const std::unique_ptr<ListSource> source_;

  std::vector<ListEntry> entries_;  // of the page being answered
  size_t next_ = 0;
  std::string next_cursor_;
  bool begun_ = false;        // some page was loaded
  bool turned_ = true;        // a page is to be loaded that was not
  uint64_t bytes_known_ = 0;  // of the files of all pages so far

  std::array<Reader, kReadsAtOnce> readers_;
  std::vector<std::optional<Finding>> found_;  // of each entry, once it has been read
  base::Mutex mutex_;
  size_t unread_ ABSL_GUARDED_BY(mutex_) = 0;  // the first entry that no reader has taken

  wire::Body final_;
  std::optional<wire::ResponseInfo> verdict_;  // of the one file asked for
  Staged staged_;
  std::string unwritten_;
  uint64_t written_bytes_ = 0;
};

}  // namespace bitrepo::requests

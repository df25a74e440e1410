// SPDX-License-Identifier: Apache-2.0
// A file that comes in piece by piece: a part beside the name that it will have, from which another
// process goes on after this one has died.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/byte_range.h"
#include "base/range_set.h"
#include "base/runtime/direct_file.h"
#include "base/runtime/disk.h"
#include "base/runtime/range_log.h"
#include "base/runtime/scoped_fd.h"

namespace bitrepo::runtime {

// Of a range; a smaller one is written faster through the page cache.
inline constexpr uint64_t kDirectPartBytesMin = 8 * 1024 * 1024;

// For the file DIR/NAME there are at most DIR/.NAME.bitrepo-part and DIR/.NAME.bitrepo-map; a long
// NAME is cut, with a digest of it behind. The map is a RangeLog without syncs: what it says holds
// after the death of the process, and nothing of it after a boot of the machine.
// Threads:    one at a time; ReadAt may go on beside all but Publish and Remove.
// Lifetime:   locked against other processes while it lives. Dying it leaves part and map for the
//             next one, unless there is nothing in them.
// Durability: none before Publish.
class PartFile {
 public:
  // Takes up the part that is there when it is one of the same `identity` (at most
  // kLogIdentityBytesMax), which stands for the very bytes of `range`; else that is thrown away and
  // a new one begun. kFailedPrecondition: another process writes this part now, or it is no file.
  // Others as open() says.
  static absl::StatusOr<std::unique_ptr<PartFile>> Open(const std::string& path,
                                                        absl::string_view identity,
                                                        base::ByteRange range);
  static std::string PartPathOf(const std::string& path);

  ~PartFile();
  PartFile(const PartFile&) = delete;
  PartFile& operator=(const PartFile&) = delete;

  // What of the range was there when it was opened.
  const base::RangeSet& held() const { return held_; }
  const std::string& part_path() const { return part_path_; }

  // All of it or an error, and then any of it may be there. What is large goes past the page cache,
  // unless it is `read_soon`; of the rest write-back is started now and then.
  // Requires: within the range.
  absl::Status Write(base::ByteRange range, std::span<const std::byte> bytes,
                     bool read_soon = false);
  // What is at `offset` of the range's file; fewer bytes only at the end of what was written.
  absl::StatusOr<size_t> ReadAt(uint64_t offset, std::span<std::byte> out) const;
  // The bytes are on stable storage. Never again after an error.
  absl::Status Sync();
  // The part is the file now, and what was there under its name is gone; durable when it returns.
  // Requires: Sync was OK, and nothing was written since.
  absl::Status Publish();
  // Part and map are gone.
  void Remove();

 private:
  PartFile(std::string path, std::string directory, base::ByteRange range)
      : path_(std::move(path)), directory_(std::move(directory)), range_(range) {}
  absl::StatusOr<bool> OpenLocked();
  absl::Status TakeUp(absl::string_view identity, bool fresh);
  void StartWriteBack(const base::ByteRange& range);

  const std::string path_;
  const std::string directory_;
  const base::ByteRange range_;
  std::string part_path_;
  std::string map_name_;
  std::unique_ptr<Disk> disk_;  // of the directory
  ScopedFd part_;
  std::optional<DirectFile> direct_;  // of a large one
  std::unique_ptr<RangeLog> map_;     // nothing: it failed, and what is there cannot be taken up
  base::RangeSet held_;
  base::ByteRange flushing_;  // written since write-back was started last
  bool something_written_ = false;
};

}  // namespace bitrepo::runtime

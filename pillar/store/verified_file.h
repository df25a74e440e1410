// SPDX-License-Identifier: Apache-2.0
// A stored file held open, of which no byte is given on before its block was found right.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/buffer.h"
#include "base/byte_range.h"
#include "base/runtime/disk.h"
#include "pillar/store/file_store.h"
#include "pillar/store/generation_table.h"

namespace bitrepo::store {

// Thread-safe when `on_damage` is. Errors: see StoredFile.
class VerifiedFile final : public StoredFile {
 public:
  // Called with what is wrong, each time a read finds it.
  using OnDamage = std::function<void(absl::string_view what)>;

  VerifiedFile(GenerationRow row, std::unique_ptr<runtime::DiskFile> file, OnDamage on_damage)
      : row_(std::move(row)), file_(std::move(file)), on_damage_(std::move(on_damage)) {}

  const FileRecord& record() const override { return row_.record; }
  absl::StatusOr<base::Buffer> Read(base::ByteRange range) override;
  absl::StatusOr<base::Buffer> ReadFresh(base::ByteRange range) override;

 private:
  using ReadCall = decltype(&runtime::DiskFile::ReadAt);
  absl::StatusOr<base::Buffer> ReadBy(ReadCall read, base::ByteRange range);
  absl::Status ReadBlocks(ReadCall read, uint64_t first_block, std::span<std::byte> out);

  const GenerationRow row_;
  const std::unique_ptr<runtime::DiskFile> file_;
  const OnDamage on_damage_;
};

}  // namespace bitrepo::store

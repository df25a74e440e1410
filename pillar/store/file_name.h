// SPDX-License-Identifier: Apache-2.0
// Where a generation of a file lies below its collection: readable, injective, never outside the
// root.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "base/ids.h"

namespace bitrepo::store {

inline constexpr size_t kPlainNameBytesMax = 200;  // longer names are cut and end in a digest
inline constexpr size_t kCutNameBytes = 150;       // of a longer name that are kept

// The name of a file without its number: bytes outside [A-Za-z0-9._-] as %XX, upper case. A name of
// more than kPlainNameBytesMax is its first kCutNameBytes (never ending inside a %XX), "~h" and the
// SHA-256 of the id in hex. Two ids never share a name: '~' itself is written %7E.
std::string FileName(const base::FileId& file_id);

// "3f": the first byte of the SHA-256 of the id; the directory the file lies in.
std::string ShardName(const base::FileId& file_id);

// True of the 256 names that ShardName gives.
bool IsShardName(absl::string_view name);

// "report.pdf~2".
std::string LeafOf(const base::FileId& file_id, uint64_t number);
// "files/3f/report.pdf~2", below the collection.
std::string GenerationPath(const base::FileId& file_id, uint64_t number);

// What a leaf below files/XX says: the name and the number, and whether it is the record beside
// such a file
// (".id" after the number).
struct LeafName {
  std::string name;
  uint64_t number = 0;
  bool is_record = false;
};
// Nothing when no generation is called so.
std::optional<LeafName> ParseLeaf(absl::string_view leaf);

// The id that FileName made `name` of; nothing for a cut name or one it never makes.
std::optional<base::FileId> FileIdOfName(absl::string_view name);

}  // namespace bitrepo::store

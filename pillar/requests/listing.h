// SPDX-License-Identifier: Apache-2.0
// One page of what a collection holds, cut to what fits a message.
#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "bus/protocol/envelope.h"
#include "pillar/store/file_store.h"
#include "proto/types.pb.h"

namespace bitrepo::requests {

// kInvalidArgument for a collection or file id that is none. A selection that names nothing is all.
// `question` is what is asked of the files: a cursor is good for the same question only.
absl::StatusOr<store::ListQuery> QueryFor(const wire::Header& header,
                                          const wire::FileSelection& files,
                                          absl::string_view question);

// At most what `page` asks for, `items_max` and what fits a final, but one record when there is
// any. `bytes_of` says how large the
// item made of a record will be on the wire. Blocks: for a worker.
absl::StatusOr<store::RecordPage> ReadPage(
    store::FileStore& store, const store::ListQuery& query, const wire::PageSpec& page,
    uint32_t items_max, absl::FunctionRef<size_t(const store::FileRecord&)> bytes_of);

}  // namespace bitrepo::requests

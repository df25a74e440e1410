// SPDX-License-Identifier: Apache-2.0
#include "client/list_bodies.h"

#include "client/id_list.h"

namespace bitrepo::client {
namespace {

// The selection of both messages.
template <typename Identify, typename Request>
void Select(const ListScope& scope, Identify& identify, Request& request) {
  if (scope.ids == nullptr) {
    *identify.mutable_files() = scope.files;
    *request.mutable_files() = scope.files;
  } else {
    identify.mutable_files()->mutable_all();
    *request.mutable_files() = scope.ids->Selection();
  }
}

bool IsSet(const wire::TimeWindow& window) { return window.has_from_us() || window.has_until_us(); }

}  // namespace

AskedList AskFor(const GetChecksumsSpec& spec) {
  AskedList asked;
  wire::GetChecksumsIdentify& identify = *asked.identify.mutable_get_checksums_identify();
  wire::GetChecksumsRequest& request = *asked.request.mutable_get_checksums_request();
  Select(spec.scope, identify, request);
  *identify.mutable_checksums() = spec.checksums;
  *request.mutable_checksums() = spec.checksums;
  if (spec.offset) request.set_offset(*spec.offset);
  if (spec.length) request.set_length(*spec.length);
  request.set_block_bytes(spec.block_bytes);
  asked.several_of_one_id = spec.block_bytes > 0;
  if (IsSet(spec.calculated)) *request.mutable_calculated() = spec.calculated;
  return asked;
}

AskedList AskFor(const GetFileIdsSpec& spec) {
  AskedList asked;
  wire::GetFileIdsRequest& request = *asked.request.mutable_get_file_ids_request();
  Select(spec.scope, *asked.identify.mutable_get_file_ids_identify(), request);
  if (IsSet(spec.stored)) *request.mutable_stored() = spec.stored;
  return asked;
}

AskedList AskFor(const GetFileInfosSpec& spec) {
  AskedList asked;
  wire::GetFileInfosIdentify& identify = *asked.identify.mutable_get_file_infos_identify();
  wire::GetFileInfosRequest& request = *asked.request.mutable_get_file_infos_request();
  Select(spec.scope, identify, request);
  if (spec.checksums) {
    *identify.mutable_checksums() = *spec.checksums;
    *request.mutable_checksums() = *spec.checksums;
  }
  if (IsSet(spec.stored)) *request.mutable_stored() = spec.stored;
  if (IsSet(spec.calculated)) *request.mutable_calculated() = spec.calculated;
  request.set_removed(spec.removed);
  asked.several_of_one_id = spec.removed;
  return asked;
}

}  // namespace bitrepo::client

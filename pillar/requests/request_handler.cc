// SPDX-License-Identifier: Apache-2.0
#include "pillar/requests/request_handler.h"

#include "pillar/requests/delete_file.h"
#include "pillar/requests/get_audit_trails.h"
#include "pillar/requests/get_conversation.h"
#include "pillar/requests/get_file.h"
#include "pillar/requests/get_status.h"
#include "pillar/requests/list_request.h"
#include "pillar/requests/put_file.h"
#include "pillar/requests/replace_file.h"
#include "pillar/requests/set_rates.h"
#include "pillar/requests/undelete_file.h"

namespace bitrepo::requests {

std::shared_ptr<RequestHandler> MakeHandler(RequestParts& parts, RequestContext& context) {
  switch (context.request().header.operation()) {
    case wire::PUT_FILE:
      return std::make_shared<PutFile>(parts, context);
    case wire::REPLACE_FILE:
      return std::make_shared<ReplaceFile>(parts, context);
    case wire::DELETE_FILE:
      return std::make_shared<DeleteFile>(parts, context);
    case wire::UNDELETE_FILE:
      return std::make_shared<UndeleteFile>(parts, context);
    case wire::GET_FILE:
      return std::make_shared<GetFile>(parts, context);
    case wire::GET_CHECKSUMS:
    case wire::GET_FILE_IDS:
    case wire::GET_FILE_INFOS:
      return std::make_shared<ListRequest>(parts, context);
    case wire::GET_STATUS:
      return std::make_shared<GetStatus>(parts, context);
    case wire::SET_RATES:
      return std::make_shared<SetRates>(parts, context);
    case wire::GET_AUDIT_TRAILS:
      return std::make_shared<GetAuditTrails>(parts, context);
    case wire::GET_CONVERSATION:
      return std::make_shared<GetConversation>(parts, context);
    default:
      return nullptr;
  }
}

}  // namespace bitrepo::requests

// SPDX-License-Identifier: Apache-2.0
// The rules of what the finals of lists carry: their items, and where the list goes on.
#pragma once

#include "bus/protocol/field_rules.h"
#include "proto/envelope.pb.h"

namespace bitrepo::protocol {

// Of a final whose content is a list. Requires: it is one.
void ExamineList(const wire::Body& body, FieldRules& rules);
// Of one item, as it also travels on the data channel.
void ExamineItem(const wire::ChecksumItem& item, FieldRules& rules);
void ExamineItem(const wire::FileInfo& item, FieldRules& rules);
void ExamineItem(const wire::FileInfoItem& item, FieldRules& rules);
void ExamineAlarm(const wire::Alarm& alarm, FieldRules& rules);

}  // namespace bitrepo::protocol

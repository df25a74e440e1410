// SPDX-License-Identifier: Apache-2.0
// What must be true of a body: its shared parts, its agreement with the header, and every field of
// its content.
#pragma once

#include "bus/protocol/field_rules.h"
#include "proto/envelope.pb.h"

namespace bitrepo::protocol {

// That there is such a message of this operation: asked before the body is read, which may be of a
// newer protocol.
void ExamineOperation(const wire::Header& header, FieldRules& rules);
// Requires: a header without objection.
void ExamineBody(const wire::Header& header, const wire::Body& body, FieldRules& rules);
// The shared parts alone.
void ExamineShared(const wire::Header& header, const wire::Body& body, FieldRules& rules);
// The content alone; in content_rules.cc.
void ExamineContent(const wire::Header& header, const wire::Body& body, FieldRules& rules);

}  // namespace bitrepo::protocol

// SPDX-License-Identifier: Apache-2.0
// What must be true of a header: its own fields, and its agreement with kind, operation and
// destination.
#pragma once

#include "bus/protocol/envelope.h"
#include "bus/protocol/field_rules.h"

namespace bitrepo::protocol {

// Enough was said to address a refusal: who sent it, and under which message id.
bool CanBeAnswered(const wire::Header& header);

// Versions and must_understand: asked before anything else, since the other rules may be those of
// another version.
void ExamineVersions(const wire::Header& header, FieldRules& rules);
void ExamineHeader(const Destination& destination, const wire::Header& header, FieldRules& rules);

}  // namespace bitrepo::protocol

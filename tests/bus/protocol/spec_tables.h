// SPDX-License-Identifier: Apache-2.0
// The tables of docs/spec/ that are printed from the code, as Markdown.
#pragma once

#include <string>

#include "proto/types.pb.h"

namespace bitrepo::protocol::samples {

std::string KindsTable();
std::string OperationsTable();
std::string PhasesTable();
std::string LegsTable();
std::string ContributionsTable();
// The test that sees a component say it; empty where the code is reserved.
std::string TestOf(wire::ResponseCode code);
std::string CodesTable();
std::string LimitsTable();

}  // namespace bitrepo::protocol::samples

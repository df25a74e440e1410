// SPDX-License-Identifier: Apache-2.0
// The tables of docs/spec/ that are printed from the code, as Markdown.
#pragma once

#include <string>

namespace bitrepo::protocol::samples {

std::string KindsTable();
std::string OperationsTable();
std::string PhasesTable();
std::string LegsTable();
std::string ContributionsTable();
std::string CodesTable();
std::string LimitsTable();

}  // namespace bitrepo::protocol::samples

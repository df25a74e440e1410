// SPDX-License-Identifier: Apache-2.0
// The one table of response codes: when each is sent, what it means to a program, and which of
// several tells most.
#pragma once

#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "proto/types.pb.h"

namespace bitrepo::protocol {

// What a code says of the primitive it answers.
enum class CodeMeaning {
  kWell,     // it goes on, or is done
  kRefusal,  // it ends without success
};

struct ResponseCodeRow {
  wire::ResponseCode code;
  absl::string_view name;  // as in the wire's enumeration
  CodeMeaning meaning;
  int exit_code;  // of a command for which this is the whole story
  absl::StatusCode status;
  bool retryable;          // the same request may succeed later without anyone's help
  absl::string_view when;  // one clause: sent when ...
};

// One row for each code, in the order of their numbers.
std::span<const ResponseCodeRow> ResponseCodes();
// A code of a newer protocol has the row of FAILURE.
const ResponseCodeRow& RowOf(wire::ResponseCode code);
absl::string_view NameOf(wire::ResponseCode code);
int ExitCodeOf(wire::ResponseCode code);
bool IsRefusal(wire::ResponseCode code);

// OK is OPERATION_COMPLETED. A status made by ToStatus or StatusWith gives back its code; others
// the code nearest in meaning.
wire::ResponseCode CodeFor(const absl::Status& status);
// OK for codes that say well; else the row's status with the text, which remembers the code.
absl::Status ToStatus(const wire::ResponseInfo& info);
absl::Status StatusWith(wire::ResponseCode code, absl::string_view text);
// The code for the status, and its message as the text (shortened to what fits).
wire::ResponseInfo ToResponse(const absl::Status& status);

// Of several contributors' codes the one to tell: damage, then refusals, then the unreachable, then
// the rest (the order in which command-line exit codes outrank one another). Total: ties are broken
// by number.
bool TellsMore(wire::ResponseCode a, wire::ResponseCode b);

}  // namespace bitrepo::protocol

// SPDX-License-Identifier: Apache-2.0
#include "bus/protocol/outcome.h"

#include "absl/strings/str_cat.h"
#include "bus/protocol/response_code.h"

namespace bitrepo::protocol {
namespace {

using State = ContributorResult::State;

struct Count {
  size_t all = 0;
  size_t done = 0;
  size_t failed = 0;
  size_t unknown = 0;
};

// Whoever does not serve the operation at all explains an end only where nobody else does.
bool Tells(const ContributorResult& result, bool none_failed) {
  return result.state == State::kFailed || result.state == State::kUnknown ||
         (none_failed && result.passed_over && IsRefusal(result.code));
}

Count CountOf(const Outcome& outcome) {
  Count count;
  for (const auto& [component, result] : outcome.contributors) {
    ++count.all;
    count.done += result.state == State::kDone ? 1 : 0;
    count.failed += result.state == State::kFailed ? 1 : 0;
    count.unknown += result.state == State::kUnknown ? 1 : 0;
  }
  return count;
}

Verdict VerdictOf(const ConversationSpec& spec, Circumstances circumstances, const Count& count) {
  if (spec.reach == Reach::kSome) {
    return circumstances.enough      ? Verdict::kSuccess
           : circumstances.cancelled ? Verdict::kCancelled
           : count.unknown > 0       ? Verdict::kUnknown
                                     : Verdict::kFailed;
  }
  const bool wants_all = spec.reach != Reach::kOne && spec.quorum == 0;
  const size_t needed = wants_all ? count.all : spec.reach == Reach::kOne ? 1 : spec.quorum;
  if (count.done > 0 && count.done >= needed && (circumstances.attendance_known || !wants_all)) {
    return Verdict::kSuccess;
  }
  if (circumstances.cancelled) {
    return Verdict::kCancelled;
  }
  if (count.done > 0) {
    return Verdict::kPartial;
  }
  return count.unknown > 0 ? Verdict::kUnknown : Verdict::kFailed;
}

}  // namespace

void Judge(const ConversationSpec& spec, Circumstances circumstances,
           const wire::ResponseInfo& nobody, Outcome& outcome) {
  outcome.verdict = VerdictOf(spec, circumstances, CountOf(outcome));
  if (outcome.verdict == Verdict::kSuccess) {
    outcome.code = wire::OPERATION_COMPLETED;
    outcome.text.clear();
    return;
  }
  if (outcome.verdict == Verdict::kCancelled || outcome.contributors.empty()) {
    outcome.code = nobody.code();
    outcome.text = nobody.text();
    return;
  }
  const Count count = CountOf(outcome);
  const bool none_failed = count.failed + count.unknown == 0;
  outcome.code = wire::RESPONSE_CODE_UNSPECIFIED;
  if (!circumstances.attendance_known) {
    outcome.code = wire::UNREACHABLE;
    outcome.text = "the coordinator has not said who is absent";
  }
  for (const auto& [component, result] : outcome.contributors) {
    if (Tells(result, none_failed) &&
        (outcome.code == wire::RESPONSE_CODE_UNSPECIFIED || TellsMore(result.code, outcome.code))) {
      outcome.code = result.code;
      outcome.text =
          absl::StrCat(component.text(), ": ",
                       result.text.empty() ? NameOf(result.code) : absl::string_view(result.text));
    }
  }
}

}  // namespace bitrepo::protocol

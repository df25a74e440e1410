// SPDX-License-Identifier: Apache-2.0
#include "pillar/requests/set_rates.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "channel/transfer/rate_limiter.h"
#include "pillar/requests/replies.h"

namespace bitrepo::requests {
namespace {

std::string NameOf(const wire::RateRule& rule) {
  switch (rule.level()) {
    case wire::RATE_COLLECTION:
      return absl::StrCat("collection ", rule.name().empty() ? "(each)" : rule.name());
    case wire::RATE_PARTNER:
      return absl::StrCat("partner ", rule.name().empty() ? "(each)" : rule.name());
    case wire::RATE_SESSION:
      return "session";
    default:
      return "node";
  }
}

std::string TableOf(const wire::RateRule& rule) {
  return rule.steps().empty() ? "none" : transfer::RuleOf(rule).table.ToString();
}

// "node 10M, was off", for the audit trail.
std::string Told(const wire::SetRatesRequest& request, const std::vector<wire::RateUse>& before) {
  std::string text;
  for (const wire::RateRule& rule : request.rules()) {
    std::string was = "none";
    for (const wire::RateUse& use : before) {
      if (use.rule().level() == rule.level() && use.rule().name() == rule.name()) {
        was = TableOf(use.rule());
      }
    }
    absl::StrAppend(&text, text.empty() ? "" : "; ", NameOf(rule), " ", TableOf(rule), ", was ",
                    was);
  }
  return text;
}

}  // namespace

void SetRates::Start() {
  std::vector<transfer::RateRule> rules;
  for (const wire::RateRule& rule : request().body.set_rates_request().rules()) {
    rules.push_back(transfer::RuleOf(rule));
    rules.back().until_restart = true;
  }
  parts_.channel.SetRates(std::move(rules), [weak = weak_from_this(), loop = &parts_.loop](
                                                const absl::Status& how, Uses before, Uses after) {
    loop->Post([weak, how, before = std::move(before), after = std::move(after)] {
      const std::shared_ptr<RequestHandler> self = weak.lock();
      if (self != nullptr) static_cast<SetRates*>(self.get())->OnSet(how, before, after);
    });
  });
}

void SetRates::OnSet(const absl::Status& how, const Uses& before, const Uses& after) {
  // Withdrawn or not: it holds, and so it is told.
  wire::Body final =
      how.ok() ? FinalBody(wire::SET_RATES, wire::OPERATION_COMPLETED, "")
               : FinalBody(wire::SET_RATES, wire::REQUEST_NOT_UNDERSTOOD_FAILURE, how.message());
  store::AuditEvent event = AuditOf(request(), final.response());
  const std::string told = Told(request().body.set_rates_request(), before);
  event.detail = event.detail.empty() ? told : absl::StrCat(told, "; ", event.detail);
  parts_.commits.Audit(std::move(event));
  for (const wire::RateUse& use : after) {
    *final.mutable_set_rates_final()->add_rates() = use;
  }
  if (!done_) End(std::move(final));
}

void SetRates::Cancel(wire::ResponseCode code, absl::string_view reason) {
  if (!done_) End(FinalBody(wire::SET_RATES, code, reason));
}

void SetRates::End(wire::Body final) {
  done_ = true;
  context_.Finished(std::move(final));
}

}  // namespace bitrepo::requests

// SPDX-License-Identifier: Apache-2.0
// rate: how fast the pillars let bytes come, shown and set.
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/rate_table.h"
#include "base/runtime/settings.h"
#include "channel/transfer/rate_limiter.h"
#include "client/commands/all_commands.h"
#include "client/commands/pillar_choice.h"
#include "client/commands/session.h"
#include "client/commands/words.h"

namespace bitrepo::commands {
namespace {

constexpr size_t kNameColumns = 14;
constexpr size_t kLevelColumns = 22;
constexpr size_t kTableColumns = 12;
constexpr absl::string_view kNone = "none";  // takes a rule away

absl::string_view LevelWord(wire::RateLevel level) {
  switch (level) {
    case wire::RATE_COLLECTION:
      return "collection";
    case wire::RATE_PARTNER:
      return "partner";
    case wire::RATE_SESSION:
      return "session";
    default:
      return "node";
  }
}

// "node", "collection:photos"; of each one "collection".
std::string WhatOf(const wire::RateRule& rule) {
  return absl::StrCat(LevelWord(rule.level()), rule.name().empty() ? "" : ":", rule.name());
}

std::string TableOf(const wire::RateRule& rule) {
  return rule.steps().empty() ? std::string(kNone) : transfer::RuleOf(rule).table.ToString();
}

class RateCommand final : public Command {
 public:
  CommandFacts facts() const override {
    return {
        .name = "rate",
        .aliases = {"setRates"},
        .summary = "how fast pillars let bytes come: show, set",
        .description =
            "RATE is a number of bytes per second with K, M or G behind it (10M is 10 MiB/s), 0 to "
            "let nothing come, off for no limit, none to take the rule away; or a table of the "
            "day by the pillar's clock: 08:00,10M;19:00,off. A rule is for the whole pillar "
            "(node), for each connection (session), for a collection or for a partner, who is the "
            "one that put the bytes; all hold at once. What is set holds within a second, for "
            "transfers under way too, and until the pillar restarts.",
        .examples = {"rate show", "rate set 10M", "rate set --for partner:alice 2M --pillar p1",
                     "rate set '08:00,10M;19:00,off'", "rate set off"}};
  }

  Shape shape() override {
    return {.flags = {{"--pillar", "NAME", "only this pillar; may be repeated", &names_},
                      {"--for", "WHAT",
                       "set: node, session, collection:NAME or partner:NAME (node); without a NAME "
                       "for each one",
                       &what_},
                      {"--reason", "TEXT", "set: why, for the audit trails", &reason_}},
            .arguments = ArgumentsRow{
                "ACTION", "show; or set and the RATE", &words_, 1, 2, {"show", "set"}, true}};
  }

  ExitCode Run(Session& session) override {
    const bool set = words_.front() == "set";
    const auto pillars = ParsePillars(names_);
    if (!pillars.ok()) return Refuse(session, pillars.status().message());
    if (set != (words_.size() == 2)) {
      return Refuse(session, set ? "rate set needs the RATE: 10M, 0, off, none or a table"
                                 : "rate show takes no RATE");
    }
    if (!set && (!what_.empty() || !reason_.empty())) {
      return Refuse(session, "--for and --reason are for rate set");
    }
    return set ? Set(session, *pillars) : Show(session, *pillars);
  }

 private:
  static ExitCode Refuse(Session& session, absl::string_view why) {
    session.report().Error({.code = ExitCode::kUsage, .message = std::string(why)});
    return ExitCode::kDone;
  }

  absl::StatusOr<wire::RateRule> Rule() const {
    transfer::RateRule rule;
    absl::string_view name = what_;
    if (absl::ConsumePrefix(&name, "collection")) {
      rule.level = wire::RATE_COLLECTION;
    } else if (absl::ConsumePrefix(&name, "partner")) {
      rule.level = wire::RATE_PARTNER;
    } else if (what_ == "session" || what_ == "node" || what_.empty()) {
      rule.level = what_ == "session" ? wire::RATE_SESSION : wire::RATE_NODE;
      name = "";
    } else {
      name = "?";
    }
    if (absl::ConsumePrefix(&name, ":")) {
      const auto id = base::ComponentId::Parse(name);
      if (!id.ok()) return id.status();
      rule.name = id->text();
    } else if (!name.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat("--for ", Shown(what_),
                       " is not known; it is node, session, collection:NAME or partner:NAME"));
    }
    if (words_[1] != kNone) {
      auto table = base::RateTable::Parse(words_[1]);
      if (!table.ok()) return table.status();
      rule.table = *std::move(table);
    }
    return transfer::ToWire(rule);
  }

  ExitCode Set(Session& session, const std::vector<base::ComponentId>& pillars) {
    const auto rule = Rule();
    if (!rule.ok()) return Refuse(session, rule.status().message());
    client::BlockingClient* client = session.Connect();
    if (client == nullptr) return ExitCode::kDone;
    const auto result = client->SetRates({.collection = session.collection(),
                                          .pillars = pillars,
                                          .rules = {*rule},
                                          .reason = reason_});
    if (!result.ok()) return Failed(session, result.status());
    for (const auto& [pillar, final] : result->finals) {
      JsonRecord record = session.report().Record("item");
      record.Set("result", "rate-set").Set("pillar", pillar.text());
      record.Set("level", std::string(LevelWord(rule->level()))).Set("name", rule->name());
      record.Set("table", TableOf(*rule)).Set("conversation", result->conversation.ToString());
      session.report().Count("rate-set");
      session.report().Item(
          record, absl::StrCat(Fit(pillar.text(), kNameColumns), "  ",
                               Fit(WhatOf(*rule), kLevelColumns), "  ", TableOf(*rule), "\n"));
    }
    if (!result->finals.empty()) {
      session.console().Note(absl::StrCat(
          "holds until the pillar restarts; its settings say what holds then: [rates] ",
          SettingOf(*rule)));
    }
    ReportOutcome(session.report(),
                  {.what = "set the rate",
                   .conversation = result->conversation,
                   .again = session.Again(absl::StrCat("rate set ", ShellWord(words_[1])))},
                  result->outcome);
    return ExitCode::kDone;
  }

  static std::string SettingOf(const wire::RateRule& rule) {
    const bool named = rule.level() == wire::RATE_COLLECTION || rule.level() == wire::RATE_PARTNER;
    const std::string key =
        absl::StrCat(LevelWord(rule.level()),
                     named ? absl::StrCat(".", rule.name().empty() ? "each" : rule.name()) : "");
    return rule.steps().empty() ? absl::StrCat("without ", key)
                                : absl::StrCat(key, " = \"", TableOf(rule), "\"");
  }

  ExitCode Show(Session& session, const std::vector<base::ComponentId>& pillars) {
    client::BlockingClient* client = session.Connect();
    if (client == nullptr) return ExitCode::kDone;
    const auto result = client->GetStatus({.collection = session.collection(), .pillars = pillars});
    if (!result.ok()) return Failed(session, result.status());
    for (const auto& [pillar, status] : result->finals) {
      for (const wire::RateUse& use : status.rates()) Tell(session, pillar, use);
      if (status.rates().empty() && !session.flags().json) {
        session.console().Note(absl::StrCat(pillar.text(), ": no rates"));
      }
    }
    ReportOutcome(session.report(),
                  {.what = "tell its rates",
                   .conversation = result->conversation,
                   .again = session.Again("rate show")},
                  result->outcome);
    return ExitCode::kDone;
  }

  static void Tell(Session& session, const base::ComponentId& pillar, const wire::RateUse& use) {
    JsonRecord record = session.report().Record("item");
    record.Set("result", "rate").Set("pillar", pillar.text());
    record.Set("level", std::string(LevelWord(use.rule().level()))).Set("name", use.rule().name());
    record.Set("table", TableOf(use.rule()));
    if (use.has_bytes_per_second_max()) {
      record.Set("bytes_per_second_max", static_cast<uint64_t>(use.bytes_per_second_max()));
    }
    record.Set("bytes_per_second", static_cast<uint64_t>(use.bytes_per_second()));
    record.Set("transfers", static_cast<uint64_t>(use.transfers()));
    record.Set("until_restart", use.until_restart());
    session.report().Item(
        record,
        absl::StrCat(Fit(pillar.text(), kNameColumns), "  ", Fit(WhatOf(use.rule()), kLevelColumns),
                     "  ", Fit(TableOf(use.rule()), kTableColumns), "  ",
                     runtime::FormatBytes(use.bytes_per_second()), "/s come, ",
                     CountedOf(use.transfers(), "transfer"),
                     use.until_restart() ? ", until it restarts" : "", "\n"));
  }

  static ExitCode Failed(Session& session, const absl::Status& why) {
    if (session.interrupted() == 0) {
      session.report().Error({.code = ExitCodeFor(why), .message = std::string(why.message())});
    }
    return ExitCode::kDone;
  }

  std::vector<std::string> words_;
  std::vector<std::string> names_;
  std::string what_;
  std::string reason_;
};

}  // namespace

std::unique_ptr<Command> MakeRateCommand() { return std::make_unique<RateCommand>(); }

}  // namespace bitrepo::commands

// SPDX-License-Identifier: Apache-2.0
#include "client/commands/watch_filter.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "base/ids.h"
#include "base/runtime/settings.h"
#include "base/status.h"
#include "bus/protocol/primitive.h"
#include "bus/protocol/response_code.h"

namespace bitrepo::commands {
namespace {

using protocol::Destination;

constexpr size_t kConversationCharactersLeast = 4;  // fewer mean too many

bool IsOfPillar(const wire::Header& header, const Destination& to, const wire::Body& body,
                const std::string& pillar) {
  return header.from() == pillar || (to.kind == Destination::Kind::kPillar && to.id == pillar) ||
         body.undelivered().to() == pillar;
}

// A principal, or one of its sessions.
bool IsOfClient(const wire::Header& header, const Destination& to, const std::string& client) {
  const auto means = [&client](const std::string& name) {
    return name == client || absl::StartsWith(name, absl::StrCat(client, "."));
  };
  return means(header.from()) || means(header.reply_to()) ||
         (to.kind == Destination::Kind::kClient && means(to.id));
}

bool IsError(const bus::WatchCopy& copy) {
  return copy.header.kind() == wire::ALARM || copy.header.kind() == wire::REFUSED ||
         copy.header.kind() == wire::UNDELIVERED ||
         (copy.body.has_response() && protocol::IsRefusal(copy.body.response().code()));
}

absl::StatusOr<wire::Operation> OperationOf(absl::string_view word) {
  std::vector<absl::string_view> words;
  for (const protocol::OperationRow& row : protocol::Operations()) {
    if (absl::EqualsIgnoreCase(row.word, word) || absl::EqualsIgnoreCase(row.name, word)) {
      return row.operation;
    }
    words.push_back(row.word);
  }
  return absl::InvalidArgumentError(
      absl::StrCat("\"", word, "\" is no operation; there are ", absl::StrJoin(words, ", ")));
}

absl::StatusOr<std::vector<wire::Kind>> KindsOf(absl::string_view phase) {
  if (phase == "identify") return std::vector{wire::IDENTIFY, wire::IDENTIFY_REPLY, wire::ROUTED};
  if (phase == "request") return std::vector{wire::REQUEST, wire::CANCEL};
  if (phase == "progress") return std::vector{wire::PROGRESS};
  if (phase == "final") return std::vector{wire::FINAL, wire::UNDELIVERED, wire::REFUSED};
  if (phase == "alarm") return std::vector{wire::ALARM};
  return absl::InvalidArgumentError(absl::StrCat(
      "\"", phase, "\" is no phase; there are identify, request, progress, final, alarm"));
}

// "report.pdf" means itself, "2026/*" all that begins so.
bool MeansFile(absl::string_view pattern, const std::string& file) {
  if (absl::ConsumeSuffix(&pattern, "*")) return !file.empty() && absl::StartsWith(file, pattern);
  return !file.empty() && file == pattern;
}

}  // namespace

bool MeansConversation(absl::string_view text, const std::string& conversation_id) {
  const auto id = base::ConversationId::FromBytes(conversation_id);
  if (!id.ok()) return false;
  const std::string whole = id->ToString();
  const std::string wanted = absl::AsciiStrToLower(text);
  return absl::StartsWith(whole, wanted) || absl::EndsWith(whole, wanted);
}

absl::StatusOr<WatchFilter::Test> WatchFilter::MakeTest(absl::string_view key,
                                                        absl::string_view value) {
  const std::string text(value);
  if (key == "errors") return Test([](const Heard& heard) { return IsError(heard.copy); });
  if (text.empty()) return absl::InvalidArgumentError("needs a value");
  if (key == "conv") {
    if (text.size() < kConversationCharactersLeast) {
      return absl::InvalidArgumentError(absl::StrCat(
          "needs at least ", kConversationCharactersLeast, " characters of a conversation's id"));
    }
    return Test([text](const Heard& heard) {
      return MeansConversation(text, heard.copy.header.conversation_id());
    });
  }
  if (key == "pillar") {
    return Test([text](const Heard& heard) {
      return IsOfPillar(heard.copy.header, heard.copy.destination, heard.copy.body, text);
    });
  }
  if (key == "client") {
    return Test([text](const Heard& heard) {
      return IsOfClient(heard.copy.header, heard.copy.destination, text);
    });
  }
  if (key == "type") {
    BITREPO_ASSIGN_OR_RETURN(const wire::Operation operation, OperationOf(value));
    return Test(
        [operation](const Heard& heard) { return heard.copy.header.operation() == operation; });
  }
  if (key == "phase") {
    BITREPO_ASSIGN_OR_RETURN(const std::vector<wire::Kind> kinds, KindsOf(value));
    return Test([kinds](const Heard& heard) {
      return std::find(kinds.begin(), kinds.end(), heard.copy.header.kind()) != kinds.end();
    });
  }
  if (key == "file")
    return Test([text](const Heard& heard) { return MeansFile(text, heard.file); });
  if (key == "slower-than") {
    BITREPO_ASSIGN_OR_RETURN(const absl::Duration least, runtime::ParseDuration(value));
    return Test([least](const Heard& heard) { return heard.waited && *heard.waited > least; });
  }
  return absl::InvalidArgumentError(
      "is no filter; there are conv, pillar, client, type, phase, file, slower-than, errors");
}

absl::Status WatchFilter::Require(absl::string_view key, absl::string_view value) {
  absl::StatusOr<Test> test = MakeTest(key, value);
  if (!test.ok()) return base::Annotate(test.status(), absl::StrCat("--", key));
  required_[std::string(key)].push_back(*std::move(test));
  return absl::OkStatus();
}

absl::Status WatchFilter::Exclude(absl::string_view key, absl::string_view value) {
  absl::StatusOr<Test> test = MakeTest(key, value);
  if (!test.ok()) return base::Annotate(test.status(), absl::StrCat("--not ", key));
  excluded_.push_back(*std::move(test));
  return absl::OkStatus();
}

bool WatchFilter::Passes(const Heard& heard) const {
  const auto fits = [&heard](const Test& test) { return test(heard); };
  return std::none_of(excluded_.begin(), excluded_.end(), fits) &&
         std::all_of(required_.begin(), required_.end(), [&fits](const auto& key) {
           return std::any_of(key.second.begin(), key.second.end(), fits);
         });
}

std::vector<FlagRow> FilterFlags::rows() {
  return {
      {"--conv", "CONV", "only this conversation: its id, or the first or last characters", &conv},
      {"--pillar", "PILLAR", "only what this pillar says or is told", &pillar},
      {"--client", "NAME", "only what this client asks and is answered", &client},
      {"--type", "OPERATION", "only this operation: put, get, checksums ...", &type},
      {"--phase",
       "PHASE",
       "only this part of an operation",
       &phase,
       {"identify", "request", "progress", "final", "alarm"}},
      {"--file", "ID", "only conversations about this file; ID* is all that begin so", &file},
      {"--errors", "", "only refusals, failures and alarms", &errors},
      {"--slower-than", "DURATION", "only answers that took longer", &slower_than},
      {"--not", "KEY=VALUE", "not these: type=status, pillar=p2, errors ...", &exclude},
  };
}

absl::StatusOr<WatchFilter> FilterFlags::Read() const {
  WatchFilter filter;
  const std::pair<absl::string_view, const std::vector<std::string>*> lists[] = {
      {"conv", &conv}, {"pillar", &pillar}, {"client", &client},
      {"type", &type}, {"phase", &phase},   {"file", &file}};
  for (const auto& [key, values] : lists) {
    for (const std::string& value : *values) {
      BITREPO_RETURN_IF_ERROR(filter.Require(key, value));
    }
  }
  if (errors) BITREPO_RETURN_IF_ERROR(filter.Require("errors", ""));
  if (!slower_than.empty()) BITREPO_RETURN_IF_ERROR(filter.Require("slower-than", slower_than));
  for (const std::string& each : exclude) {
    const size_t at = std::min(each.find('='), each.size());
    BITREPO_RETURN_IF_ERROR(
        filter.Exclude(each.substr(0, at), each.substr(std::min(at + 1, each.size()))));
  }
  return filter;
}

}  // namespace bitrepo::commands

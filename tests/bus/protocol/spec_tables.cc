// SPDX-License-Identifier: Apache-2.0
#include "tests/bus/protocol/spec_tables.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/ids.h"
#include "bus/protocol/contribution_table.h"
#include "bus/protocol/conversation_table.h"
#include "bus/protocol/envelope.h"
#include "bus/protocol/limits.h"
#include "bus/protocol/primitive.h"
#include "bus/protocol/response_code.h"

namespace bitrepo::protocol::samples {
namespace {

using Row = std::vector<std::string>;

std::string Markdown(const Row& head, const std::vector<Row>& rows) {
  std::string text = absl::StrCat("| ", absl::StrJoin(head, " | "), " |\n|");
  for (size_t i = 0; i < head.size(); ++i) {
    text += "---|";
  }
  text += "\n";
  for (const Row& row : rows) {
    absl::StrAppend(&text, "| ", absl::StrJoin(row, " | "), " |\n");
  }
  return text;
}

std::string YesOrNothing(bool value) { return value ? "yes" : ""; }

std::string PresenceWord(Presence presence) {
  switch (presence) {
    case Presence::kNever:
      return "";
    case Presence::kOptional:
      return "may";
    case Presence::kAlways:
      return "yes";
  }
  return "";
}

std::string SpeakerWord(Speaker speaker) {
  switch (speaker) {
    case Speaker::kAsker:
      return "asker";
    case Speaker::kContributor:
      return "contributor";
    case Speaker::kMember:
      return "any member";
    case Speaker::kBroker:
      return "broker";
  }
  return "";
}

std::string Goes(const KindRow& row) {
  using Kind = Destination::Kind;
  constexpr std::pair<Kind, const char*> kWords[] = {{Kind::kCollection, "collection"},
                                                     {Kind::kPillar, "pillar"},
                                                     {Kind::kClient, "client"},
                                                     {Kind::kCoordinator, "coordinator"},
                                                     {Kind::kOperators, "operators"}};
  std::vector<std::string> words;
  for (const auto& [kind, word] : kWords) {
    if ((row.goes_to & BitOf(kind)) != 0) {
      words.push_back(word);
    }
  }
  return absl::StrJoin(words, ", ");
}

std::string ContentName(Content content) {
  const auto* field = wire::Body::descriptor()->FindFieldByNumber(static_cast<int>(content));
  return content == Content::CONTENT_NOT_SET || field == nullptr
             ? ""
             : absl::StrCat("`", field->name(), "` ", field->number());
}

// One row for each event, one column for each state.
template <typename State, typename Event>
std::string MachineTable(size_t states, size_t events) {
  Row head = {""};
  for (size_t s = 0; s < states; ++s) {
    head.push_back(absl::StrCat("**", NameOf(static_cast<State>(s)), "**"));
  }
  std::vector<Row> rows;
  for (size_t e = 0; e < events; ++e) {
    const auto event = static_cast<Event>(e);
    Row row = {std::string(NameOf(event))};
    for (size_t s = 0; s < states; ++s) {
      const auto state = static_cast<State>(s);
      const auto cell = CellOf(state, event);
      std::string text(NameOf(cell.action));
      if (cell.next != state) {
        absl::StrAppend(&text, " → ", NameOf(cell.next));
      }
      row.push_back(std::move(text));
    }
    rows.push_back(std::move(row));
  }
  return Markdown(head, rows);
}

std::string WithCommas(uint64_t number) {
  std::string digits = absl::StrCat(number);
  for (int at = static_cast<int>(digits.size()) - 3; at > 0; at -= 3) {
    digits.insert(static_cast<size_t>(at), ",");
  }
  return digits;
}

}  // namespace

std::string KindsTable() {
  std::vector<Row> rows;
  for (const KindRow& row : Kinds()) {
    const bool by_operation = row.content == Content::CONTENT_NOT_SET;
    rows.push_back({absl::StrCat(static_cast<int>(row.kind), " ", wire::Kind_Name(row.kind)),
                    SpeakerWord(row.speaker), Goes(row), YesOrNothing(row.reply),
                    PresenceWord(row.in_conversation), YesOrNothing(row.response),
                    YesOrNothing(row.secret),
                    by_operation ? "by operation" : ContentName(row.content)});
  }
  return Markdown(
      {"kind", "said by", "goes to", "answers", "conv.", "response", "secret", "content"}, rows);
}

std::string OperationsTable() {
  std::vector<Row> rows;
  for (const OperationRow& row : Operations()) {
    std::vector<std::string> contents;
    for (const Content content :
         {row.identify, row.identify_reply, row.request, row.progress, row.final}) {
      if (content != Content::CONTENT_NOT_SET) {
        contents.push_back(ContentName(content));
      }
    }
    const bool reserved = row.request == Content::CONTENT_NOT_SET;
    const std::string moves = row.moves == Moves::kUp     ? "up"
                              : row.moves == Moves::kDown ? "down"
                                                          : "";
    std::string asked_of = row.identify == Content::CONTENT_NOT_SET ? "coordinator" : "pillars";
    if (row.to_coordinator && asked_of == "pillars") {
      asked_of = "pillars, coordinator";
    }
    rows.push_back(
        {absl::StrCat(static_cast<int>(row.operation), " ", row.name), std::string(row.word),
         std::string(row.permission), reserved ? "" : PresenceWord(row.in_collection), moves,
         row.by_token ? "yes, by token too" : YesOrNothing(row.paged), YesOrNothing(row.changes),
         reserved ? "" : asked_of, reserved ? "reserved" : absl::StrJoin(contents, ", ")});
  }
  return Markdown({"operation", "word", "permission", "collection", "moves", "list", "changes",
                   "asked of", "contents: identify, its reply, request, progress, final"},
                  rows);
}

std::string PhasesTable() { return MachineTable<Phase, PhaseEvent>(kPhases, kPhaseEvents); }
std::string LegsTable() { return MachineTable<LegState, LegEvent>(kLegStates, kLegEvents); }
std::string ContributionsTable() {
  return MachineTable<ContributionState, ContributionEvent>(kContributionStates,
                                                            kContributionEvents);
}

std::string TestOf(wire::ResponseCode code) {
  switch (code) {
    case wire::IDENTIFICATION_POSITIVE:
      return "Pillar.IdentifyOfAPutTellsWhatWouldBecomeOfIt";
    case wire::IDENTIFICATION_NEGATIVE:
      return "Pillar.AStoreThatTakesNoWritesSaysNoToPutsAndServesReads";
    case wire::OPERATION_PROGRESS:
      return "Contribution.WhileItWorksItTellsSoEveryTwoSeconds";
    case wire::OPERATION_ACCEPTED_PROGRESS:
      return "PutFile.StoresTheBytesAndSaysWhatIsStored";
    case wire::OPERATION_COMPLETED:
      return "Pillar.KeepsFilesUnderEveryIdThatIsAllowed";
    case wire::FAILURE:
      return "PutFile.AStoreThatStopsWritingIsAnAlarmAndNoSuccess";
    case wire::DUPLICATE_FILE_FAILURE:
      return "PutFile.AnExistingFileWithAnotherDigestOrSizeIsADuplicate";
    case wire::FILE_NOT_FOUND_FAILURE:
      return "GetFile.OfAnUnknownIdOrGenerationIsNotFound";
    case wire::NEW_FILE_CHECKSUM_FAILURE:
      return "PutFile.BytesWithoutTheNamedDigestAreNotStoredWhateverTheAlgorithm";
    case wire::EXISTING_FILE_CHECKSUM_FAILURE:
      return "Delete.WithAWrongDigestIsRefusedWithAnAlarmWhateverTheAlgorithm";
    case wire::FILE_TRANSFER_FAILURE:
      return "PutFile.FailsWhenNoByteComesForTooLong";
    case wire::REQUEST_NOT_UNDERSTOOD_FAILURE:
      return "Pillar.RefusesWhatIsNotForIt";
    case wire::REQUEST_NOT_SUPPORTED:
      return "BadInput.ReservedOperationsAndUnknownFeaturesAreNotSupported";
    case wire::NOT_AUTHORISED:
      return "RoutingTest.HostileMembers";
    case wire::VERSION_NOT_SUPPORTED:
      return "MembershipTest.AHelloIsRefusedFor";
    case wire::BUSY:
      return "Pillar.BeyondItsLimitsItIsBusyAndLaterNotAnyMore";
    case wire::NO_SPACE:
      return "PutFile.WithoutSpaceItIsRefusedAndNothingIsKept";
    case wire::CONFLICT:
      return "PutFile.OtherBytesUnderTheSameIdsAreAConflict";
    case wire::SOURCE_CHANGED:
      return "DigestOnlyTest.ASourceThatHasChangedIsNotVouchedFor";
    case wire::RANGE_ERROR:
      return "GetFile.ServesRangesAndRefusesWhatPassesTheEnd";
    case wire::INVALID_TOKEN:
      return "ChannelBreakTest.ATokenThatDoesNotFitIsRefusedWithItsReason";
    case wire::DENIED:
      return "Delete.OfTheLastGoodCopyIsDeniedWithAnAlarm";
    case wire::CANCELLED:
      return "PutFile.ACancelAtAnyMomentLeavesOneFinalThatIsTrue";
    case wire::EXPIRED:
      return "PutFile.IsRefusedPastItsTimeButItsRecordedAnswerIsGiven";
    case wire::UNREACHABLE:
      return "RoutingTest.APillarThatIsNotThereIsToldOfAtOnce";
    case wire::GONE:
      return "BlockedTest.AMessageThatMeetsALostConnectionIsToldAsGone";
    case wire::DATA_LOSS:
      return "GetFile.OfDamagedBytesIsDataLossAndAnAlarmAndNeverTheBytes";
    default:
      return "";
  }
}

std::string CodesTable() {
  std::vector<Row> rows;
  for (const ResponseCodeRow& row : ResponseCodes()) {
    rows.push_back({absl::StrCat(static_cast<int>(row.code)), std::string(row.name),
                    std::string(row.when), absl::StrCat(row.exit_code), YesOrNothing(row.retryable),
                    TestOf(row.code)});
  }
  return Markdown({"number", "code", "sent when", "exit", "again", "seen in"}, rows);
}

std::string LimitsTable() {
  const auto row = [](const std::string& what, uint64_t limit, const std::string& unit) {
    return Row{what, absl::StrCat(WithCommas(limit), " ", unit)};
  };
  return Markdown(
      {"what", "at most"},
      {
          row("all frames of an envelope", kEnvelopeBytesMax, "bytes"),
          row("destination", kDestinationBytesMax, "bytes"),
          row("header", kHeaderBytesMax, "bytes"),
          row("secret", kSecretBytesMax, "bytes"),
          row("messages nested in messages", kParseDepthMax, "deep"),
          row("must_understand", kFeaturesMax, "features"),
          row("one feature", kFeatureBytesMax, "bytes"),
          row("key id", kKeyIdBytesMax, "bytes"),
          row("name of a component, collection, session", base::kComponentIdBytesMax, "bytes"),
          row("file id, prefix of one", base::kFileIdBytesMax, "bytes"),
          row("a text for a person", kTextBytesMax, "bytes"),
          row("a word: version, check, cause, alarm code", kWordBytesMax, "bytes"),
          row("endpoint", kEndpointBytesMax, "bytes"),
          row("algorithms of a checksum spec", kAlgorithmsMax, ""),
          row("salt", kSaltBytesMax, "bytes"),
          row("ids named in one message", kFileListMax, ""),
          row("least block of checksums by blocks", kBlockBytesMin, "bytes, not fewer"),
          row("block of checksums by blocks", kBlockBytesMax, "bytes"),
          row("copies named by one delete", kCopyProofsMax, ""),
          row("requests of one conversation, told by GetConversation", kRequestsOfConversationMax,
              ""),
          row("messages of one observed conversation", kTimelineMax, ""),
          row("collections of one component or status", kCollectionsMax, ""),
          row("sent_to, away, members of a roster, each", kMembersMax, ""),
          row("checks of one status", kChecksMax, ""),
          row("causes of dropped frames in one status", kDropCausesMax, ""),
          row("items of one page", kPageItemsMax, ""),
          row("items of one page together", kPageBytesMax, "bytes"),
          row("cursor", kCursorBytesMax, "bytes"),
          row("tokens of one contributor for one request", kTokensMax, ""),
          row("BUSY of a contributor before that is its answer", kBusyPatience / absl::Seconds(1),
              "s"),
      });
}

}  // namespace bitrepo::protocol::samples

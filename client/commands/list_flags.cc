// SPDX-License-Identifier: Apache-2.0
#include "client/commands/list_flags.h"

#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/commands/id_input.h"
#include "client/commands/moment.h"
#include "client/commands/pillar_choice.h"
#include "client/commands/words.h"

namespace bitrepo::commands {
namespace {

bool Refuse(Session& session, ExitCode code, absl::string_view why) {
  session.report().Error({.code = code, .message = std::string(why)});
  return false;
}

// For temporary files.
std::string SpoolDirectory() {
  const char* directory = std::getenv("TMPDIR");
  return directory != nullptr && *directory != '\0' ? directory : "/tmp";
}

}  // namespace

void ListFlags::AddTo(Shape& shape, absl::string_view window) {
  const std::vector<FlagRow> rows = {
      {"--ids-from", "FILE", "more ids, one a line or ended by NUL; - is standard input",
       &ids_from_},
      {"--prefix", "TEXT", "only ids that begin so", &prefix_, {}, true},
      {"--pillar", "NAME", "only this pillar; may be repeated", &pillars_},
      {"--since", "TIME", absl::StrCat("only those ", window, " since then, or for so long"),
       &since_},
      {"--until", "TIME", absl::StrCat("only those ", window, " until then"), &until_},
      {"--limit", "N", "at most so many files", &limit_},
      {"--cursor", "ID", "go on after this id", &cursor_, {}, true}};
  shape.flags.insert(shape.flags.end(), rows.begin(), rows.end());
  shape.arguments = ArgumentsRow{"ID", "file id", &words_};
}

bool ListFlags::Prepare(Session& session) {
  const auto limit = ParseCount(session, "--limit", limit_);
  const auto window = ParseWindow(session, since_, until_);
  if (!limit || !window) return false;
  window_ = *window;
  bounds_ = {cursor_, *limit};
  auto asked = ParsePillars(pillars_);
  if (!asked.ok()) return Refuse(session, ExitCode::kUsage, asked.status().message());
  asked_ = *std::move(asked);
  if (words_.empty() && ids_from_.empty()) return true;
  if (!prefix_.empty() || !cursor_.empty()) {
    return Refuse(session, ExitCode::kUsage,
                  "--prefix and --cursor are of a list of all files: name ids, or use these");
  }
  return ReadIds(session);
}

bool ListFlags::ReadIds(Session& session) {
  ids_ = std::make_shared<client::IdList>(SpoolDirectory());
  bool well = true;
  for (const std::string& word : words_) well = Add(session, word) && well;
  if (!well) return false;
  if (!ids_from_.empty()) {
    auto input = IdInput::Open(ids_from_, session.parts().in);
    if (!input.ok()) return Refuse(session, ExitCode::kLocal, input.status().message());
    for (;;) {
      const auto word = input->Next();
      if (!word.ok()) {
        return Refuse(session,
                      absl::IsInvalidArgument(word.status()) ? ExitCode::kUsage : ExitCode::kLocal,
                      word.status().message());
      }
      if (word->empty()) break;
      if (!Add(session, *word)) return false;
    }
  }
  const absl::Status finished = ids_->Finish();
  if (!finished.ok()) return Refuse(session, ExitCode::kLocal, finished.message());
  if (ids_->size() != 1) one_.reset();
  return true;
}

bool ListFlags::Add(Session& session, absl::string_view word) {
  const auto file_id = base::FileId::Parse(word);
  if (!file_id.ok()) return Refuse(session, ExitCode::kUsage, file_id.status().message());
  const absl::Status added = ids_->Add(*file_id);
  if (!added.ok()) return Refuse(session, ExitCode::kLocal, added.message());
  one_ = *file_id;
  return true;
}

client::ListScope ListFlags::Scope(const base::CollectionId& collection) const {
  client::ListScope scope{.collection = collection};
  scope.pillars = asked_;
  if (one_) {
    scope.files = SelectOne(*one_);
  } else if (ids_ != nullptr) {
    scope.ids = ids_;
  } else {
    scope.files = SelectPrefix(prefix_);
  }
  return scope;
}

std::string ListFlags::Words() const {
  std::string words;
  const auto add = [&words](absl::string_view flag, const std::string& value) {
    if (!value.empty()) absl::StrAppend(&words, FlagWords(flag, value));
  };
  add("--prefix", prefix_);
  for (const std::string& pillar : pillars_) add("--pillar", pillar);
  add("--since", since_);
  add("--until", until_);
  add("--limit", limit_);
  return words;
}

}  // namespace bitrepo::commands

// SPDX-License-Identifier: Apache-2.0
// token show: what a token says, without asking anybody; never its secret.
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "client/commands/all_commands.h"
#include "client/commands/session.h"
#include "client/commands/token_input.h"
#include "client/commands/words.h"

namespace bitrepo::commands {
namespace {

constexpr size_t kNameColumns = 14;

absl::string_view ContentWord(wire::TokenContent content) {
  switch (content) {
    case wire::FILE_BYTES:
      return "file";
    case wire::PARAMETERS:
      return "parameters";
    case wire::LIST:
      return "list";
    default:
      return "unknown";
  }
}

absl::string_view VerbWord(wire::TokenVerb verb) {
  switch (verb) {
    case wire::FETCH:
      return "fetch";
    case wire::STORE:
      return "push";
    default:
      return "unknown";
  }
}

class TokenCommand final : public Command {
 public:
  CommandFacts facts() const override {
    return {.name = "token",
            .summary = "what a token says, without asking anybody",
            .description =
                "show: who gave it, for what, for which bytes. Its issuer alone can prove it, and "
                "tell how long it is good: bitrepo status TOKEN. Its secret is not shown.",
            .examples = {"token show --token-file letter.token", "token show brt1_CiAx..."}};
  }

  Shape shape() override {
    return {.flags = {input_.Flag()},
            .arguments = ArgumentsRow{
                "ACTION", "show, then TOKEN (or @FILE, or -)", &arguments_, 1, 2, {"show"}, true}};
  }

  ExitCode Run(Session& session) override {
    arguments_.erase(arguments_.begin());
    if (input_.given() && !arguments_.empty()) {
      session.report().Error(
          {.code = ExitCode::kUsage, .message = "give TOKEN or --token-file, not both"});
      return ExitCode::kDone;
    }
    if (const auto token = input_.Read(session, arguments_)) Show(session, token->body);
    return ExitCode::kDone;
  }

 private:
  static void Show(Session& session, const wire::TokenBody& body) {
    JsonRecord record = session.report().Record("item");
    std::string text;
    const auto line = [&text](absl::string_view name, const std::string& value) {
      if (!value.empty()) absl::StrAppend(&text, Fit(name, kNameColumns), value, "\n");
    };
    const std::vector<std::string> endpoints(body.endpoints().begin(), body.endpoints().end());
    record.Set("result", "token").Set("pillar", body.issuer());
    record.Set("verb", VerbWord(body.verb())).Set("content", ContentWord(body.content()));
    line("issuer", Shown(body.issuer()));
    line("for", absl::StrCat(VerbWord(body.verb()), body.verb() == wire::STORE && body.digest_only()
                                                        ? ", the digest alone"
                                                        : ""));
    line("content", std::string(ContentWord(body.content())));
    if (!body.file_id().empty()) record.Set("file_id", body.file_id());
    line("collection", Shown(body.collection_id()));
    line("file", Shown(body.file_id()));
    Identify(body, record, line);
    Measure(body, record, line);
    if (const auto digest = DigestOf(body)) {
      record.Set("algorithm", "sha256").Set("digest", digest->Hex());
      line("digest", digest->ToString());
    }
    record.Set("endpoints", endpoints).Set("background", body.background());
    line("at", Shown(absl::StrJoin(endpoints, " ")));
    line("asked for by", Shown(body.principal()));
    if (!body.principal().empty()) record.Set("principal", body.principal());
    line("background", body.background() ? "yes: it yields to other traffic" : "");
    const double expires_s = static_cast<double>(body.expires_at_boot_us()) / 1e6;
    record.Set("expires_at_boot_s", expires_s);
    line("expires",
         absl::StrCat(absl::FormatDuration(absl::Seconds(static_cast<int64_t>(expires_s))),
                      " after the boot of ", Shown(body.issuer()),
                      ", or when it restarts: it alone can tell what is left"));
    session.report().Item(record, text);
  }

  template <typename Line>
  static void Identify(const wire::TokenBody& body, JsonRecord& record, const Line& line) {
    if (const auto id = base::ConversationId::FromBytes(body.conversation_id()); id.ok()) {
      record.Set("conversation", id->ToString());
      line("conversation", id->ToString());
    }
    if (const auto id = base::GenerationId::FromBytes(body.generation_id()); id.ok()) {
      record.Set("generation", id->ToString());
      line("generation", id->ToString());
    }
  }

  template <typename Line>
  static void Measure(const wire::TokenBody& body, JsonRecord& record, const Line& line) {
    if (body.verb() == wire::FETCH) {
      record.Set("offset", body.offset()).Set("bytes", body.length());
      record.Set("size_bytes", body.file_size());
      line("bytes", absl::StrCat(Counted(body.length()), " from ", Counted(body.offset()), " of ",
                                 Counted(body.file_size())));
    } else if (body.has_length()) {
      record.Set("size_bytes", body.length());
      line("bytes", absl::StrCat("exactly ", Counted(body.length())));
    } else {
      record.Set("bytes_max", body.max_bytes());
      line("bytes", absl::StrCat("at most ", Counted(body.max_bytes())));
    }
  }

  std::vector<std::string> arguments_;
  TokenInput input_;
};

}  // namespace

std::unique_ptr<Command> MakeTokenCommand() { return std::make_unique<TokenCommand>(); }

}  // namespace bitrepo::commands

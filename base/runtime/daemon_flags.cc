// SPDX-License-Identifier: Apache-2.0
#include "base/runtime/daemon_flags.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace bitrepo::runtime {
namespace {

constexpr size_t kHelpColumn = 24;

std::string HelpOf(const DaemonFlag& flag) {
  std::string text = absl::StrCat("  ", flag.name, flag.value.empty() ? "" : " ", flag.value, "  ");
  text.resize(std::max(text.size(), kHelpColumn), ' ');
  return absl::StrCat(text, flag.help, "\n");
}

std::string HelpText(const DaemonProgram& program) {
  std::string usage;
  std::string more;
  for (const DaemonFlag& flag : program.more_flags) {
    absl::StrAppend(&usage, " [", flag.name, flag.value.empty() ? "" : " ", flag.value, "]");
    absl::StrAppend(&more, HelpOf(flag));
  }
  return absl::StrCat(
      program.name, ": ", program.summary,
      "\n\n"
      "usage: ",
      program.name, " --config FILE [--check-config] [--log-format text|json]", usage,
      "\n"
      "       ",
      program.name,
      " --help | --version\n\n"
      "  --config FILE         settings (TOML)\n"
      "  --check-config        report every problem of the settings, with its line, and end\n"
      "  --log-format FORMAT   text (default) or json, one line per event on standard error\n",
      more,
      "  --version             print the version and end\n"
      "  --help                print this and end\n\n"
      "exit codes: 0 ended as asked, 1 failed, 2 flags or settings are wrong",
      program.exit_codes, "\n");
}

// "--flag=value" split at the first '='; the value is absent without one.
struct Word {
  absl::string_view flag;
  std::optional<absl::string_view> value;
};

Word Split(absl::string_view text) {
  const size_t equals = text.find('=');
  if (equals == absl::string_view::npos) {
    return {text, std::nullopt};
  }
  return {text.substr(0, equals), text.substr(equals + 1)};
}

}  // namespace

absl::StatusOr<DaemonFlags> ParseDaemonFlags(int argc, const char* const* argv,
                                             const DaemonProgram& program) {
  const auto wrong = [&program](const auto&... text) {
    return absl::InvalidArgumentError(absl::StrCat(text..., "; try ", program.name, " --help"));
  };
  DaemonFlags flags;
  for (int i = 1; i < argc; ++i) {
    const Word word = Split(argv[i]);
    if (word.flag == "--help" || word.flag == "-h" || word.flag == "--version" ||
        word.flag == "--check-config") {
      if (word.value) {
        return wrong(word.flag, " takes no value");
      }
      if (word.flag == "--check-config") {
        flags.check_config = true;
        continue;
      }
      flags.print = word.flag == "--version"
                        ? absl::StrCat(program.name, " ", program.version, "\n")
                        : HelpText(program);
      return flags;
    }
    const auto extra = std::find_if(program.more_flags.begin(), program.more_flags.end(),
                                    [&](const DaemonFlag& flag) { return flag.name == word.flag; });
    const bool is_extra = extra != program.more_flags.end();
    if (is_extra && extra->value.empty()) {
      if (word.value) {
        return wrong(word.flag, " takes no value");
      }
      flags.more[extra->name] = "";
      continue;
    }
    if (word.flag != "--config" && word.flag != "--log-format" && !is_extra) {
      return wrong("unknown argument \"", argv[i], "\"");
    }
    absl::string_view value;
    if (word.value) {
      value = *word.value;
    } else if (i + 1 < argc) {
      value = argv[++i];
    }
    if (value.empty()) {
      return wrong(word.flag, " needs a value");
    }
    if (is_extra) {
      flags.more[extra->name] = std::string(value);
    } else if (word.flag == "--config") {
      flags.config = std::string(value);
    } else if (value == "text") {
      flags.log_format = base::LogFormat::kText;
    } else if (value == "json") {
      flags.log_format = base::LogFormat::kJson;
    } else {
      return wrong("--log-format is text or json, not \"", value, "\"");
    }
  }
  if (flags.config.empty()) {
    return wrong("--config FILE is missing");
  }
  return flags;
}

}  // namespace bitrepo::runtime

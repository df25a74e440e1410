// SPDX-License-Identifier: Apache-2.0
#include "client/commands/grammar.h"

#include "absl/strings/str_split.h"

namespace bitrepo::commands {

std::vector<std::string> NamesOf(const FlagRow& flag) { return absl::StrSplit(flag.names, ','); }

std::string LongName(const FlagRow& flag) { return NamesOf(flag).back(); }

Shape GlobalFlags::shape() {
  return {.flags =
              {
                  {"--config", "FILE", "settings file, in place of those looked for", &config},
                  {"--coordinator", "ENDPOINT", "tcp://HOST:PORT of the coordinator", &coordinator},
                  {"-c,--collection", "NAME", "collection of files", &collection},
                  {"--json", "", "JSON Lines on standard output", &json},
                  {"-q,--quiet", "", "only errors on standard error", &quiet},
                  {"-v,--verbose", "", "tell what goes on; twice: the log too", &verbosity},
                  {"--color", "WHEN", "auto, always or never", &color, {"auto", "always", "never"}},
                  {"--timeout", "DURATION", "end the command after this time", &timeout},
                  {"--identify-timeout", "DURATION", "wait so long for pillars to identify",
                   &identify_timeout},
                  {"--no-progress", "", "no progress rows or lines", &no_progress},
                  {"-h,--help", "", "this help", &help},
                  {"-V,--version", "", "the version", &version},
              },
          .arguments = std::nullopt};
}

}  // namespace bitrepo::commands

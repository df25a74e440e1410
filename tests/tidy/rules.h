// SPDX-License-Identifier: Apache-2.0
// The rules of the house that a machine can check, each as a function from sources to faults.
#pragma once

#include <string>
#include <vector>

#include "tests/tidy/source_tree.h"

namespace bitrepo::tidy {

// One line each, "path:line: what is wrong"; empty means the rule holds.
using Faults = std::vector<std::string>;

inline constexpr std::size_t kMaxLines = 500;
inline constexpr std::size_t kMaxReadmeLines = 40;

// Who includes whom (include_rules.cc).
Faults BrokenArrows(const std::vector<SourceFile>& files);
Faults Circles(const std::vector<SourceFile>& files);
Faults Impurities(const std::vector<SourceFile>& files);
Faults HeavyHeaders(const std::vector<SourceFile>& files);

// What stands in a file, and where it stands (file_rules.cc).
Faults LongFiles(const std::vector<SourceFile>& files);
Faults BannedFileNames(const std::vector<SourceFile>& files);
Faults RepeatedFileNames(const std::vector<SourceFile>& files);
Faults BannedWords(const std::vector<SourceFile>& files);
Faults MissingCaptions(const std::vector<SourceFile>& files);
Faults NamedImplementations(const std::vector<SourceFile>& files);
Faults UnlistedSources(const SourceTree& tree);

// What docs/spec says and which test names it (spec_rules.cc).
Faults UnheldSentences(const std::vector<SpecPage>& pages, const std::vector<SourceFile>& files);
Faults UnnumberedMusts(const std::vector<SpecPage>& pages);

// The READMEs of the rooms (readme_rules.cc).
Faults LongReadmes(const std::vector<SpecPage>& readmes);
// Headers and sources that a README names and the tree has not.
Faults NamesOfNoFile(const std::vector<SpecPage>& readmes, const std::vector<SourceFile>& files);

}  // namespace bitrepo::tidy

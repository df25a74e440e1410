// SPDX-License-Identifier: Apache-2.0
#include "client/commands/put_plan.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <map>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/commands/words.h"

namespace bitrepo::commands {
namespace {

namespace fs = std::filesystem;

class Planner {
 public:
  explicit Planner(const PutPlanSpec& spec) : spec_(spec) {}

  PutPlan Make() {
    if (!spec_.id.empty() && spec_.sources.size() != 1) {
      plan_.problems.usage.push_back("--id names one file: give one source with it");
      return std::move(plan_);
    }
    for (const std::string& source : spec_.sources) AddSource(source);
    return std::move(plan_);
  }

 private:
  void AddSource(const std::string& source) {
    if (source == "-") {
      if (spec_.id.empty()) {
        plan_.problems.usage.push_back("standard input has no name: give it one with --id");
      } else {
        Add("-", spec_.id, 0);
      }
      return;
    }
    struct stat facts {};
    if (stat(source.c_str(), &facts) != 0) {
      plan_.problems.local.push_back(absl::StrCat(Shown(source), ": ", ErrnoText(errno)));
      return;
    }
    if (S_ISDIR(facts.st_mode)) {
      AddDirectory(source);
    } else if (!S_ISREG(facts.st_mode)) {
      plan_.problems.local.push_back(absl::StrCat(Shown(source), " is no regular file"));
    } else {
      const std::string name = fs::path(source).filename().string();
      Add(source, spec_.id.empty() ? name : spec_.id, static_cast<uint64_t>(facts.st_size));
    }
  }

  void AddDirectory(const std::string& directory) {
    if (!spec_.recursive) {
      plan_.problems.usage.push_back(
          absl::StrCat(Shown(directory), " is a directory: use -r for all files in it"));
      return;
    }
    if (!spec_.id.empty()) {
      plan_.problems.usage.push_back("--id names one file: a directory's files take their paths");
      return;
    }
    Walk(directory, "");
  }

  void Walk(const std::string& directory, const std::string& prefix) {
    std::error_code error;
    std::vector<std::string> names;
    for (fs::directory_iterator it(directory, error), end; !error && it != end;
         it.increment(error)) {
      names.push_back(it->path().filename().string());
    }
    if (error) {
      plan_.problems.local.push_back(absl::StrCat(Shown(directory), ": ", error.message()));
      return;
    }
    std::sort(names.begin(), names.end());
    for (const std::string& name : names) {
      const std::string path = absl::StrCat(directory, directory.back() == '/' ? "" : "/", name);
      const std::string id = absl::StrCat(prefix, name);
      struct stat facts {};
      struct stat link {};
      if (lstat(path.c_str(), &link) != 0 || stat(path.c_str(), &facts) != 0) {
        plan_.problems.local.push_back(absl::StrCat(Shown(path), ": ", ErrnoText(errno)));
      } else if (S_ISDIR(link.st_mode)) {
        Walk(path, id + "/");
      } else if (S_ISREG(facts.st_mode)) {
        Add(path, id, static_cast<uint64_t>(facts.st_size));
      } else {
        plan_.left_out.push_back(path);
      }
    }
  }

  void Add(const std::string& path, const std::string& id, uint64_t size_bytes) {
    const auto file_id = base::FileId::Parse(id);
    if (!file_id.ok()) {
      plan_.problems.usage.push_back(
          absl::StrCat(Shown(path), ": ", file_id.status().message(),
                       spec_.id.empty() ? "; --id gives it another" : ""));
      return;
    }
    const auto [first, fresh] = paths_.emplace(id, path);
    if (!fresh) {
      plan_.problems.usage.push_back(
          absl::StrCat(Shown(path), " and ", Shown(first->second), " would both be ", Shown(id)));
      return;
    }
    plan_.items.push_back({path, *file_id, size_bytes});
  }

  const PutPlanSpec& spec_;
  PutPlan plan_;
  std::map<std::string, std::string> paths_;  // by id
};

}  // namespace

PutPlan MakePutPlan(const PutPlanSpec& spec) { return Planner(spec).Make(); }

std::vector<std::string> SplitPathList(absl::string_view text) {
  const char separator = text.find('\0') == absl::string_view::npos ? '\n' : '\0';
  std::vector<std::string> paths;
  for (absl::string_view path : absl::StrSplit(text, separator)) {
    if (!path.empty()) paths.emplace_back(path);
  }
  return paths;
}

}  // namespace bitrepo::commands

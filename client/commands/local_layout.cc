// SPDX-License-Identifier: Apache-2.0
#include "client/commands/local_layout.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "base/runtime/scoped_fd.h"
#include "base/runtime/settings.h"
#include "base/status.h"
#include "client/client_settings.h"

namespace bitrepo::commands {
namespace {

namespace fs = std::filesystem;

constexpr absl::string_view kLayoutFile = "local.toml";
constexpr absl::string_view kAnyPort = "tcp://127.0.0.1:0";

std::string Quoted(absl::string_view text) {
  return absl::StrCat("\"", absl::StrReplaceAll(text, {{"\\", "\\\\"}, {"\"", "\\\""}}), "\"");
}

std::string QuotedList(const std::vector<std::string>& texts) {
  return absl::StrCat("[",
                      absl::StrJoin(texts, ", ",
                                    [](std::string* out, const std::string& text) {
                                      absl::StrAppend(out, Quoted(text));
                                    }),
                      "]");
}

// As TOML writes a number that is none of the whole ones.
std::string Fraction(double number) { return absl::StrFormat("%.6f", number); }

LocalDaemon DaemonOf(const std::string& directory, const std::string& name,
                     const std::string& program) {
  LocalDaemon daemon;
  daemon.name = name;
  daemon.program = program;
  daemon.config = absl::StrCat(directory, "/", name, ".toml");
  daemon.runtime_file = absl::StrCat(directory, "/run/", name, ".toml");
  daemon.pid_file = absl::StrCat(directory, "/run/", name, ".pid");
  daemon.log = absl::StrCat(directory, "/log/", name, ".log");
  return daemon;
}

absl::Status MakeDirectory(const std::string& path) {
  std::error_code error;
  fs::create_directories(path, error);
  return error ? absl::PermissionDeniedError(absl::StrCat(path, ": ", error.message()))
               : absl::OkStatus();
}

}  // namespace

absl::Status WriteWhole(const std::string& path, absl::string_view text) {
  const std::string part = absl::StrCat(path, ".part");
  const runtime::ScopedFd file(open(part.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644));
  if (!file.valid()) return base::ErrnoStatus(errno, part);
  const ssize_t written = write(file.get(), text.data(), text.size());
  if (written != static_cast<ssize_t>(text.size())) {
    return base::ErrnoStatus(written < 0 ? errno : ENOSPC, part);
  }
  if (rename(part.c_str(), path.c_str()) != 0) return base::ErrnoStatus(errno, path);
  return absl::OkStatus();
}

LocalLayout::LocalLayout(std::string directory, LocalShape shape)
    : directory_(std::move(directory)),
      shape_(std::move(shape)),
      coordinator_(DaemonOf(directory_, "coordinator", "bitrepo-coordinator")) {
  if (!shape_.stores.empty()) shape_.pillars = static_cast<int>(shape_.stores.size());
  for (int i = 1; i <= shape_.pillars; ++i) {
    AddPillar(absl::StrCat("pillar-", i), "full",
              shape_.stores.empty() ? "" : shape_.stores[static_cast<size_t>(i) - 1]);
  }
  for (int i = 1; i <= shape_.checksum_pillars; ++i) {
    AddPillar(absl::StrCat("checksum", i), "checksum", "");
  }
  for (int i = 1; i <= shape_.nearline_pillars; ++i) {
    AddPillar(absl::StrCat("nearline", i), "nearline", "");
  }
}

void LocalLayout::AddPillar(const std::string& name, const std::string& kind,
                            const std::string& store) {
  LocalDaemon pillar = DaemonOf(directory_, name, "bitrepo-pillar");
  pillar.kind = kind;
  pillar.store = store.empty() ? absl::StrCat(directory_, "/", name) : store;
  if (kind == "nearline") pillar.media = absl::StrCat(pillar.store, "-media");
  pillars_.push_back(std::move(pillar));
}

absl::StatusOr<LocalLayout> LocalLayout::Read(const std::string& directory) {
  BITREPO_ASSIGN_OR_RETURN(runtime::Settings settings,
                           runtime::Settings::Load(absl::StrCat(directory, "/", kLayoutFile)));
  LocalShape shape;
  shape.repository = settings.GetString("repository", std::string(kLocalRepository));
  shape.stores = settings.GetStrings("stores");
  shape.pillars = 0;
  const auto count = [&](absl::string_view key) {
    return static_cast<int>(settings.GetInt(key, 0, 0, kLocalPillarsMax));
  };
  shape.checksum_pillars = count("checksum_pillars");
  shape.nearline_pillars = count("nearline_pillars");
  shape.time_scale = settings.GetDouble("time_scale", 1, 0, kTimeScaleMax);
  if (settings.Has("collections")) shape.collections = settings.GetStrings("collections");
  if (shape.collections.empty()) settings.Problem("collections", "names no collection");
  if (shape.stores.empty() && shape.checksum_pillars + shape.nearline_pillars == 0) {
    settings.Problem("stores", "names no store");
  }
  BITREPO_RETURN_IF_ERROR(settings.Finish());
  return LocalLayout(directory, std::move(shape));
}

std::string LocalLayout::client_config() const {
  return absl::StrCat(directory_, "/", client::kSettingsFile);
}

std::vector<LocalDaemon> LocalLayout::daemons() const {
  std::vector<LocalDaemon> all = {coordinator_};
  all.insert(all.end(), pillars_.begin(), pillars_.end());
  return all;
}

absl::Status LocalLayout::WriteBeforeStart() const {
  std::vector<std::string> names;
  std::vector<std::string> stores;
  BITREPO_RETURN_IF_ERROR(MakeDirectory(absl::StrCat(directory_, "/run")));
  BITREPO_RETURN_IF_ERROR(MakeDirectory(absl::StrCat(directory_, "/log")));
  for (const LocalDaemon& pillar : pillars_) {
    names.push_back(pillar.name);
    if (pillar.kind == "full") stores.push_back(pillar.store);
    BITREPO_RETURN_IF_ERROR(MakeDirectory(pillar.store));
    if (!pillar.media.empty()) BITREPO_RETURN_IF_ERROR(MakeDirectory(pillar.media));
  }
  BITREPO_RETURN_IF_ERROR(WriteWhole(
      absl::StrCat(directory_, "/", kLayoutFile),
      absl::StrCat("# Made by bitrepo local up: where each full pillar keeps its files, and what "
                   "else there is.\nrepository = ",
                   Quoted(shape_.repository), "\nstores = ", QuotedList(stores),
                   "\nchecksum_pillars = ", shape_.checksum_pillars, "\nnearline_pillars = ",
                   shape_.nearline_pillars, "\ntime_scale = ", Fraction(shape_.time_scale),
                   "\ncollections = ", QuotedList(shape_.collections), "\n")));
  std::string text = absl::StrCat(
      "# Made by bitrepo local up.\nrepository = ", Quoted(shape_.repository),
      "\n\n[coordinator]\nlisten = ", Quoted(kAnyPort), "\nwatch_listen = ", Quoted(kAnyPort),
      "\nruntime_file = ", Quoted(coordinator_.runtime_file), "\n");
  for (const std::string& collection : shape_.collections) {
    absl::StrAppend(&text, "\n[collections.", Quoted(collection),
                    "]\npillars = ", QuotedList(names), "\n");
  }
  return WriteWhole(coordinator_.config, text);
}

std::string LocalLayout::PillarSettingsOf(const LocalDaemon& pillar,
                                          const std::string& bus_endpoint) const {
  std::string text =
      absl::StrCat("# Made by bitrepo local up.\nrepository = ", Quoted(shape_.repository),
                   "\n\n[pillar]\nid = ", Quoted(pillar.name), "\nkind = ", Quoted(pillar.kind),
                   "\ncoordinator = ", Quoted(bus_endpoint), "\ndata_listen = ", Quoted(kAnyPort),
                   "\nruntime_file = ", Quoted(pillar.runtime_file),
                   "\n\n[store]\ndirectory = ", Quoted(pillar.store), "\nkeep_free = \"64MiB\"\n");
  if (!pillar.media.empty()) {
    absl::StrAppend(&text, "\n[nearline]\nmedia = ", Quoted(pillar.media),
                    "\ntime_scale = ", Fraction(shape_.time_scale), "\n");
  }
  for (const std::string& collection : shape_.collections) {
    absl::StrAppend(&text, "\n[collections.", Quoted(collection), "]\n");
  }
  return text;
}

absl::Status LocalLayout::WriteAfterStart(const std::string& bus_endpoint) const {
  for (const LocalDaemon& pillar : pillars_) {
    BITREPO_RETURN_IF_ERROR(WriteWhole(pillar.config, PillarSettingsOf(pillar, bus_endpoint)));
  }
  // A coordinator that is started again while pillars run must be where they look for it.
  std::string listen = absl::StrCat("listen = ", Quoted(kAnyPort));
  std::string text;
  {
    std::FILE* file = std::fopen(coordinator_.config.c_str(), "re");
    if (file == nullptr) return base::ErrnoStatus(errno, coordinator_.config);
    char chunk[4096];
    for (size_t got = 0; (got = std::fread(chunk, 1, sizeof(chunk), file)) > 0;) {
      text.append(chunk, got);
    }
    std::fclose(file);
  }
  if (const size_t at = text.find(listen); at != std::string::npos) {
    text.replace(at, listen.size(), absl::StrCat("listen = ", Quoted(bus_endpoint)));
    BITREPO_RETURN_IF_ERROR(WriteWhole(coordinator_.config, text));
  }
  return WriteWhole(client_config(),
                    absl::StrCat("# Made by bitrepo local up: how to reach the repository here.\n",
                                 "coordinator = ", Quoted(bus_endpoint),
                                 "\nrepository = ", Quoted(shape_.repository),
                                 "\ncollection = ", Quoted(shape_.collections.front()), "\n"));
}

}  // namespace bitrepo::commands

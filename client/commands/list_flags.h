// SPDX-License-Identifier: Apache-2.0
// The flags that checksums, file-ids and file-infos share: which files, at which pillars, and how
// much of the list.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/commands/grammar.h"
#include "client/commands/list_run.h"
#include "client/commands/session.h"
#include "client/id_list.h"

namespace bitrepo::commands {

// Loop-confined; the flags point into it.
class ListFlags {
 public:
  // Adds them, and the ID arguments. `window`: what --since and --until are about.
  void AddTo(Shape& shape, absl::string_view window);
  // Reads and checks what was given; ids of any number are read once. False, and reported, when
  // something is wrong.
  bool Prepare(Session& session);

  // Requires, all: Prepare was well.
  bool names_files() const { return ids_ != nullptr; }  // perhaps none: a list of nothing
  uint64_t named() const { return ids_ == nullptr ? 0 : ids_->size(); }
  // The only file that is named.
  const std::optional<base::FileId>& one() const { return one_; }
  client::ListScope Scope(const base::CollectionId& collection) const;
  const wire::TimeWindow& window() const { return window_; }
  const ListBounds& bounds() const { return bounds_; }
  // The flags as they were given, but for the cursor, as words of a command to go on with.
  std::string Words() const;

 private:
  bool ReadIds(Session& session);
  bool Add(Session& session, absl::string_view word);

  std::vector<std::string> words_;  // ID arguments
  std::string ids_from_;
  std::string prefix_;
  std::vector<std::string> pillars_;
  std::string since_;
  std::string until_;
  std::string limit_;
  std::string cursor_;

  std::shared_ptr<client::IdList> ids_;
  std::optional<base::FileId> one_;
  std::vector<base::ComponentId> asked_;
  wire::TimeWindow window_;
  ListBounds bounds_;
};

}  // namespace bitrepo::commands

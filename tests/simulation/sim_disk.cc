// SPDX-License-Identifier: Apache-2.0
// The simulated disk: two states of everything, and a power cut that reconciles them.
#include "tests/simulation/sim_disk.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/status.h"

namespace bitrepo::simulation {
namespace {

constexpr size_t kPageBytes = 4096;

absl::Status Missing(absl::string_view path) {
  return absl::NotFoundError(absl::StrCat(path, ": no such file"));
}

absl::StatusOr<std::vector<std::string>> PathParts(absl::string_view path) {
  if (path.empty()) return std::vector<std::string>();
  std::vector<std::string> parts = absl::StrSplit(path, '/');
  for (const std::string& part : parts) {
    if (part.empty() || part == "." || part == "..") {
      return absl::InvalidArgumentError(absl::StrCat(path, ": not a path below the root"));
    }
  }
  return parts;
}

bool Chance(base::Random& random, double probability) {
  return static_cast<double>(random.Below(1'000'000)) < probability * 1'000'000.0;
}

// Every node that is reachable by a present or a durable name, in order of inode.
std::vector<SimMedium::NodePointer> AllNodes(const SimMedium::NodePointer& root) {
  std::map<uint64_t, SimMedium::NodePointer> seen;
  std::vector<SimMedium::NodePointer> open = {root};
  while (!open.empty()) {
    SimMedium::NodePointer node = open.back();
    open.pop_back();
    if (!seen.emplace(node->inode, node).second) continue;
    for (const auto& [name, child] : node->names) open.push_back(child);
    for (const auto& [name, child] : node->durable_names) open.push_back(child);
  }
  std::vector<SimMedium::NodePointer> nodes;
  for (const auto& [inode, node] : seen) nodes.push_back(node);
  return nodes;
}

// Each page that differs survives with probability `keep`.
void LosePages(SimMedium::Node& node, base::Random& random, double keep) {
  std::string survived = node.durable_data;
  if (node.data.size() != survived.size() && Chance(random, keep))
    survived.resize(node.data.size(), '\0');
  for (size_t at = 0; at < survived.size(); at += kPageBytes) {
    const size_t end = std::min({at + kPageBytes, survived.size(), node.data.size()});
    if (end > at && Chance(random, keep)) std::memcpy(&survived[at], &node.data[at], end - at);
  }
  node.data = survived;
  node.durable_data = std::move(survived);
  node.attributes = node.durable_attributes;
  node.data_dirty = false;
}

void LoseNames(SimMedium::Node& node, base::Random& random, double keep) {
  std::map<std::string, SimMedium::NodePointer> survived = node.durable_names;
  for (const auto& [name, child] : node.names) {
    auto old = node.durable_names.find(name);
    if ((old == node.durable_names.end() || old->second != child) && Chance(random, keep))
      survived[name] = child;
  }
  for (const auto& [name, child] : node.durable_names) {
    if (node.names.find(name) == node.names.end() && Chance(random, keep)) survived.erase(name);
  }
  node.names = survived;
  node.durable_names = std::move(survived);
}

}  // namespace

class SimDiskFile final : public runtime::DiskFile {
 public:
  SimDiskFile(SimMedium& medium, SimMedium::NodePointer node, bool lock)
      : medium_(medium), epoch_(medium.epoch_), node_(std::move(node)), lock_(lock) {}
  ~SimDiskFile() override {
    if (lock_ && Alive().ok()) node_->locked = false;
  }
  absl::StatusOr<size_t> ReadAt(uint64_t offset, std::span<std::byte> out) override {
    BITREPO_RETURN_IF_ERROR(Alive());
    if (offset >= node_->data.size()) return size_t{0};
    const size_t count = std::min<size_t>(out.size(), node_->data.size() - offset);
    std::memcpy(out.data(), node_->data.data() + offset, count);
    return count;
  }
  absl::Status WriteAt(uint64_t offset, std::span<const std::byte> bytes) override {
    BITREPO_RETURN_IF_ERROR(Alive());
    if (bytes.empty()) return absl::OkStatus();
    const uint64_t end = offset + bytes.size();
    if (end > node_->data.size()) {
      if (!medium_.TakeRoom(end - node_->data.size())) {
        return absl::ResourceExhaustedError("no space left on the simulated disk");
      }
      node_->data.resize(end, '\0');
    }
    std::memcpy(node_->data.data() + offset, bytes.data(), bytes.size());
    node_->data_dirty = true;
    return absl::OkStatus();
  }
  absl::Status Truncate(uint64_t size) override {
    BITREPO_RETURN_IF_ERROR(Alive());
    if (size > node_->data.size() && !medium_.TakeRoom(size - node_->data.size())) {
      return absl::ResourceExhaustedError("no space left on the simulated disk");
    }
    node_->data.resize(size, '\0');
    node_->data_dirty = true;
    return absl::OkStatus();
  }
  absl::StatusOr<uint64_t> Size() override {
    BITREPO_RETURN_IF_ERROR(Alive());
    return node_->data.size();
  }
  void StartWriteBack(uint64_t /*offset*/, uint64_t /*length*/) override {}
  absl::Status Sync() override {
    BITREPO_RETURN_IF_ERROR(Alive());
    BITREPO_RETURN_IF_ERROR(medium_.TakeSyncFault(node_.get()));
    medium_.SyncNode(*node_);
    return absl::OkStatus();
  }
  absl::Status SetAttribute(absl::string_view name, absl::string_view value) override {
    BITREPO_RETURN_IF_ERROR(Alive());
    node_->attributes[std::string(name)] = std::string(value);
    return absl::OkStatus();
  }
  absl::StatusOr<std::string> GetAttribute(absl::string_view name) override {
    BITREPO_RETURN_IF_ERROR(Alive());
    auto found = node_->attributes.find(std::string(name));
    if (found == node_->attributes.end())
      return absl::NotFoundError(absl::StrCat("attribute ", name));
    return found->second;
  }

 private:
  absl::Status Alive() const {
    return epoch_ == medium_.epoch_ ? absl::OkStatus()
                                    : absl::AbortedError("the process that opened this is dead");
  }
  SimMedium& medium_;
  uint64_t epoch_;
  SimMedium::NodePointer node_;
  bool lock_;
};

SimMedium::SimMedium(SimScheduler& clock, uint64_t capacity_bytes)
    : clock_(clock), capacity_bytes_(capacity_bytes), root_(std::make_shared<Node>()) {
  root_->is_directory = true;
  root_->inode = 1;
}

SimMedium::SimMedium(SimScheduler& clock, const SimMedium& other)
    : clock_(clock),
      capacity_bytes_(other.capacity_bytes_),
      used_bytes_max_(other.used_bytes_max_),
      next_inode_(other.next_inode_),
      boots_(other.boots_),
      epoch_(other.epoch_),
      failing_syncs_(other.failing_syncs_),
      lying_(other.lying_) {
  std::map<NodePointer, NodePointer> copies;
  for (const NodePointer& node : AllNodes(other.root_)) {
    copies[node] = std::make_shared<Node>(*node);
    copies[node]->locked = false;
  }
  for (const auto& [node, copy] : copies) {
    for (auto* const names : {&copy->names, &copy->durable_names}) {
      for (auto& [name, child] : *names) child = copies.at(child);
    }
  }
  root_ = copies.at(other.root_);
}

// What a file was called, durably, that has a name still. A rename is one act of a file system's
// journal: of the two names, one is there afterwards.
std::vector<SimMedium::DurableName> SimMedium::DurableNamesOfTheLiving() const {
  std::set<NodePointer> living;
  std::vector<NodePointer> directories;
  for (const NodePointer& node : AllNodes(root_)) {
    for (const auto& [name, child] : node->names) living.insert(child);
    if (node->is_directory) directories.push_back(node);
  }
  std::vector<DurableName> names;
  for (const NodePointer& directory : directories) {
    for (const auto& [name, child] : directory->durable_names) {
      if (living.count(child) > 0) names.push_back({directory, name, child});
    }
  }
  return names;
}

bool SimMedium::TakeRoom(uint64_t bytes) {
  if (used_bytes_max_ + bytes > capacity_bytes_) used_bytes_max_ = used_bytes();
  if (used_bytes_max_ + bytes > capacity_bytes_) return false;
  used_bytes_max_ += bytes;
  return true;
}

void SimMedium::PowerCut(base::Random& random, double keep) {
  const std::vector<DurableName> renamed = DurableNamesOfTheLiving();
  for (const NodePointer& node : AllNodes(root_)) {
    if (node->is_directory) {
      LoseNames(*node, random, keep);
    } else {
      LosePages(*node, random, keep);
    }
  }
  std::set<NodePointer> named;
  for (const NodePointer& node : AllNodes(root_)) named.insert(node);
  for (const DurableName& old : renamed) {
    if (named.count(old.node) == 0 && old.directory->names.emplace(old.name, old.node).second) {
      old.directory->durable_names[old.name] = old.node;
    }
  }
  used_bytes_max_ = used_bytes();
  ++boots_;
  ProcessDied();
}

void SimMedium::ProcessDied() {
  ++epoch_;
  for (const NodePointer& node : AllNodes(root_)) node->locked = false;
}

bool SimMedium::FlipBit(absl::string_view path, uint64_t bit) {
  SimDisk disk(*this);
  absl::StatusOr<NodePointer> node = disk.Find(path);
  if (!node.ok() || (*node)->data.empty()) return false;
  const uint64_t at = (bit / 8) % (*node)->data.size();
  const char mask = static_cast<char>(1U << (bit % 8));
  (*node)->data[at] = static_cast<char>((*node)->data[at] ^ mask);
  if (at < (*node)->durable_data.size()) (*node)->durable_data[at] = (*node)->data[at];
  return true;
}

uint64_t SimMedium::used_bytes() const {
  uint64_t bytes = 0;
  for (const NodePointer& node : AllNodes(root_)) bytes += node->data.size();
  return bytes;
}

std::vector<std::string> SimMedium::Files() const {
  std::vector<std::string> files;
  const std::function<void(const Node&, const std::string&)> walk = [&](const Node& node,
                                                                        const std::string& prefix) {
    for (const auto& [name, child] : node.names) {
      const std::string path = prefix.empty() ? name : absl::StrCat(prefix, "/", name);
      if (child->is_directory) {
        walk(*child, path);
      } else {
        files.push_back(path);
      }
    }
  };
  walk(*root_, "");
  return files;
}

void SimMedium::SyncNode(Node& node) {
  if (lying_) return;
  if (node.data_dirty) node.durable_data = node.data;
  node.durable_attributes = node.attributes;
  node.data_dirty = false;
}

void SimMedium::SyncNames(Node& node) {
  if (!lying_) node.durable_names = node.names;
}

absl::Status SimMedium::TakeSyncFault(Node* node) {
  if (failing_syncs_ <= 0) return absl::OkStatus();
  --failing_syncs_;
  if (node != nullptr) node->data_dirty = false;
  return absl::DataLossError("input/output error while syncing");
}

absl::Status SimDisk::Alive() const {
  return epoch_ == medium_.epoch_ ? absl::OkStatus()
                                  : absl::AbortedError("the process of this disk is dead");
}

absl::StatusOr<SimMedium::NodePointer> SimDisk::Find(absl::string_view path) const {
  BITREPO_RETURN_IF_ERROR(Alive());
  BITREPO_ASSIGN_OR_RETURN(const std::vector<std::string> parts, PathParts(path));
  SimMedium::NodePointer node = medium_.root_;
  for (const std::string& part : parts) {
    auto found = node->names.find(part);
    if (found == node->names.end()) return Missing(path);
    node = found->second;
  }
  return node;
}

absl::StatusOr<std::pair<SimMedium::NodePointer, std::string>> SimDisk::Parent(
    absl::string_view path) const {
  BITREPO_ASSIGN_OR_RETURN(const std::vector<std::string> parts, PathParts(path));
  if (parts.empty()) return absl::InvalidArgumentError("the root has no name");
  const size_t slash = path.rfind('/');
  const absl::string_view directory =
      slash == absl::string_view::npos ? absl::string_view() : path.substr(0, slash);
  BITREPO_ASSIGN_OR_RETURN(SimMedium::NodePointer parent, Find(directory));
  if (!parent->is_directory)
    return absl::FailedPreconditionError(absl::StrCat(directory, ": not a directory"));
  return std::make_pair(std::move(parent), parts.back());
}

absl::StatusOr<std::unique_ptr<runtime::DiskFile>> SimDisk::Handle(absl::string_view path) {
  BITREPO_ASSIGN_OR_RETURN(SimMedium::NodePointer node, Find(path));
  if (node->is_directory)
    return absl::FailedPreconditionError(absl::StrCat(path, ": is a directory"));
  return std::unique_ptr<runtime::DiskFile>(
      std::make_unique<SimDiskFile>(medium_, std::move(node), false));
}

absl::StatusOr<std::unique_ptr<runtime::DiskFile>> SimDisk::Create(absl::string_view path) {
  BITREPO_ASSIGN_OR_RETURN(auto place, Parent(path));
  auto& [parent, name] = place;
  if (parent->names.count(name) > 0)
    return absl::AlreadyExistsError(absl::StrCat(path, ": exists"));
  auto node = std::make_shared<SimMedium::Node>();
  node->inode = medium_.next_inode_++;
  parent->names[name] = node;
  return std::unique_ptr<runtime::DiskFile>(
      std::make_unique<SimDiskFile>(medium_, std::move(node), false));
}

absl::StatusOr<std::unique_ptr<runtime::DiskFile>> SimDisk::OpenRead(absl::string_view path) {
  return Handle(path);
}

absl::StatusOr<std::unique_ptr<runtime::DiskFile>> SimDisk::OpenWrite(absl::string_view path) {
  return Handle(path);
}

absl::Status SimDisk::Rename(absl::string_view from, absl::string_view to) {
  BITREPO_ASSIGN_OR_RETURN(auto source, Parent(from));
  BITREPO_ASSIGN_OR_RETURN(auto target, Parent(to));
  auto found = source.first->names.find(source.second);
  if (found == source.first->names.end()) return Missing(from);
  if (target.first->names.count(target.second) > 0)
    return absl::AlreadyExistsError(absl::StrCat(to, ": exists"));
  SimMedium::NodePointer node = found->second;
  source.first->names.erase(found);
  target.first->names[target.second] = std::move(node);
  return absl::OkStatus();
}

absl::Status SimDisk::Remove(absl::string_view path) {
  BITREPO_ASSIGN_OR_RETURN(auto place, Parent(path));
  auto found = place.first->names.find(place.second);
  if (found == place.first->names.end()) return Missing(path);
  if (!found->second->names.empty())
    return absl::FailedPreconditionError(absl::StrCat(path, ": not empty"));
  place.first->names.erase(found);
  return absl::OkStatus();
}

absl::Status SimDisk::MakeDirectories(absl::string_view path) {
  BITREPO_RETURN_IF_ERROR(Alive());
  BITREPO_ASSIGN_OR_RETURN(const std::vector<std::string> parts, PathParts(path));
  SimMedium::NodePointer node = medium_.root_;
  for (const std::string& part : parts) {
    SimMedium::NodePointer& child = node->names[part];
    if (child == nullptr) {
      child = std::make_shared<SimMedium::Node>();
      child->is_directory = true;
      child->inode = medium_.next_inode_++;
    }
    if (!child->is_directory)
      return absl::FailedPreconditionError(absl::StrCat(path, ": not a directory"));
    node->durable_names[part] = child;
    node = child;
  }
  return absl::OkStatus();
}

absl::Status SimDisk::MakeDirectory(absl::string_view path) {
  BITREPO_ASSIGN_OR_RETURN(auto place, Parent(path));
  SimMedium::NodePointer& child = place.first->names[place.second];
  if (child == nullptr) {
    child = std::make_shared<SimMedium::Node>();
    child->is_directory = true;
    child->inode = medium_.next_inode_++;
  }
  return child->is_directory
             ? absl::OkStatus()
             : absl::FailedPreconditionError(absl::StrCat(path, ": not a directory"));
}

absl::Status SimDisk::SyncDirectory(absl::string_view path) {
  BITREPO_ASSIGN_OR_RETURN(SimMedium::NodePointer node, Find(path));
  BITREPO_RETURN_IF_ERROR(medium_.TakeSyncFault(nullptr));
  medium_.SyncNames(*node);
  return absl::OkStatus();
}

absl::Status SimDisk::SyncAll() {
  BITREPO_RETURN_IF_ERROR(Alive());
  BITREPO_RETURN_IF_ERROR(medium_.TakeSyncFault(nullptr));
  for (const SimMedium::NodePointer& node : AllNodes(medium_.root_)) {
    if (node->is_directory) {
      medium_.SyncNames(*node);
    } else {
      medium_.SyncNode(*node);
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> SimDisk::List(absl::string_view path) {
  BITREPO_ASSIGN_OR_RETURN(SimMedium::NodePointer node, Find(path));
  if (!node->is_directory)
    return absl::FailedPreconditionError(absl::StrCat(path, ": not a directory"));
  std::vector<std::string> names;
  for (const auto& [name, child] : node->names) names.push_back(name);
  return names;
}

absl::StatusOr<runtime::FileStat> SimDisk::Stat(absl::string_view path) {
  BITREPO_ASSIGN_OR_RETURN(SimMedium::NodePointer node, Find(path));
  runtime::FileStat stat;
  stat.size_bytes = node->data.size();
  stat.is_directory = node->is_directory;
  stat.inode = node->inode;
  stat.modified = medium_.clock_.WallNow();
  return stat;
}

absl::StatusOr<runtime::SpaceInfo> SimDisk::Space() {
  BITREPO_RETURN_IF_ERROR(Alive());
  runtime::SpaceInfo space;
  space.total_bytes = medium_.capacity_bytes_;
  const uint64_t used = medium_.used_bytes();
  space.free_bytes = medium_.capacity_bytes_ > used ? medium_.capacity_bytes_ - used : 0;
  space.free_inodes = 1'000'000;
  return space;
}

absl::StatusOr<std::unique_ptr<runtime::DiskFile>> SimDisk::Lock(absl::string_view path) {
  if (!Find(path).ok()) {
    absl::StatusOr<std::unique_ptr<runtime::DiskFile>> created = Create(path);
    if (!created.ok()) return created.status();
  }
  BITREPO_ASSIGN_OR_RETURN(SimMedium::NodePointer node, Find(path));
  if (node->locked) return absl::FailedPreconditionError(absl::StrCat(path, ": locked by another"));
  node->locked = true;
  return std::unique_ptr<runtime::DiskFile>(
      std::make_unique<SimDiskFile>(medium_, std::move(node), true));
}

}  // namespace bitrepo::simulation

// SPDX-License-Identifier: Apache-2.0
// The SQLite VFS over the Disk seam (sqlite.org/vfs.html; WAL without shared memory:
// sqlite.org/wal.html section 6).
#include "tests/simulation/sim_sqlite_vfs.h"

#include <sqlite3.h>

#include <cstring>
#include <new>
#include <utility>

#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "base/check.h"

namespace bitrepo::simulation {

struct SimSqliteVfsState {
  std::string name;
  runtime::Disk& disk;
  const base::Clock& clock;
  base::Random& random;
  sqlite3_vfs vfs{};
};

namespace {

struct VfsFile {
  sqlite3_file base;
  runtime::DiskFile* file;
  runtime::Disk* disk;
  std::string* path;
  bool delete_on_close;
};

VfsFile& FileOf(sqlite3_file* file) { return *reinterpret_cast<VfsFile*>(file); }

SimSqliteVfsState& StateOf(sqlite3_vfs* vfs) {
  return *static_cast<SimSqliteVfsState*>(vfs->pAppData);
}

runtime::Disk& DiskOf(sqlite3_vfs* vfs) { return StateOf(vfs).disk; }

// The path below the disk's root.
std::string PathOf(runtime::Disk& disk, const char* name) {
  absl::string_view path = name;
  const std::string root = disk.root();
  if (absl::ConsumePrefix(&path, root)) absl::ConsumePrefix(&path, "/");
  while (absl::ConsumePrefix(&path, "/")) {
  }
  return std::string(path);
}

std::string ParentOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash);
}

int Close(sqlite3_file* raw) {
  VfsFile& file = FileOf(raw);
  delete file.file;
  if (file.delete_on_close) file.disk->Remove(*file.path).IgnoreError();
  delete file.path;
  return SQLITE_OK;
}

int Read(sqlite3_file* raw, void* out, int count, sqlite3_int64 offset) {
  auto* bytes = static_cast<std::byte*>(out);
  absl::StatusOr<size_t> got =
      FileOf(raw).file->ReadAt(static_cast<uint64_t>(offset), {bytes, static_cast<size_t>(count)});
  if (!got.ok()) return SQLITE_IOERR_READ;
  if (*got == static_cast<size_t>(count)) return SQLITE_OK;
  std::memset(bytes + *got, 0, static_cast<size_t>(count) - *got);
  return SQLITE_IOERR_SHORT_READ;
}

int Write(sqlite3_file* raw, const void* in, int count, sqlite3_int64 offset) {
  const auto* bytes = static_cast<const std::byte*>(in);
  absl::Status status =
      FileOf(raw).file->WriteAt(static_cast<uint64_t>(offset), {bytes, static_cast<size_t>(count)});
  if (absl::IsResourceExhausted(status)) return SQLITE_FULL;
  return status.ok() ? SQLITE_OK : SQLITE_IOERR_WRITE;
}

int Truncate(sqlite3_file* raw, sqlite3_int64 size) {
  return FileOf(raw).file->Truncate(static_cast<uint64_t>(size)).ok() ? SQLITE_OK
                                                                      : SQLITE_IOERR_TRUNCATE;
}

int Sync(sqlite3_file* raw, int /*flags*/) {
  VfsFile& file = FileOf(raw);
  if (!file.file->Sync().ok()) return SQLITE_IOERR_FSYNC;
  return file.disk->SyncDirectory(ParentOf(*file.path)).ok() ? SQLITE_OK : SQLITE_IOERR_DIR_FSYNC;
}

int FileSize(sqlite3_file* raw, sqlite3_int64* size) {
  absl::StatusOr<uint64_t> bytes = FileOf(raw).file->Size();
  if (!bytes.ok()) return SQLITE_IOERR_FSTAT;
  *size = static_cast<sqlite3_int64>(*bytes);
  return SQLITE_OK;
}

int NoLock(sqlite3_file* /*file*/, int /*level*/) { return SQLITE_OK; }
int CheckReserved(sqlite3_file* /*file*/, int* result) {
  *result = 0;
  return SQLITE_OK;
}
int FileControl(sqlite3_file* /*file*/, int /*operation*/, void* /*argument*/) {
  return SQLITE_NOTFOUND;
}
int SectorSize(sqlite3_file* /*file*/) { return 4096; }
int Characteristics(sqlite3_file* /*file*/) { return 0; }

constexpr sqlite3_io_methods kMethods = {
    1,       Close,         Read,        Write,      Truncate,        Sync,    FileSize, NoLock,
    NoLock,  CheckReserved, FileControl, SectorSize, Characteristics, nullptr, nullptr,  nullptr,
    nullptr, nullptr,       nullptr};

int Open(sqlite3_vfs* vfs, const char* name, sqlite3_file* raw, int flags, int* out_flags) {
  runtime::Disk& disk = DiskOf(vfs);
  raw->pMethods = nullptr;
  static constexpr char kTemporary[] = "sqlite-temporary";
  const std::string path = PathOf(disk, name == nullptr ? kTemporary : name);
  absl::StatusOr<std::unique_ptr<runtime::DiskFile>> file = disk.OpenWrite(path);
  if (absl::IsNotFound(file.status()) && (flags & SQLITE_OPEN_CREATE) != 0)
    file = disk.Create(path);
  if (!file.ok()) return SQLITE_CANTOPEN;
  VfsFile& opened = FileOf(raw);
  opened.file = file->release();
  opened.disk = &disk;
  opened.path = new std::string(path);
  opened.delete_on_close = (flags & SQLITE_OPEN_DELETEONCLOSE) != 0;
  if (out_flags != nullptr) *out_flags = flags;
  raw->pMethods = &kMethods;
  return SQLITE_OK;
}

int Delete(sqlite3_vfs* vfs, const char* name, int sync_directory) {
  runtime::Disk& disk = DiskOf(vfs);
  const std::string path = PathOf(disk, name);
  absl::Status status = disk.Remove(path);
  if (absl::IsNotFound(status)) return SQLITE_IOERR_DELETE_NOENT;
  if (!status.ok()) return SQLITE_IOERR_DELETE;
  if (sync_directory != 0 && !disk.SyncDirectory(ParentOf(path)).ok())
    return SQLITE_IOERR_DIR_FSYNC;
  return SQLITE_OK;
}

int Access(sqlite3_vfs* vfs, const char* name, int /*flags*/, int* result) {
  runtime::Disk& disk = DiskOf(vfs);
  const absl::Status there = disk.Stat(PathOf(disk, name)).status();
  *result = there.ok() ? 1 : 0;
  return there.ok() || absl::IsNotFound(there) ? SQLITE_OK : SQLITE_IOERR_ACCESS;
}

int FullPathname(sqlite3_vfs* /*vfs*/, const char* name, int count, char* out) {
  return sqlite3_snprintf(count, out, "%s", name) != nullptr ? SQLITE_OK : SQLITE_CANTOPEN;
}

int Sleep(sqlite3_vfs* /*vfs*/, int microseconds) { return microseconds; }

int Randomness(sqlite3_vfs* vfs, int count, char* out) {
  StateOf(vfs).random.Fill({reinterpret_cast<std::byte*>(out), static_cast<size_t>(count)});
  return count;
}

int CurrentTime(sqlite3_vfs* vfs, double* julian_days) {
  *julian_days =
      2440587.5 + absl::ToDoubleSeconds(StateOf(vfs).clock.WallNow() - absl::UnixEpoch()) / 86400.0;
  return SQLITE_OK;
}

int LastError(sqlite3_vfs* /*vfs*/, int /*count*/, char* /*out*/) { return 0; }
}  // namespace

SimSqliteVfs::SimSqliteVfs(std::string name, runtime::Disk& disk, const base::Clock& clock,
                           base::Random& random)
    : state_(new SimSqliteVfsState{std::move(name), disk, clock, random}) {
  sqlite3_vfs& vfs = state_->vfs;
  vfs.iVersion = 1;
  vfs.szOsFile = sizeof(VfsFile);
  vfs.mxPathname = 512;
  vfs.zName = state_->name.c_str();
  vfs.pAppData = state_.get();
  vfs.xOpen = Open;
  vfs.xDelete = Delete;
  vfs.xAccess = Access;
  vfs.xFullPathname = FullPathname;
  vfs.xRandomness = Randomness;
  vfs.xSleep = Sleep;
  vfs.xCurrentTime = CurrentTime;
  vfs.xGetLastError = LastError;
  BITREPO_CHECK(sqlite3_vfs_register(&vfs, 0) == SQLITE_OK, "a simulated SQLite VFS registers");
}

SimSqliteVfs::~SimSqliteVfs() { sqlite3_vfs_unregister(&state_->vfs); }

const std::string& SimSqliteVfs::name() const { return state_->name; }

}  // namespace bitrepo::simulation

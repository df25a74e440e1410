// SPDX-License-Identifier: Apache-2.0
// The two streams of a command: results on standard output, words and live rows on standard error.
#pragma once

#include <atomic>
#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/mutex.h"

namespace bitrepo::commands {

enum class ColorMode { kAuto, kAlways, kNever };
enum class Ink { kPlain, kBold, kDim, kRed, kGreen, kYellow, kCyan };

struct ConsoleOptions {
  int out = 1;
  int err = 2;
  bool quiet = false;  // errors alone
  int verbosity = 0;
  ColorMode color = ColorMode::kAuto;
  bool no_color = false;  // NO_COLOR is set, or TERM is dumb
};

// Live rows stand below all else and are taken away before anything is written over them.
// Threads: thread-safe; every call may block on the streams, so it is no place for an event loop.
class Console {
 public:
  explicit Console(ConsoleOptions options);
  ~Console();

  // Results; buffered until Flush or until much has gathered. Nothing is written after an error.
  void Result(absl::string_view text);
  void Flush();
  // A line on standard error. Error and Warning say so; Note is for everyone but the quiet, Detail
  // for -v.
  void Error(absl::string_view text);
  void Warning(absl::string_view text);
  void Note(absl::string_view text);
  void Detail(absl::string_view text);
  void SetLive(std::vector<std::string> rows);

  bool quiet() const { return options_.quiet; }
  bool verbose() const { return options_.verbosity > 0; }
  bool out_is_terminal() const { return out_terminal_; }
  bool err_is_terminal() const { return err_terminal_; }
  size_t columns() const;      // of the terminal behind standard error; 80 where there is none
  size_t out_columns() const;  // of the terminal behind standard output; 0 where there is none
  size_t out_rows() const;     // likewise; 0 where there is none
  std::string PaintOut(Ink ink, absl::string_view text) const;
  std::string PaintErr(Ink ink, absl::string_view text) const;

  // 0, or the errno of the first write to standard output that failed: EPIPE when its reader has
  // gone.
  int output_error() const { return output_error_; }

 private:
  void Line(absl::string_view text) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void FlushLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void EraseLive() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void DrawLive() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  int WriteAll(int descriptor, absl::string_view text);

  const ConsoleOptions options_;
  const bool out_terminal_;
  const bool err_terminal_;
  const bool out_color_;
  const bool err_color_;
  std::atomic<int> output_error_{0};
  base::Mutex mutex_;
  std::string pending_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> live_ ABSL_GUARDED_BY(mutex_);
  size_t drawn_ ABSL_GUARDED_BY(mutex_) = 0;
};

// How many columns the text takes on a terminal, as far as a letter is a column.
size_t ColumnsOf(absl::string_view text);
// Cut with "…" or filled with blanks to exactly `columns`.
std::string Fit(absl::string_view text, size_t columns);

}  // namespace bitrepo::commands

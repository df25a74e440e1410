// SPDX-License-Identifier: Apache-2.0
#include "client/commands/console.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/utf8.h"

namespace bitrepo::commands {
namespace {

constexpr size_t kPendingBytesMax = 64 * 1024;
constexpr size_t kColumnsElsewhere = 80;
constexpr size_t kRowsElsewhere = 24;

bool Colored(ColorMode mode, bool no_color, bool terminal) {
  if (mode != ColorMode::kAuto) return mode == ColorMode::kAlways;
  return terminal && !no_color;
}

absl::string_view CodeOf(Ink ink) {
  switch (ink) {
    case Ink::kPlain:
      return "";
    case Ink::kBold:
      return "\033[1m";
    case Ink::kDim:
      return "\033[2m";
    case Ink::kRed:
      return "\033[31m";
    case Ink::kGreen:
      return "\033[32m";
    case Ink::kYellow:
      return "\033[33m";
    case Ink::kCyan:
      return "\033[36m";
  }
  return "";
}

// Of a terminal; one that does not know its width has the usual one.
size_t TerminalColumns(int terminal) {
  winsize size{};
  if (ioctl(terminal, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return kColumnsElsewhere;
  return size.ws_col;
}

size_t TerminalRows(int terminal) {
  winsize size{};
  if (ioctl(terminal, TIOCGWINSZ, &size) != 0 || size.ws_row == 0) return kRowsElsewhere;
  return size.ws_row;
}

std::string Paint(bool colored, Ink ink, absl::string_view text) {
  if (!colored || ink == Ink::kPlain) return std::string(text);
  return absl::StrCat(CodeOf(ink), text, "\033[0m");
}

}  // namespace

Console::Console(ConsoleOptions options)
    : options_(options),
      out_terminal_(isatty(options.out) == 1),
      err_terminal_(isatty(options.err) == 1),
      out_color_(Colored(options.color, options.no_color, out_terminal_)),
      err_color_(Colored(options.color, options.no_color, err_terminal_)) {}

Console::~Console() {
  base::MutexLock lock(mutex_);
  FlushLocked();
  EraseLive();
}

void Console::Result(absl::string_view text) {
  base::MutexLock lock(mutex_);
  pending_.append(text.data(), text.size());
  if (out_terminal_ || pending_.size() >= kPendingBytesMax) FlushLocked();
}

void Console::Flush() {
  base::MutexLock lock(mutex_);
  FlushLocked();
}

void Console::FlushLocked() {
  if (pending_.empty()) return;
  if (out_terminal_) EraseLive();
  if (output_error_ == 0) output_error_ = WriteAll(options_.out, pending_);
  pending_.clear();
  if (out_terminal_) DrawLive();
}

void Console::Error(absl::string_view text) {
  base::MutexLock lock(mutex_);
  FlushLocked();
  Line(absl::StrCat("bitrepo: ", Paint(err_color_, Ink::kRed, "error"), ": ", text));
}

void Console::Warning(absl::string_view text) {
  base::MutexLock lock(mutex_);
  if (options_.quiet) return;
  FlushLocked();
  Line(absl::StrCat("bitrepo: ", Paint(err_color_, Ink::kYellow, "warning"), ": ", text));
}

void Console::Note(absl::string_view text) {
  base::MutexLock lock(mutex_);
  if (options_.quiet) return;
  FlushLocked();
  Line(text);
}

void Console::Detail(absl::string_view text) {
  if (!verbose()) return;
  base::MutexLock lock(mutex_);
  Line(absl::StrCat(Paint(err_color_, Ink::kDim, text)));
}

void Console::Line(absl::string_view text) {
  EraseLive();
  WriteAll(options_.err, absl::StrCat(text, "\n"));
  DrawLive();
}

void Console::SetLive(std::vector<std::string> rows) {
  if (!err_terminal_) return;
  base::MutexLock lock(mutex_);
  EraseLive();
  live_ = std::move(rows);
  DrawLive();
}

// The cursor stands below the rows.
void Console::EraseLive() {
  if (drawn_ == 0) return;
  WriteAll(options_.err, absl::StrCat("\033[", drawn_, "A\r\033[J"));
  drawn_ = 0;
}

void Console::DrawLive() {
  std::string text;
  for (const std::string& row : live_) absl::StrAppend(&text, row, "\n");
  if (text.empty()) return;
  WriteAll(options_.err, text);
  drawn_ = live_.size();
}

size_t Console::columns() const {
  return err_terminal_ ? TerminalColumns(options_.err) : kColumnsElsewhere;
}

size_t Console::out_columns() const { return out_terminal_ ? TerminalColumns(options_.out) : 0; }

size_t Console::out_rows() const { return out_terminal_ ? TerminalRows(options_.out) : 0; }

std::string Console::PaintOut(Ink ink, absl::string_view text) const {
  return Paint(out_color_, ink, text);
}

std::string Console::PaintErr(Ink ink, absl::string_view text) const {
  return Paint(err_color_, ink, text);
}

int Console::WriteAll(int descriptor, absl::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(descriptor, text.data(), text.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      return errno;
    }
    text.remove_prefix(static_cast<size_t>(written));
  }
  return 0;
}

size_t ColumnsOf(absl::string_view text) {
  // Bytes that continue a character take no column.
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

std::string Fit(absl::string_view text, size_t columns) {
  const size_t wide = ColumnsOf(text);
  if (wide <= columns) return absl::StrCat(text, std::string(columns - wide, ' '));
  if (columns == 0) return "";
  std::string cut;
  for (size_t taken = 0; taken + 1 < columns; ++taken) {
    const auto next = base::FirstUtf8Char(text);
    const size_t bytes = next ? next->bytes : 1;
    cut.append(text.data(), bytes);
    text.remove_prefix(bytes);
  }
  return absl::StrCat(cut, "…");
}

}  // namespace bitrepo::commands

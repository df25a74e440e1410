// SPDX-License-Identifier: Apache-2.0
#include "base/zeromq/endpoint.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/utf8.h"

namespace bitrepo::zeromq {
namespace {

constexpr size_t kHostBytesMax = 253;     // a DNS name
constexpr size_t kIpcPathBytesMax = 107;  // sun_path without its final zero
constexpr size_t kInprocNameBytesMax = 255;
constexpr uint32_t kPortMax = 65535;

bool IsNameChar(char c) { return absl::ascii_isalnum(c) || c == '.' || c == '-' || c == '_'; }
bool IsAddress6Char(char c) { return absl::ascii_isxdigit(c) || c == ':' || c == '.'; }

bool All(absl::string_view text, bool (*is_fine)(char)) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_fine);
}

bool IsHost(absl::string_view host, bool to_bind) {
  if (host == "*") {
    return to_bind;
  }
  if (absl::ConsumePrefix(&host, "[")) {
    return absl::ConsumeSuffix(&host, "]") && All(host, IsAddress6Char);
  }
  return host.size() <= kHostBytesMax && All(host, IsNameChar);
}

bool IsTcp(absl::string_view address, bool to_bind) {
  const size_t colon = address.rfind(':');
  if (colon == absl::string_view::npos) {
    return false;
  }
  const absl::string_view digits = address.substr(colon + 1);
  uint32_t port = 0;
  const bool is_number =
      All(digits, [](char c) { return absl::ascii_isdigit(c); }) && absl::SimpleAtoi(digits, &port);
  return is_number && port <= kPortMax && (port > 0 || to_bind) &&
         IsHost(address.substr(0, colon), to_bind);
}

bool IsIpc(absl::string_view path) {
  return absl::StartsWith(path, "/") && path.size() <= kIpcPathBytesMax &&
         All(path, [](char c) { return absl::ascii_isgraph(c) || c == ' '; });
}

absl::Status Check(absl::string_view endpoint, bool to_bind) {
  absl::string_view rest = endpoint;
  bool fine = false;
  if (absl::ConsumePrefix(&rest, "tcp://")) {
    fine = IsTcp(rest, to_bind);
  } else if (absl::ConsumePrefix(&rest, "ipc://")) {
    fine = IsIpc(rest);
  } else if (absl::ConsumePrefix(&rest, "inproc://")) {
    fine = rest.size() <= kInprocNameBytesMax && All(rest, IsNameChar);
  }
  return fine ? absl::OkStatus()
              : absl::InvalidArgumentError(
                    absl::StrCat("\"", base::Printable(endpoint, 128),
                                 "\" is not an endpoint; write tcp://HOST:PORT or ipc:///PATH"));
}

}  // namespace

absl::Status CheckDialEndpoint(absl::string_view endpoint) { return Check(endpoint, false); }

absl::Status CheckBindEndpoint(absl::string_view endpoint) { return Check(endpoint, true); }

}  // namespace bitrepo::zeromq

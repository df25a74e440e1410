// SPDX-License-Identifier: Apache-2.0
#include "pillar/alarm_bell.h"

#include "base/log.h"
#include "bus/protocol/field_rules.h"
#include "bus/protocol/limits.h"

namespace bitrepo::pillar {

std::optional<protocol::Envelope> AlarmBell::Ring(absl::string_view code, absl::string_view text,
                                                  absl::string_view file_id, absl::Time now,
                                                  absl::Time wall_now) {
  const auto key = std::make_pair(std::string(code), std::string(file_id));
  const auto told = told_.find(key);
  if (told != told_.end() && now - told->second < kAlarmPause) return std::nullopt;
  if (told_.size() >= kAlarmsRememberedMax) {
    std::erase_if(told_, [&](const auto& entry) { return now - entry.second >= kAlarmPause; });
  }
  if (told_.size() >= kAlarmsRememberedMax) told_.erase(told_.begin());
  told_[key] = now;

  base::LogLine(base::LogLevel::kError, "alarm")
      .With("code", code)
      .With("file", file_id)
      .With("text", text);
  wire::Header header;
  header.set_repository_id(repository_id_);
  header.set_message_id(base::MessageId::Make(wall_now, random_).ToBytes());
  header.set_kind(wire::ALARM);
  header.set_from(self_);
  header.set_issued_at_us(absl::ToUnixMicros(wall_now));
  wire::Body body;
  body.mutable_alarm()->set_code(std::string(code));
  body.mutable_alarm()->set_text(protocol::FittingText(text, protocol::kTextBytesMax));
  body.mutable_alarm()->set_file_id(std::string(file_id));
  auto sealed = protocol::SealEnvelope({protocol::Destination::Kind::kOperators, ""},
                                       std::move(header), std::move(body), "");
  if (!sealed.ok()) {
    base::LogLine(base::LogLevel::kError, "alarm-not-sent").With("why", sealed.status().ToString());
    return std::nullopt;
  }
  return *std::move(sealed);
}

}  // namespace bitrepo::pillar

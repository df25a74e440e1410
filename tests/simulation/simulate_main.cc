// SPDX-License-Identifier: Apache-2.0
// simulate --seed N: repeats one seeded run and prints its timeline; --seeds FIRST:COUNT runs many
// and names those that fail.
#include <cstdio>
#include <cstdlib>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "base/log.h"
#include "tests/simulation/simulation.h"

namespace {

using bitrepo::simulation::RunSimulation;
using bitrepo::simulation::SimulationReport;

constexpr char kUsage[] =
    "usage: simulate --seed N            repeat one run and print its timeline\n"
    "       simulate --seeds FIRST:COUNT run many, a line for each that breaks a promise\n";

void PrintVerdict(const SimulationReport& report) {
  std::printf(
      "seed %llu: %s; %llu operations, %llu acknowledged copies, %llu crashes, %llu events, trace "
      "%s\n",
      static_cast<unsigned long long>(report.seed),
      report.violations.empty() ? "all promises held" : "BROKEN",
      static_cast<unsigned long long>(report.operations),
      static_cast<unsigned long long>(report.acknowledged),
      static_cast<unsigned long long>(report.crashes),
      static_cast<unsigned long long>(report.events), report.trace_digest.substr(0, 16).c_str());
  for (const std::string& one : report.violations) std::printf("  broken: %s\n", one.c_str());
}

int RunOne(uint64_t seed) {
  const SimulationReport report = RunSimulation(seed);
  for (const std::string& line : report.timeline) std::printf("%s\n", line.c_str());
  PrintVerdict(report);
  return report.violations.empty() ? 0 : 1;
}

int RunMany(uint64_t first, uint64_t count) {
  uint64_t broken = 0;
  for (uint64_t seed = first; seed < first + count; ++seed) {
    const SimulationReport report = RunSimulation(seed);
    if (report.violations.empty()) continue;
    ++broken;
    PrintVerdict(report);
  }
  std::printf("%llu seeds, %llu broken\n", static_cast<unsigned long long>(count),
              static_cast<unsigned long long>(broken));
  return broken == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  bitrepo::base::ConfigureLog(bitrepo::base::LogLevel::kError, bitrepo::base::LogFormat::kText);
  const std::string flag = argc == 3 ? argv[1] : "";
  uint64_t first = 0;
  uint64_t count = 0;
  if (flag == "--seed" && absl::SimpleAtoi(argv[2], &first)) return RunOne(first);
  if (flag == "--seeds") {
    const std::pair<std::string, std::string> parts =
        absl::StrSplit(argv[2], absl::MaxSplits(':', 1));
    if (absl::SimpleAtoi(parts.first, &first) && absl::SimpleAtoi(parts.second, &count))
      return RunMany(first, count);
  }
  std::fputs(kUsage, stderr);
  return 2;
}

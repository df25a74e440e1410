// SPDX-License-Identifier: Apache-2.0
#include "tests/tidy/rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/tidy/room_table.h"

// A planted fault for each rule, and beside it the nearest thing that is no fault.
namespace bitrepo::tidy {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kSpdx[] = "// SPDX-License-Identifier: Apache-2.0\n";

std::vector<SourceFile> One(const std::string& path, const std::string& text) {
  return {ParseSource(path, text)};
}

TEST(SourceTreeTest, CommentsAndLiteralsAreNoCode) {
  const SourceFile file =
      ParseSource("base/a.cc",
                  "int a = 1'000;  // rand()\n"
                  "/* rand()\n rand() */ int b = 'r';\n"
                  "auto s = \"\\\"rand()\"; auto r = R\"x(rand()\n)x\"; int c;\n");
  ASSERT_EQ(file.code.size(), 5U);
  for (const std::string& line : file.code)
    EXPECT_EQ(FindWord(line, "rand()"), std::string::npos) << line;
  EXPECT_THAT(file.code[0], HasSubstr("1'000;"));
  EXPECT_THAT(file.code[2], HasSubstr("int b = ' ';"));
  EXPECT_THAT(file.code[4], HasSubstr("int c;"));
}

TEST(SourceTreeTest, IncludesInCommentsDoNotCount) {
  const SourceFile file = ParseSource("base/a.cc",
                                      "#include <vector>\n// #include <thread>\n"
                                      "/*\n#include <mutex>\n*/\n#  include \"base/b.h\"\n");
  ASSERT_EQ(file.includes.size(), 2U);
  EXPECT_EQ(file.includes[0].path, "vector");
  EXPECT_FALSE(file.includes[0].quoted);
  EXPECT_EQ(file.includes[1].path, "base/b.h");
  EXPECT_EQ(file.includes[1].line, 6U);
}

TEST(SourceTreeTest, AWordIsNoPartOfALongerOne) {
  EXPECT_EQ(FindWord("absl::MutexLock l", "absl::Mutex"), std::string::npos);
  EXPECT_EQ(FindWord("operand()", "rand()"), std::string::npos);
  EXPECT_EQ(FindWord("x = std::rand();", "rand()"), 9U);
}

struct Arrow {
  std::string from;
  std::string to;
  bool allowed;
};

class ArrowTest : public ::testing::TestWithParam<Arrow> {};

TEST_P(ArrowTest, IsJudged) {
  const Arrow& arrow = GetParam();
  const Faults faults = BrokenArrows(One(arrow.from, "#include \"" + arrow.to + "\"\n"));
  EXPECT_EQ(faults.empty(), arrow.allowed) << arrow.from << " -> " << arrow.to;
}

INSTANTIATE_TEST_SUITE_P(
    Table, ArrowTest,
    ::testing::Values(
        Arrow{"base/a.cc", "base/b.h", true}, Arrow{"base/a.cc", "bus/bus.h", false},
        Arrow{"base/a.cc", "base/runtime/event_loop.h", false},
        Arrow{"base/runtime/a.cc", "base/zeromq/socket.h", false},
        Arrow{"bus/protocol/a.cc", "proto/envelope.pb.h", true},
        Arrow{"bus/protocol/a.cc", "channel/transfer/token.h", false},
        Arrow{"bus/protocol/a.cc", "base/runtime/event_loop.h", false},
        Arrow{"bus/protocol/a.cc", "bus/bus.h", false},
        Arrow{"channel/transfer/a.cc", "bus/protocol/page.h", false},
        Arrow{"bus/a.cc", "channel/channel.h", false}, Arrow{"channel/a.cc", "bus/bus.h", false},
        Arrow{"bus/a.cc", "base/zeromq/socket.h", true},
        Arrow{"pillar/store/a.cc", "channel/channel.h", false},
        Arrow{"pillar/requests/a.cc", "channel/channel.h", true},
        Arrow{"pillar/requests/a.cc", "bus/bus.h", false},
        Arrow{"pillar/a.cc", "client/client.h", false},
        Arrow{"client/a.cc", "pillar/pillar.h", false},
        Arrow{"client/a.cc", "client/commands/put.h", false},
        Arrow{"client/commands/a.cc", "client/client.h", true},
        Arrow{"client/a.cc", "coordinator/coordinator.h", false},
        Arrow{"coordinator/a.cc", "client/client.h", true},
        Arrow{"coordinator/a.cc", "pillar/pillar.h", false},
        Arrow{"coordinator/a.cc", "base/zeromq/socket.h", false},
        Arrow{"pillar/pillar_main.cc", "base/zeromq/socket.h", true},
        Arrow{"pillar/pillar_main.cc", "client/client.h", false},
        Arrow{"client/client_main.cc", "client/commands/put.h", true},
        Arrow{"client/client_main.cc", "coordinator/coordinator.h", false},
        Arrow{"coordinator/coordinator_main.cc", "coordinator/broker/bus_broker.h", true},
        Arrow{"bus/a.cc", "tests/support/fake.h", false},
        Arrow{"tests/bus/a_test.cc", "channel/channel.h", true}, Arrow{"bus/a.cc", "bus.h", false},
        Arrow{"bus/extra/a.cc", "bus/bus.h", false}));

TEST(RulesTest, AnIncludeInAnglesIsJudgedToo) {
  EXPECT_THAT(BrokenArrows(One("bus/a.cc", "\n#include <channel/channel.h>\n")),
              ElementsAre("bus/a.cc:2: bus may not include channel/channel.h"));
}

TEST(RulesTest, RoomsInACircleAreFound) {
  const std::vector<SourceFile> line = {ParseSource("bus/a.cc", "#include \"base/a.h\"\n"),
                                        ParseSource("client/a.cc", "#include \"bus/a.h\"\n")};
  EXPECT_THAT(Circles(line), IsEmpty());
  std::vector<SourceFile> circle = line;
  circle.push_back(ParseSource("base/a.h", "#include \"client/a.h\"\n"));
  EXPECT_THAT(Circles(circle), ElementsAre("rooms in a circle: base -> client -> bus -> base"));
}

TEST(RulesTest, APureFileTouchesNothingOfTheWorld) {
  for (const std::string header :
       {"thread", "mutex", "filesystem", "fstream", "chrono", "sys/socket.h", "unistd.h", "zmq.hpp",
        "absl/time/clock.h", "absl/synchronization/mutex.h", "sqlite3.h", "base/mutex.h"}) {
    const std::string text = "#include <" + header + ">\n";
    EXPECT_EQ(Impurities(One("bus/protocol/a.cc", text)).size(), 1U) << header;
    EXPECT_EQ(Impurities(One("channel/transfer/a.h", text)).size(), 1U) << header;
    EXPECT_EQ(Impurities(One("base/ids.cc", text)).size(), 1U) << header;
    EXPECT_EQ(Impurities(One("coordinator/broker/bus_broker.cc", text)).size(), 1U) << header;
    for (const std::string path :
         {"base/clock.cc", "base/runtime/a.cc", "base/zeromq/a.cc", "bus/a.cc"}) {
      EXPECT_THAT(Impurities(One(path, text)), IsEmpty()) << path;
    }
  }
}

TEST(RulesTest, APureFileAsksNoClockAndNoDice) {
  for (const std::string call : {"absl::Now()", "time(nullptr)", "::time(0)", "std::rand()",
                                 "getenv(\"A\")", "std::random_device d"}) {
    EXPECT_EQ(Impurities(One("bus/protocol/a.cc", "auto x = " + call + ";\n")).size(), 1U) << call;
  }
  EXPECT_THAT(Impurities(One("bus/protocol/a.cc", "absl::Time time() const;  // absl::Now()\n")),
              IsEmpty());
}

TEST(RulesTest, AHeavyHeaderStandsBehindOneFile) {
  const std::string json = "#include <nlohmann/json.hpp>\n";
  const SourceFile first = ParseSource("client/commands/json.cc", json);
  EXPECT_THAT(HeavyHeaders({first}), IsEmpty());
  EXPECT_THAT(HeavyHeaders({first, ParseSource("tests/system/a_test.cc", json)}), IsEmpty());
  EXPECT_EQ(HeavyHeaders({first, ParseSource("pillar/a.cc", json)}).size(), 1U);
  EXPECT_EQ(HeavyHeaders(One("client/json.h", json)).size(), 1U);
  const std::string toml = "#include <toml++/toml.h>\n";
  EXPECT_EQ(HeavyHeaders({ParseSource("base/runtime/settings.cc", toml),
                          ParseSource("tests/system/a_test.cc", toml)})
                .size(),
            1U);
}

TEST(RulesTest, AFileHasAtMostFiveHundredLines) {
  std::string text;
  for (std::size_t i = 0; i < kMaxLines; ++i) text += "\n";
  EXPECT_THAT(LongFiles(One("tests/a_test.cc", text)), IsEmpty());
  EXPECT_EQ(LongFiles(One("tests/a_test.cc", text + "\n")).size(), 1U);
}

TEST(RulesTest, AFileNameSaysWhatIsInside) {
  for (const std::string name : {"utils.h", "string_utils.cc", "common.h", "misc.cc", "types.h",
                                 "helpers.h", "store_manager.h", "bus_impl.cc", "bitrepo.h"}) {
    EXPECT_EQ(BannedFileNames(One("base/" + name, "")).size(), 1U) << name;
  }
  EXPECT_THAT(BannedFileNames(One("base/implication.h", "")), IsEmpty());
}

TEST(RulesTest, AFileNameIsUniqueInItsWing) {
  const SourceFile bus = ParseSource("bus/link.h", "");
  EXPECT_THAT(RepeatedFileNames({bus, ParseSource("channel/link.h", "")}), IsEmpty());
  EXPECT_EQ(RepeatedFileNames({bus, ParseSource("bus/protocol/link.h", "")}).size(), 1U);
}

TEST(RulesTest, BannedWordsAreFound) {
  for (const std::string word :
       {"absl::Mutex", "absl::MutexLock", "std::views", "std::source_location"}) {
    EXPECT_EQ(BannedWords(One("bus/a.cc", "  " + word + " x;\n")).size(), 1U) << word;
    EXPECT_THAT(BannedWords(One("bus/a.cc", "// not " + word + "\n")), IsEmpty()) << word;
  }
  EXPECT_EQ(BannedWords(One("bus/a.h", "std::string_view x;\n")).size(), 1U);
  EXPECT_THAT(BannedWords(One("bus/a.cc", "std::string_view x;\n")), IsEmpty());
}

TEST(RulesTest, PutOffWorkIsFoundInComments) {
  for (const std::string word : {"TO"
                                 "DO",
                                 "FIX"
                                 "ME",
                                 "XX"
                                 "X"}) {
    EXPECT_EQ(BannedWords(One("bus/a.cc", "// " + word + ": later\n")).size(), 1U) << word;
  }
  EXPECT_THAT(BannedWords(One("bus/a.cc",
                              "mkdtemp(\"/tmp/XX"
                              "XXXX\");\n")),
              IsEmpty());
}

TEST(RulesTest, AHeaderOpensWithItsCaption) {
  const std::string good =
      std::string(kSpdx) + "// The one place that adds offsets.\n#pragma once\n";
  EXPECT_THAT(MissingCaptions(One("base/a.h", good)), IsEmpty());
  EXPECT_THAT(MissingCaptions(One("base/a.cc", kSpdx)), IsEmpty());
  EXPECT_EQ(MissingCaptions(One("base/a.cc", "#include <vector>\n")).size(), 1U);
  for (const std::string second :
       {"#include <vector>", "// two. Sentences here.", "// no full stop", ""}) {
    const std::string text = std::string(kSpdx) + second + "\n#pragma once\n";
    EXPECT_EQ(MissingCaptions(One("base/a.h", text)).size(), 1U) << second;
  }
  EXPECT_THAT(
      MissingCaptions(
          One("base/a.h", std::string(kSpdx) + "// A sentence on\n// two lines.\n#pragma once\n")),
      IsEmpty());
  EXPECT_EQ(MissingCaptions(One("base/a.h", std::string(kSpdx) + "// What this is.\n")).size(), 1U);
}

TEST(RulesTest, AHostNamesNoImplementationOfAnotherRoom) {
  const SourceFile store = ParseSource("pillar/store/disk_file_store.h",
                                       "class DiskFileStore final : public FileStore {\n");
  const std::string use = "DiskFileStore store(root);\n";
  EXPECT_EQ(NamedImplementations({store, ParseSource("pillar/pillar.cc", use)}).size(), 1U);
  EXPECT_EQ(NamedImplementations({store, ParseSource("pillar/requests/put.cc", use)}).size(), 1U);
  EXPECT_THAT(NamedImplementations({store, ParseSource("pillar/pillar_main.cc", use)}), IsEmpty());
  EXPECT_THAT(NamedImplementations({store, ParseSource("pillar/store/a.cc", use)}), IsEmpty());
  EXPECT_THAT(
      NamedImplementations({store, ParseSource("pillar/a.cc", "int DiskFull; // DiskFileStore\n")}),
      IsEmpty());
}

TEST(RulesTest, ASeamMayBeNamedAfterWhatItIs) {
  const std::string use = "std::unique_ptr<DiskFile> file;\n";
  const SourceFile user = ParseSource("pillar/store/a.cc", use);
  EXPECT_THAT(NamedImplementations(
                  {ParseSource("base/runtime/disk.h", "class DiskFile {\n public:\n"), user}),
              IsEmpty());
  EXPECT_EQ(
      NamedImplementations(
          {ParseSource("base/runtime/disk.h", "class DiskFile final\n    : public File {\n"), user})
          .size(),
      1U);
}

TEST(RulesTest, ASourceOutsideTheBuildIsFound) {
  SourceTree tree;
  tree.files = {ParseSource("bus/a.cc", ""), ParseSource("bus/protocol/b.h", "")};
  tree.build_lists = {{"", "add_subdirectory(bus)"}, {"bus", "room(NAME bus\n  SOURCES a.cc\n)"}};
  EXPECT_THAT(UnlistedSources(tree), ElementsAre("bus/protocol/b.h:1: no CMakeLists.txt lists it"));
  tree.build_lists.push_back({"bus/protocol", "room(NAME bus/protocol HEADERS b.h)"});
  EXPECT_THAT(UnlistedSources(tree), IsEmpty());
  tree.build_lists[1].text = "SOURCES extra_a.cc a.cc.in";
  EXPECT_EQ(UnlistedSources(tree).size(), 1U);
}

TEST(RulesTest, ASourceListedInALoopIsListed) {
  SourceTree tree;
  tree.files = {ParseSource("tests/bus/page_test.cc", "")};
  tree.build_lists = {{"tests/bus",
                       "foreach(test IN ITEMS link page)\n"
                       "  room_test(NAME ${test}_test SOURCES ${test}_test.cc)\nendforeach()\n"}};
  EXPECT_THAT(UnlistedSources(tree), IsEmpty());
  tree.files = {ParseSource("tests/bus/bus_test.cc", "")};
  EXPECT_EQ(UnlistedSources(tree).size(), 1U);
}

TEST(RulesTest, AHeaderOfTheTestsIsListedOrIncluded) {
  SourceTree tree;
  tree.files = {ParseSource("tests/bus/ends.h", "")};
  EXPECT_EQ(UnlistedSources(tree).size(), 1U);
  tree.build_lists = {{"tests/bus", "SOURCES a_test.cc"}};
  tree.files.push_back(ParseSource("tests/bus/a_test.cc", "#include \"tests/bus/ends.h\"\n"));
  EXPECT_THAT(UnlistedSources(tree), IsEmpty());
}

TEST(RulesTest, ALooserTableInTheBuildIsNoticed) {
  const RoomTable table =
      ParseFloors("\nfloor(base 1 MAY)\nfloor(bus  2 MAY base\n      channel)\n");
  EXPECT_EQ(table, (RoomTable{{"base", {}}, {"bus", {"base", "channel"}}}));
  EXPECT_NE(table.at("bus"), MayInclude().at("bus"));
}

TEST(SpecRuleTest, ASentenceThatNoTestNamesIsAFault) {
  const std::vector<SpecPage> pages = {
      ParseSpecPage("docs/spec/x.md",
                    "- [B-1] One MUST. See [D-9].\n- [C-2] [C-3] Two.\nMore. [D-4] Three MUST.\n")};
  const auto held = [&](const std::string& path, const std::string& text) {
    return UnheldSentences(pages, One(path, text));
  };
  EXPECT_THAT(held("tests/a_test.cc", "// [B-1] [C-2]\n// [C-3] and [D-4] too\n"), IsEmpty());
  EXPECT_THAT(held("tests/a_test.cc", "// [B-1] [C-2] [C-3]\nauto s = \"[D-4]\";\n"),
              ElementsAre("docs/spec/x.md:3: no test names [D-4]: write the one that holds it"));
  EXPECT_EQ(held("bus/a.cc", "// [B-1] [C-2] [C-3] [D-4]\n").size(), 4U);
  EXPECT_EQ(held("tests/tidy/a.cc", "// [B-1] [C-2] [C-3] [D-4]\n").size(), 4U);
  EXPECT_THAT(held("tests/a_test.cc", "// [B-1] [C-2] [C-3] [D-4]\n\n// [B-77]\n"),
              ElementsAre("tests/a_test.cc:3: docs/spec has no sentence [B-77]"));
}

TEST(SpecRuleTest, ANumberThatIsUsedTwiceIsAFault) {
  const std::vector<SpecPage> pages = {
      ParseSpecPage("docs/spec/x.md", "- [B-1] One.\n- [B-1] Another.\n")};
  EXPECT_THAT(UnheldSentences(pages, One("tests/a_test.cc", "// [B-1]\n")),
              ElementsAre(HasSubstr("x.md:2: [B-1] is the number of another sentence")));
}

TEST(SpecRuleTest, AMustWithoutANumberIsAFault) {
  const auto faults = [](const std::string& text) {
    return UnnumberedMusts({ParseSpecPage("docs/spec/x.md", text)});
  };
  EXPECT_THAT(faults("- [B-1] It MUST,\n  and MUST again.\n"), IsEmpty());
  EXPECT_THAT(faults("Then. [B-1] It MUST.\n"), IsEmpty());
  EXPECT_THAT(faults("- [B-1] It is.\n- It MUST.\n"), ElementsAre(HasSubstr("x.md:2: ")));
  EXPECT_THAT(faults("It MUST, as [B-1] says.\n"), ElementsAre(HasSubstr("x.md:1: ")));
}

TEST(ReadmeRuleTest, AReadmeHasFortyLines) {
  std::string text;
  for (std::size_t i = 0; i < kMaxReadmeLines; ++i) text += "\n";
  EXPECT_THAT(LongReadmes({ParseSpecPage("bus/README.md", text)}), IsEmpty());
  EXPECT_EQ(LongReadmes({ParseSpecPage("bus/README.md", text + "\n")}).size(), 1U);
}

TEST(ReadmeRuleTest, AReadmeNamesFilesThatAreThere) {
  const std::vector<SourceFile> files = {ParseSource("bus/link.h", "")};
  const auto faults = [&files](const std::string& text) {
    return NamesOfNoFile({ParseSpecPage("bus/README.md", text)}, files);
  };
  EXPECT_THAT(faults("`link.h` and `bus/link.h`, `X_link.cc`, `link`\n"), IsEmpty());
  EXPECT_THAT(faults("`link.h`\n`link.h`, `ink.h`\n"), ElementsAre(HasSubstr("README.md:2: ")));
}

}  // namespace
}  // namespace bitrepo::tidy

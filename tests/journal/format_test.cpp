#include "journal/format.hpp"

#include <gtest/gtest.h>

namespace terrace::journal {
namespace {

constexpr std::uint64_t id = 0x0123456789abcdef;

/// The bytes of docs/journal-format.md; journals of released versions must open for ever.
TEST(JournalFormat, IsTheDocumentedOne) {
  Bytes file = encode(FileHeader{.id = id, .first = 7, .follows = 6, .watermark = 5});
  append_record(file, id, Change{.key = "k", .stored = "v", .version = 7}, {});
  const auto hex = [](BytesView bytes) {
    std::string text;
    for (const char c : bytes) {
      constexpr std::string_view digits = "0123456789abcdef";
      text += digits[static_cast<unsigned char>(c) >> 4];
      text += digits[static_cast<unsigned char>(c) & 15];
    }
    return text;
  };
  EXPECT_EQ(hex(file.substr(0, 48)),
            "c15452434a4e4c0a"
            "0100010000000000"
            "efcdab8967452301"
            "0700000000000000"
            "0600000000000000"
            "0500000000000000");
  EXPECT_EQ(hex(file.substr(header_size + 4, 12)), "080000000700000000000000");
  EXPECT_EQ(hex(file.substr(header_size + record_header_size)), "0100010000006b76");
  EXPECT_EQ(hex(file.substr(48, 8)), "9f055e7b351bb9d9");
  EXPECT_EQ(hex(file.substr(header_size, 4)), "085047ac");
  EXPECT_EQ(hex(file.substr(header_size + 16, 8)), "f3ebd71f49e5576b");
}

TEST(JournalFormat, RecordsComeBackAsTheyWere) {
  using namespace std::chrono_literals;
  const Change change{.key = "k", .stored = "v", .expires = WallTime(-1ms), .version = 3};
  const Change erase{.key = Bytes(max_key_size, '\0'), .erased = true, .version = 4};
  const Done done{.watermark = 3, .ranges = {{1, 2}, {5, 5}}};
  Bytes file;
  append_record(file, id, change, {});
  append_record(file, id, erase, {});
  append_record(file, id, 5, done);
  append_record(file, id, DeadLetter{{.key = "d", .stored = "w", .version = 6}, "why"}, {});
  const Scan scanned = scan(file, 0, id, FileKind::segment);
  ASSERT_EQ(scanned.records.size(), 4U);
  EXPECT_EQ(std::get<Change>(*decode(scanned.records[0], id, {})), change);
  EXPECT_EQ(std::get<Change>(*decode(scanned.records[1], id, {})), erase);
  EXPECT_EQ(std::get<Done>(*decode(scanned.records[2], id, {})), done);
  EXPECT_EQ(std::get<DeadLetter>(*decode(scanned.records[3], id, {})).reason, "why");
  EXPECT_TRUE(scanned.damaged.empty());
  EXPECT_FALSE(scanned.torn);
  EXPECT_TRUE(scan(file, 0, id + 1, FileKind::segment).records.empty()) << "another journal's";
}

/// A value that holds the bytes of an older record must not become one when its own record is damaged.
TEST(JournalFormat, ARecordInsideAValueIsNone) {
  Bytes old;
  append_record(old, id, Change{.key = "a", .stored = "old", .version = 1}, {});
  Bytes file = old;
  append_record(file, id, Change{.key = "b", .stored = old, .version = 2}, {});
  file[old.size() + 5] ^= 1;
  append_record(file, id, Change{.key = "c", .version = 3}, {});
  const Scan scanned = scan(file, 0, id, FileKind::segment);
  ASSERT_EQ(scanned.records.size(), 2U);
  EXPECT_EQ(scanned.records[1].sequence, 3U);
  EXPECT_EQ(scanned.damaged.size(), 1U);
}

}  // namespace
}  // namespace terrace::journal

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <terrace/key_ring.hpp>

#include "envelope/entries.hpp"
#include "envelope/seal.hpp"
#include "support/child_process.hpp"

namespace terrace::envelope {
namespace {

namespace fs = std::filesystem;

const std::string one = "1 primary " + std::string(first_key) + "\n";
const std::string two = "2 secondary " + std::string(second_key) + "\n";

/// What the ring says is wrong with the text; no part of the text that could be a secret may be in it.
std::string complaint(const std::string& text) {
  try {
    (void)KeyRing::parse(text);
  } catch (const ConfigError& error) {
    const std::string what = error.what();
    for (std::size_t at = 0; at + 8 <= first_key.size(); ++at) {
      EXPECT_EQ(what.find(first_key.substr(at, 8)), std::string::npos) << what;
    }
    return what;
  }
  ADD_FAILURE() << "taken for a ring: " << text;
  return {};
}

bool says(const std::string& what, const std::string& part) {
  return what.find(part) != std::string::npos;
}

TEST(KeyRing, TakesCommentsBlanksAndCarriageReturns) {
  const auto keys =
      KeyRing::parse("# ours\r\n\n \t" + one.substr(0, one.size() - 1) + "  # the first\r\n\r\n" + two);
  EXPECT_EQ(unseal(*KeyRing::parse(one), "x", seal(*keys, "x", "y")).value(), "y");
  EXPECT_NO_THROW((void)KeyRing::parse(one.substr(0, one.size() - 1))) << "no last line end";
}

TEST(KeyRing, A37_SaysWhatIsWrongAndShowsNoSecret) {
  const std::string key(first_key);
  EXPECT_TRUE(says(complaint(""), "0 keys are primary"));
  EXPECT_TRUE(says(complaint("1 secondary " + key), "0 keys are primary"));
  EXPECT_TRUE(says(complaint(one + "2 primary " + std::string(second_key)), "2 keys are primary"));
  EXPECT_TRUE(says(complaint(key), "line 1: a key is a line ID STATE KEY"));
  EXPECT_TRUE(says(complaint("\n\n1 primary"), "line 3: a key is a line"));
  EXPECT_TRUE(says(complaint("1 primary " + key + " " + key), "line 1: a key is a line"));
  for (const std::string id : {"0", "-1", "+1", "1x", "4294967296", key.c_str()}) {
    EXPECT_TRUE(says(complaint(id + " primary " + key), "the id must be"));
  }
  EXPECT_TRUE(says(complaint("1 Primary " + key), "the state must be"));
  EXPECT_TRUE(says(complaint("1 " + key + " primary"), "the state must be"));
  for (const std::string& bad : {key.substr(1), key + key, key.substr(0, 43), "-" + key.substr(1), key + "=",
                                 std::string("AAAA"), std::string(44, '=')}) {
    EXPECT_TRUE(says(complaint("1 primary " + bad), "32 bytes in Base64"));
  }
  EXPECT_TRUE(says(complaint(one + "1 secondary " + std::string(second_key)), "line 2: id 1 is used twice"));
  EXPECT_TRUE(says(complaint(one + "2 secondary " + key), "line 2: the key is the same as that of id 1"));
  EXPECT_TRUE(says(complaint(std::string(70'000, '\n') + one), "more than 64 KiB"));
}

class KeyFileTest : public ::testing::Test {
 protected:
  [[nodiscard]] std::string file(mode_t mode, const std::string& text = one) const {
    const std::string path = folder_.file("keys");
    std::ofstream(path) << text;
    EXPECT_EQ(::chmod(path.c_str(), mode), 0);
    return path;
  }
  static std::string complaint(const std::string& path) {
    try {
      (void)KeyRing::from_file(path);
    } catch (const ConfigError& error) {
      EXPECT_TRUE(says(error.what(), path)) << error.what();
      EXPECT_FALSE(says(error.what(), std::string(first_key))) << error.what();
      return error.what();
    }
    ADD_FAILURE() << "read";
    return {};
  }
  testing::TempDir folder_;
};

TEST_F(KeyFileTest, A15_TheTextOfARingInThePlaceOfAPathIsNotShown) {
  const std::string key(first_key);
  for (const std::string& path :
       {one, "1 primary " + key, folder_.file(key), "x\t" + key + " y", "1 primary " + key.substr(0, 30)}) {
    try {
      (void)KeyRing::from_file(path);
      ADD_FAILURE() << "read";
    } catch (const ConfigError& error) {
      EXPECT_FALSE(says(error.what(), key.substr(0, 12))) << error.what();
      EXPECT_TRUE(says(error.what(), "KeyRing::parse")) << error.what();
    }
  }
  EXPECT_FALSE(says(complaint(folder_.file("my keys=1")), "KeyRing::parse"));
}

TEST_F(KeyFileTest, IsReadWhenOnlyItsOwnerMay) {
  EXPECT_NO_THROW((void)KeyRing::from_file(file(0600)));
  EXPECT_NO_THROW((void)KeyRing::from_file(file(0400)));
}

TEST_F(KeyFileTest, IsRefusedWhenOthersMayRead) {
  for (const mode_t mode : {0644, 0640, 0604, 0620, 0601, 0700, 04600}) {
    const std::string what = complaint(file(mode));
    EXPECT_TRUE(says(what, "only its owner may have access; run `chmod 600 ")) << what;
  }
  EXPECT_TRUE(says(complaint(file(0644)), "has mode 0644"));
}

TEST_F(KeyFileTest, SaysWhatIsWrongWithIt) {
  EXPECT_TRUE(says(complaint(folder_.file("none")), "No such file"));
  EXPECT_TRUE(says(complaint(folder_.path().string()), "not a regular file"));
  const std::string fifo = folder_.file("fifo");
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_TRUE(says(complaint(fifo), "not a regular file")) << "and it is not waited for";
  EXPECT_TRUE(says(complaint(file(0600, "nonsense")), "line 1"));
  EXPECT_TRUE(says(complaint(file(0600, std::string(1 << 20, '\n'))), "more than 64 KiB"));
}

TEST_F(KeyFileTest, A21_IsRefusedWhenSomeoneElseOwnsItOrTheLinkToIt) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give a file away";
  const std::string path = file(0600);
  const std::string link = folder_.file("link");
  fs::create_symlink(path, link);
  EXPECT_NO_THROW((void)KeyRing::from_file(link)) << "links are usual: Kubernetes mounts secrets so";
  ASSERT_EQ(::lchown(link.c_str(), 65534, 65534), 0);
  EXPECT_TRUE(says(complaint(link), "is a symbolic link of the user 65534")) << complaint(link);
  ASSERT_EQ(::lchown(link.c_str(), 0, 0), 0);
  ASSERT_EQ(::chown(path.c_str(), 65534, 65534), 0);
  EXPECT_TRUE(says(complaint(path), "belongs to the user 65534")) << complaint(path);
  EXPECT_TRUE(says(complaint(path), "chown")) << complaint(path);
  EXPECT_TRUE(says(complaint(link), "belongs to the user 65534")) << complaint(link);
}

TEST(KeyRotation, NewRingsDiffer) {
  EXPECT_NO_THROW((void)KeyRing::parse(generate_key_ring()));
  EXPECT_NE(generate_key_ring(), generate_key_ring());
}

TEST(KeyRotation, AtEachStepEveryoneReadsWhatOthersWriteBeforeAndAfter) {
  const std::string before = generate_key_ring();
  const std::string added = rotate_key_ring(before, RotationStep::add);
  const std::string promoted = rotate_key_ring(added, RotationStep::promote);
  const std::string retired = rotate_key_ring(promoted, RotationStep::retire);
  const auto reads = [](const std::string& reader, const std::string& writer) {
    return unseal(*KeyRing::parse(reader), "x", seal(*KeyRing::parse(writer), "x", "y")).has_value();
  };
  for (const auto& [a, b] : {std::pair(before, added), {added, promoted}, {promoted, retired}}) {
    EXPECT_TRUE(reads(a, b));
    EXPECT_TRUE(reads(b, a));
  }
  EXPECT_FALSE(reads(before, promoted)) << "so readers come first";
  EXPECT_FALSE(reads(retired, before));
  EXPECT_NO_THROW((void)rotate_key_ring(retired, RotationStep::add)) << "and so on";
}

TEST(KeyRotation, KeepsCommentsAndWhatItDoesNotChange) {
  const std::string text = "# ours\n" + two + "\n  1   primary " + std::string(first_key) + " # old";
  EXPECT_EQ(rotate_key_ring(text, RotationStep::promote), "# ours\n2 primary " + std::string(second_key) +
                                                              "\n\n  1   secondary " +
                                                              std::string(first_key) + " # old");
  const std::string added = rotate_key_ring(one.substr(0, one.size() - 1), RotationStep::add);
  EXPECT_TRUE(added.starts_with(one + "2 secondary ")) << "though the last line had no end";
}

TEST(KeyRotation, RefusesAStepThatIsNotItsTurn) {
  const auto complaint_of = [](const std::string& text, RotationStep step) -> std::string {
    try {
      (void)rotate_key_ring(text, step);
    } catch (const ConfigError& error) {
      return error.what();
    }
    return {};
  };
  EXPECT_TRUE(says(complaint_of(one, RotationStep::promote), "add one first"));
  EXPECT_TRUE(says(complaint_of(one, RotationStep::retire), "nothing to retire"));
  EXPECT_TRUE(says(complaint_of(one + two, RotationStep::add), "key 2 was added already: promote it first"));
  EXPECT_TRUE(says(complaint_of(one + two, RotationStep::retire), "nothing to retire")) << "key 2 is newer";
  EXPECT_TRUE(says(complaint_of("4294967295" + one.substr(1), RotationStep::add), "highest id"));
  EXPECT_TRUE(says(complaint_of("nonsense", RotationStep::add), "line 1"));
}

}  // namespace
}  // namespace terrace::envelope

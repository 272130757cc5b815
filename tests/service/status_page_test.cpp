// The page as it is served. What its script does with figures: status_page_test.js.
#include <gmock/gmock.h>
#include <sodium.h>

#include "service/admin_fixture.hpp"

namespace terrace {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class StatusPageTest : public AdminTest {
 protected:
  void SetUp() override { start(); }
};

TEST_F(StatusPageTest, IsOneFileThatAsksNobodyElse) {
  const auto page = ask("GET", "/", {}, {});
  EXPECT_EQ(page.status, 200U);
  EXPECT_EQ(page.header("Content-Type"), "text/html; charset=utf-8");
  EXPECT_LT(page.body.size(), 20'000U);
  for (const char* foreign : {"http://", "https://", "//cdn", "@import", "url("}) {
    EXPECT_THAT(page.body, Not(HasSubstr(foreign)));
  }
  EXPECT_THAT(page.body, HasSubstr("name=\"viewport\""));
  EXPECT_THAT(page.body, HasSubstr("prefers-color-scheme: dark"));
}

TEST_F(StatusPageTest, MakesNoMarkupOfWhatItShows) {
  const auto page = get("/");
  for (const char* way : {"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(",
                          "new Function", "srcdoc", " style=", " onclick=", " onload="}) {
    EXPECT_THAT(page.body, Not(HasSubstr(way)));
  }
}

TEST_F(StatusPageTest, OnlyItsOwnScriptMayRun) {
  const auto page = get("/");
  const std::string policy = page.header("Content-Security-Policy");
  for (const std::string tag : {"script", "style"}) {
    const std::size_t begin = page.body.find("<" + tag + ">") + tag.size() + 2;
    const std::string part = page.body.substr(begin, page.body.find("</" + tag + ">") - begin);
    const testing::TempDir place;
    std::array<unsigned char, crypto_hash_sha256_BYTES> digest{};
    crypto_hash_sha256(digest.data(), reinterpret_cast<const unsigned char*>(part.data()), part.size());
    std::array<char, 64> text{};
    sodium_bin2base64(text.data(), text.size(), digest.data(), digest.size(), sodium_base64_VARIANT_ORIGINAL);
    EXPECT_THAT(policy, HasSubstr(tag + "-src 'sha256-" + text.data() + "';"));
    EXPECT_EQ(page.body.find("<" + tag, begin), std::string::npos) << "one only";
  }
  EXPECT_THAT(policy, HasSubstr("default-src 'none'"));
  EXPECT_THAT(policy, Not(HasSubstr("unsafe")));
}

}  // namespace
}  // namespace terrace

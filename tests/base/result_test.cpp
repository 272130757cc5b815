#include <gtest/gtest.h>

#include <terrace/bytes.hpp>
#include <terrace/result.hpp>

namespace terrace {
namespace {

TEST(Result, HoldsAValueOrAnError) {
  const Result<int> value = 7;
  const Result<int> error = Error(Errc::timed_out, "redis get");
  EXPECT_EQ(value.value(), 7);
  EXPECT_TRUE(error.has_error());
  EXPECT_EQ(error.error(), Errc::timed_out);
  EXPECT_EQ(error.error().message(), "timed out: redis get");
}

TEST(Result, ValueOfAnErrorThrowsWithItsText) {
  const Result<int> error = Error(Errc::loader_failed, "the database said no");
  try {
    (void)error.value();
    FAIL() << "did not throw";
  } catch (const Exception& thrown) {
    EXPECT_EQ(thrown.code(), make_error_code(Errc::loader_failed));
    EXPECT_NE(std::string(thrown.what()).find("the database said no"), std::string::npos);
  }
}

TEST(Result, EveryCodeHasAText) {
  for (int code = 1; code <= static_cast<int>(Errc::invalid_argument); ++code) {
    EXPECT_EQ(error_category().message(code).find("unknown"), std::string::npos) << code;
  }
}

TEST(PrintableKey, ShowsControlBytesAndCutsLongKeys) {
  EXPECT_EQ(printable_key("user:1"), "\"user:1\"");
  EXPECT_EQ(printable_key(std::string_view("a\0\r\nb", 5)), "\"a\\x00\\x0d\\x0ab\"");
  EXPECT_EQ(printable_key("\"\\"), "\"\\x22\\x5c\"");
  EXPECT_NE(printable_key(std::string(100, 'x')).find("(100 bytes)"), std::string::npos);
}

}  // namespace
}  // namespace terrace

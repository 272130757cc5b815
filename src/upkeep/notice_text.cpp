#include "upkeep/notice_text.hpp"

#include <algorithm>
#include <array>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cstdio>

namespace terrace::upkeep {
namespace {

boost::json::value text(std::string_view view) {
  return boost::json::string(view.data(), view.size());
}

std::string_view words_for(AlertNotice::Kind kind) {
  if (kind == AlertNotice::Kind::repeated) return "still fires";
  if (kind == AlertNotice::Kind::broken) return "cannot be evaluated";
  if (kind == AlertNotice::Kind::mended) return "can be evaluated again";
  return to_string(kind);
}

}  // namespace

std::string to_iso8601(WallTime time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  std::array<char, 40> out{};
  std::snprintf(out.data(), out.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()), static_cast<int>(clock.subseconds().count()));
  return out.data();
}

std::string to_line(const AlertNotice& notice) {
  return "alert " + notice.rule + " " + std::string(words_for(notice.kind)) + " for cache " + notice.cache +
         ": " + notice.message;
}

std::string to_json(const AlertNotice& notice) {
  const boost::json::object object = {
      {"kind", text(to_string(notice.kind))}, {"rule", text(notice.rule)},
      {"cache", text(notice.cache)},          {"severity", text(to_string(notice.severity))},
      {"message", text(notice.message)},      {"since", text(to_iso8601(notice.since))},
      {"at", text(to_iso8601(notice.at))},
  };
  std::string out = boost::json::serialize(object);
  // A message may contain the text of a rule's exception: any bytes.
  boost::system::error_code invalid;
  boost::json::parse(out, invalid);
  if (invalid) {
    std::replace_if(
        out.begin(), out.end(), [](unsigned char c) { return c >= 0x80; }, '?');
  }
  return out;
}

}  // namespace terrace::upkeep

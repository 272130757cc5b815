#include "redis/server_error.hpp"

#include <string>
#include <terrace/bytes.hpp>

#include "redis/resp.hpp"

namespace terrace::redis {
namespace {

struct Meaning {
  std::string_view word;  // the first word of the reply
  Errc code;
  std::string_view hint;
};

constexpr Meaning meanings[] = {
    {"NOAUTH", Errc::denied, "the URL holds no password and the server wants one"},
    {"WRONGPASS", Errc::denied, "check user and password in the URL"},
    {"NOPERM", Errc::denied, "the user's ACL does not allow it"},
    {"WRONGTYPE", Errc::corrupt, "another program keeps data under this key"},
    {"OOM", Errc::unavailable, "the server is full (maxmemory) and takes no writes; erasing still works"},
    {"LOADING", Errc::unavailable, "the server is starting"},
    {"BUSY", Errc::unavailable, "a script holds the server up"},
    {"READONLY", Errc::unavailable, "the server is a replica; writes go to its primary"},
    {"MASTERDOWN", Errc::unavailable, "the replica lost its primary"},
    {"CLUSTERDOWN", Errc::unavailable, "the cluster does not serve this slot now"},
    {"MOVED", Errc::unavailable, "this is a node of a cluster; use redis-cluster://"},
    {"MISCONF", Errc::unavailable, "the server cannot save to disk and takes no writes"},
};

/// Without the parts of our command that the server quotes.
std::string clean(std::string_view text) {
  return harmless(text.substr(0, text.find(", with args")));
}

}  // namespace

std::string harmless(std::string_view text) {
  constexpr std::size_t longest = 200;
  std::string out;
  for (const char c : text.substr(0, longest)) out += c >= ' ' && c < 0x7f ? c : ' ';
  return out;
}

std::string_view unwrap(std::string_view text) {
  constexpr std::string_view transaction = "EXECABORT Transaction discarded because of: ";
  if (text.starts_with(transaction)) return text.substr(transaction.size());
  constexpr std::string_view place = "@user_script:";
  const auto at = text.rfind(place);
  if (!text.starts_with("ERR Error running script") || at == std::string_view::npos) return text;
  const auto inner = text.find_first_not_of(" 0123456789:-", at + place.size());
  return inner == std::string_view::npos ? text : text.substr(inner);
}

Error server_error(std::string_view text, std::string_view server) {
  std::string context = "Redis " + std::string(server) + ": ";
  if (text.starts_with(ReplyReader::too_large)) {
    return {Errc::value_too_large, context + clean(text.substr(ReplyReader::too_large.size()))};
  }
  text = unwrap(text);
  context += clean(text);
  const auto word = text.substr(0, text.find(' '));
  for (const auto& meaning : meanings) {
    if (word == meaning.word) return {meaning.code, context + " (" + std::string(meaning.hint) + ")"};
  }
  if (text.find("user executing the script") != std::string_view::npos) {
    return {Errc::denied, context + " (a script of terrace needs it: see \"Settings for a Redis server\")"};
  }
  // The greeting has words of its own for HELLO.
  if ((text.starts_with("ERR unknown command") && text.find("HELLO") == std::string_view::npos) ||
      text.find("Unknown Redis command called from") != std::string_view::npos) {
    return {Errc::unavailable, context + " (terrace needs this command; it was renamed, or a proxy lacks it)"};
  }
  return {Errc::unavailable, context};
}

}  // namespace terrace::redis

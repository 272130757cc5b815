#include "assembly/tier_url.hpp"

#include <algorithm>
#include <charconv>
#include <set>
#include <terrace/bytes.hpp>
#include <terrace/hash_ring.hpp>

#include "assembly/schemes.hpp"
#include "assembly/settings.hpp"
#include "assembly/store_url.hpp"

namespace terrace::assembly {
namespace {

/// Nesting of lists; more is a mistake, and deep nesting would use up the stack.
constexpr unsigned deepest = 8;

TierUrl read(std::string_view text, const std::string& where, unsigned depth);

double read_weight(std::string_view text, const std::string& where) {
  double weight = 0;
  const auto [rest, error] =
      std::from_chars(text.data(), text.data() + text.size(), weight, std::chars_format::fixed);
  if (error != std::errc() || rest != text.data() + text.size() ||
      !(weight > 0 && weight <= HashRing::max_weight)) {
    refuse(where, "the weight is not a number above 0 and at most 1000, as in a*2=…");
  }
  return weight;
}

Member read_member(std::string_view text, const std::string& where, unsigned depth) {
  const Label label = label_of(text);
  text.remove_prefix(label.length);
  const Scheme* const scheme = scheme_of(text);
  if (scheme != nullptr && (scheme->kind == Kind::sharded || scheme->kind == Kind::replicated)) {
    refuse(where, "a list inside a list needs brackets: [" + std::string(scheme->text) + "…]");
  }
  Member member;
  if (label.weight) member.weight = read_weight(*label.weight, where);
  member.tier = read(text, where, depth);
  member.name = label.name.empty() ? member.tier.address : std::string(label.name);
  return member;
}

/// Cuts the query off the list's text if it belongs to the list. A key that neither can know is left for
/// read_settings to reject.
std::vector<Setting> take_query(Kind kind, std::string_view& text, std::string_view last,
                                const std::string& where) {
  const std::size_t at = query_at(last);
  if (at == last.size()) return {};
  const std::string_view query = last.substr(at + 1);
  // A ? in a password looks like the beginning of a query.
  if (query.find('@') != std::string_view::npos) {
    refuse(where, "there is an @ after a ?; in user and password write %3F for ? and %40 for @");
  }
  std::vector<Setting> settings = split_query(query);
  last.remove_prefix(label_of(last).length);
  const bool strange = std::none_of(settings.begin(), settings.end(),
                                    [&](const Setting& setting) { return knows(kind, setting.key); });
  if (strange && takes_query(last)) return {};
  text.remove_suffix(query.size() + 1);
  return settings;
}

void check_names(const std::vector<Member>& members, const std::string& where) {
  std::set<std::string_view> names;
  for (const Member& member : members) {
    if (names.insert(member.name).second) continue;
    refuse(where, "two members are called " + printable_key(member.name) +
                      "; give each server once, and names with name=url only once");
  }
}

TierUrl read_list(Kind kind, std::string_view text, const std::string& before, unsigned depth) {
  const std::string scheme = kind == Kind::sharded ? "sharded:" : "replicated:";
  const std::string where = before + scheme + " ";
  if (text.empty()) refuse(where, "the list is empty; write " + scheme + "redis://a,redis://b");
  const auto settings = take_query(kind, text, split_list(text, where).back(), where);
  TierUrl out;
  out.kind = kind;
  for (const std::string_view part : split_list(text, where)) {
    const std::string here = where + "member " + std::to_string(out.members.size() + 1) + ": ";
    Member member = read_member(part, here, depth);
    if (kind == Kind::replicated && member.tier.kind != Kind::redis) {
      refuse(here, "it cannot be a node, because it keeps no versions: use redis://, rediss:// or unix://");
    }
    out.address += (out.members.empty() ? scheme : ",") + member.tier.address;
    out.members.push_back(std::move(member));
  }
  check_names(out.members, where);
  out.settings = read_settings(kind, settings, where);
  return out;
}

[[noreturn]] void refuse_scheme(std::string_view text, const std::string& where) {
  const std::string_view scheme = scheme_like(text);
  std::string why =
      scheme.empty() ? "there is no scheme" : "the scheme " + printable_key(scheme) + " is unknown";
  // Inside a list it may be a part of a password that contains a comma.
  if (!where.empty() && !scheme.empty()) why = "its scheme is unknown";
  refuse(where, why + "; the known ones are " + known_schemes());
}

TierUrl read(std::string_view text, const std::string& where, unsigned depth) {
  if (depth > deepest) refuse(where, "lists are nested more than " + std::to_string(deepest) + " deep");
  if (text.empty()) refuse(where, "it is empty; write for instance redis://127.0.0.1:6379");
  if (text.starts_with('[')) {
    static_cast<void>(split_list(text, where));  // checks that the brackets are in pairs
    std::size_t open = 0;
    const auto end = std::find_if(text.begin(), text.end(), [&](char c) {
      open += c == '[' ? 1 : 0;
      return c == ']' && --open == 0;
    });
    if (end + 1 != text.end())
      refuse(where, "something follows the ] that closes its [; a comma must come next");
    return read(text.substr(1, text.size() - 2), where, depth + 1);
  }
  const Scheme* const scheme = scheme_of(text);
  if (scheme == nullptr) refuse_scheme(text, where);
  if (scheme->kind == Kind::sharded || scheme->kind == Kind::replicated) {
    return read_list(scheme->kind, text.substr(scheme->text.size()), where, depth);
  }
  if (split_list(text, where).size() > 1) {
    refuse(where, "there are several URLs; write sharded: or replicated: before them");
  }
  return read_store(*scheme, text, where);
}

/// A store that is two members would hold two copies of a key as one, and would be asked twice.
void check_stores(const TierUrl& tier, std::set<std::string>& seen) {
  if (tier.members.empty() && !seen.insert(tier.address).second) {
    refuse("", printable_key(tier.address) + " is given twice; give each store once");
  }
  for (const Member& member : tier.members) check_stores(member.tier, seen);
}

}  // namespace

TierUrl parse_tier_url(std::string_view url) {
  TierUrl tier = read(url, "", 0);
  std::set<std::string> stores;
  check_stores(tier, stores);
  return tier;
}

}  // namespace terrace::assembly

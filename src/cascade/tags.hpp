#pragma once
/// Tags: the lookup of tags' tokens, and the invalidation of a tag (tags.cpp). The tokens that an entry keeps
/// of its tags: terrace/detail/cascade/tags.hpp.

#include "cascade/core.hpp"

namespace terrace::cascade {

/// The tokens of the tags, in their order. A tag that has no token has unknown_token.
void find_tag_tokens(const std::shared_ptr<Core>& core, const std::vector<std::string>& tags,
                     Handler<Result<std::vector<Token>>> done);
/// The same for an entry that is gone after `life` (none: it does not expire): a tag that has no token gets a
/// random one, and each token stays in its tier as long as the entry.
void make_tag_tokens(const std::shared_ptr<Core>& core, const std::vector<std::string>& tags,
                     std::optional<Duration> life, Handler<Result<std::vector<Token>>> done);
/// Makes every entry with the tag unusable, or stale if `soft`.
void invalidate_tag(const std::shared_ptr<Core>& core, std::string tag, bool soft,
                    Handler<Result<std::uint64_t>> done);
/// No error: all of them may be tags.
std::optional<Error> refuse_tags(const std::vector<std::string>& tags);

}  // namespace terrace::cascade

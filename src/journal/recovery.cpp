#include "journal/recovery.hpp"

#include <algorithm>
#include <optional>
#include <terrace/result.hpp>

#include "base/assert.hpp"

namespace terrace::journal {
namespace {

class Recovery {
 public:
  Recovery(Directory& directory, const Sealing& sealing) : directory_(directory), sealing_(sealing) {}

  Recovered run(const std::function<void(Change)>& found) {
    choose_files();
    for (std::size_t i = 0; i < names_.size(); ++i) survey(names_[i], i + 1 == names_.size());
    TERRACE_ASSERT(watermark_ == 0 || !names_.empty());
    if (watermark_ != 0 && names_.front().number > watermark_)
      report_missing(watermark_, names_.front().number);
    tell_pending(found);
    result_.next = std::max(result_.next, result_.follows) + sequence_gap;
    directory_.sync();
    return std::move(result_);
  }

 private:
  /// Selects the segments of this journal, oldest first. Those of another journal are moved aside.
  void choose_files() {
    for (const std::string& name : directory_.names()) {
      const auto parsed = FileName::parse(name);
      if (!parsed || parsed->ending != ".log") continue;
      const std::string why = directory_.objection(name);
      if (why.empty()) {
        names_.push_back(*parsed);
      } else {
        put_aside(name, directory_.size(name), why);
      }
    }
    if (names_.empty()) return;
    std::sort(names_.begin(), names_.end(), [](auto& a, auto& b) { return a.number < b.number; });
    result_.id = names_.back().id;
    result_.next = names_.back().number;
    std::erase_if(names_, [this](const FileName& name) {
      if (name.id == result_.id) return false;
      put_aside(name.text(), directory_.read(name.text()).size(), "a segment of another journal");
      return true;
    });
  }

  /// Records the content of one segment, and repairs it.
  void survey(const FileName& name, bool last) {
    const std::string text = name.text();
    const Bytes file = directory_.read(text);
    const auto header = header_of(name, file, last);
    if (!header) return;
    if (result_.follows != 0 && header->follows > result_.follows)
      report_missing(result_.follows, header->follows);
    result_.follows = std::max(result_.follows, name.number);
    watermark_ = std::max(watermark_, header->watermark);

    Scan scanned = scan(file, header_size, result_.id, FileKind::segment, name.number);
    if (scanned.torn && !last) scanned.damaged.push_back(*std::exchange(scanned.torn, {}));
    for (const Stretch& stretch : scanned.damaged) quarantine(text, file, stretch, "unreadable");
    not_sealed_ = {};
    for (const RecordView& record : scanned.records) {
      result_.follows = record.sequence + 1;
      note(text, file, record);
    }
    put_unsealed_aside(text, file);
    std::uint64_t size = file.size();
    if (scanned.torn) {
      TERRACE_ASSERT(last && scanned.torn->offset + scanned.torn->size == file.size());
      size = scanned.torn->offset;
      result_.torn_bytes += scanned.torn->size;
      directory_.cut(text, size);
    }
    result_.segments.push_back({text, result_.follows, size});
  }

  /// The header, or the data from the file name; nothing if the file is not one of ours.
  std::optional<FileHeader> header_of(const FileName& name, BytesView file, bool last) {
    const auto header = decode_header(file);
    if (header && header->id == name.id && header->first == name.number && header->kind == FileKind::segment)
      return *header;
    if (header) {
      put_aside(name.text(), file.size(), "the header of another segment");
      return {};
    }
    if (header.error() == Errc::incompatible)
      throw ConfigError("the journal file " + name.text() + " has " + header.error().context +
                        ": read it with the version of terrace that wrote it");
    if (last && file.size() < header_size) {
      result_.torn_bytes += file.size();
      directory_.remove(name.text());
      return {};
    }
    quarantine(name.text(), file, {0, std::min(header_size, file.size())}, header.error().context);
    return FileHeader{.id = name.id, .first = name.number};
  }

  void note(const std::string& file_name, BytesView file, const RecordView& record) {
    const auto content = decode(record, result_.id, sealing_);
    if (!content && content.error() == Errc::corrupt) {
      quarantine(file_name, file, {record.offset, record.end() - record.offset}, content.error().context);
    } else if (!content && content.error() == Errc::incompatible) {
      if (not_sealed_.count++ == 0) not_sealed_.begin = record.offset;
      not_sealed_.end = record.end();
    } else if (!content) {
      throw ConfigError("record " + std::to_string(record.sequence) + " of the journal file " + file_name +
                        " cannot be opened: " + content.error().context +
                        "; give the keys that it was sealed with, or another path");
    } else if (const auto* done = std::get_if<Done>(&*content)) {
      watermark_ = std::max(watermark_, done->watermark);
      for (const auto& [first, last] : done->ranges) marked_.mark(first, last);
    } else if (std::holds_alternative<Change>(*content)) {
      changes_.push_back(record.sequence);
    }
  }

  /// One copy and one report for all of a segment: there may be many, when keys were set with changes pending.
  void put_unsealed_aside(const std::string& name, BytesView file) {
    const auto& [count, begin, end] = not_sealed_;
    if (count == 0) return;
    quarantine(name, file, {begin, end - begin},
               std::to_string(count) + (count == 1 ? " record is" : " records are") +
                   " not sealed, and the cache has keys: not taken over");
  }

  /// Reads the segments with pending changes once more. Everything else counts as done.
  void tell_pending(const std::function<void(Change)>& found) {
    if (watermark_ > 0) marked_.mark(0, watermark_ - 1);
    std::erase_if(changes_, [this](std::uint64_t number) { return marked_.contains(number); });
    result_.pending = changes_.size();
    std::uint64_t next = 0;
    for (const std::uint64_t number : changes_) {
      if (number > next) result_.done.mark(next, number - 1);
      next = number + 1;
    }
    if (result_.follows > next) result_.done.mark(next, result_.follows - 1);

    auto from = changes_.begin();
    for (const Segment& segment : result_.segments) {
      if (from == changes_.end() || *from >= segment.end) continue;
      const Bytes file = directory_.read(segment.name);
      const std::uint64_t first = FileName::parse(segment.name)->number;
      for (const RecordView& record : scan(file, header_size, result_.id, FileKind::segment, first).records) {
        if (from == changes_.end() || record.sequence != *from) continue;
        ++from;
        found(std::get<Change>(decode(record, result_.id, sealing_).value()));
      }
    }
  }

  /// Copies the bytes aside, unless an earlier recovery has done so.
  void quarantine(const std::string& name, BytesView file, Stretch stretch, const std::string& what) {
    const std::string copy = name + "." + std::to_string(stretch.offset) + ".damaged";
    TERRACE_ASSERT(stretch.offset <= file.size() && stretch.size <= file.size() - stretch.offset);
    const BytesView bytes = file.substr(stretch.offset, stretch.size);
    const auto names = directory_.names();
    if (!std::binary_search(names.begin(), names.end(), copy) || !directory_.objection(copy).empty() ||
        directory_.read(copy) != bytes) {
      directory_.remove(copy);
      File aside = directory_.create(copy);
      aside.append(bytes);
      aside.sync();
    }
    result_.damage.push_back({name + " at " + std::to_string(stretch.offset), stretch.size, what});
  }

  void put_aside(const std::string& name, std::uint64_t size, const std::string& what) {
    directory_.rename(name, name + ".damaged");
    result_.damage.push_back({name, size, what});
  }

  void report_missing(std::uint64_t first, std::uint64_t end) {
    result_.damage.push_back(
        {"", 0, "records " + std::to_string(first) + " … " + std::to_string(end - 1) + " are missing"});
  }

  Directory& directory_;
  const Sealing& sealing_;
  Recovered result_;
  std::vector<FileName> names_;
  struct {
    std::uint64_t count = 0;
    std::size_t begin = 0;
    std::size_t end = 0;
  } not_sealed_;  // records of the segment under survey: from the first to the last of them
  std::uint64_t watermark_ = 0;
  DoneSet marked_;
  std::vector<std::uint64_t> changes_;
};

}  // namespace

Recovered recover(Directory& directory, const Sealing& sealing, const std::function<void(Change)>& found) {
  return Recovery(directory, sealing).run(found);
}

}  // namespace terrace::journal

#include "journal/inspection.hpp"

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "journal/directory.hpp"
#include "journal/done_set.hpp"

namespace terrace::journal {
namespace {

InspectedChange summary_of(const Change& change) {
  return {.number = change.version,
          .erased = change.erased,
          .key = change.key,
          .stored_bytes = change.stored.size(),
          .expires = change.expires};
}

class Inspector {
 public:
  explicit Inspector(const std::string& path) : directory_(Directory::look(path)) {}

  Inspection run() {
    for (const std::string& name : directory_.names()) {
      if (const auto why = objection(name); !why || !why->empty()) {
        if (why && (FileName::parse(name) || name.ends_with(".damaged")))
          result_.quarantined.emplace_back(name + " (" + *why + ")", 0);
      } else if (const auto parsed = FileName::parse(name)) {
        if (const auto bytes = read(name)) look_at(*parsed, *bytes);
      } else if (name.ends_with(".damaged")) {
        if (const auto bytes = read(name)) result_.quarantined.emplace_back(name, bytes->size());
      }
    }
    if (watermark_ > 0) done_.mark(0, watermark_ - 1);
    for (InspectedFile& file : result_.files)
      for (InspectedChange& change : file.changes)
        change.done = file.kind == FileKind::dead_letters || done_.contains(change.number);
    return std::move(result_);
  }

 private:
  /// Why the file is not read; nothing if it is gone.
  [[nodiscard]] std::optional<std::string> objection(const std::string& name) const try {
    return directory_.objection(name);
  } catch (const std::system_error& fault) {
    if (fault.code() == std::errc::no_such_file_or_directory) return {};
    throw;
  }

  /// Nothing for a segment that was done and removed since it was listed.
  [[nodiscard]] std::optional<Bytes> read(const std::string& name) const try {
    return directory_.read(name);
  } catch (const std::system_error& fault) {
    if (fault.code() == std::errc::no_such_file_or_directory) return {};
    throw;
  }

  void look_at(const FileName& name, BytesView bytes) {
    InspectedFile file{.name = name.text(),
                       .kind = name.ending == ".dead" ? FileKind::dead_letters : FileKind::segment,
                       .bytes = bytes.size()};
    const auto header = decode_header(bytes);
    if (header) {
      watermark_ = std::max(watermark_, header->watermark);
    } else if (header.error() == Errc::incompatible) {
      throw ConfigError(file.name + " has " + header.error().context +
                        ": use the version of terrace that wrote it");
    } else if (bytes.size() < header_size) {
      file.torn = Stretch{0, bytes.size()};
    } else {
      file.damaged.push_back({0, header_size});
    }
    Scan scanned = scan(bytes, header_size, name.id, file.kind, name.number);
    for (const RecordView& record : scanned.records) note(file, record, name.id);
    file.damaged.insert(file.damaged.end(), scanned.damaged.begin(), scanned.damaged.end());
    if (scanned.torn) file.torn = scanned.torn;
    result_.files.push_back(std::move(file));
  }

  void note(InspectedFile& file, const RecordView& record, std::uint64_t id) {
    if (is_sealed(record)) {
      file.changes.push_back(
          {.number = record.sequence, .sealed = true, .stored_bytes = record.payload.size()});
      return;
    }
    const auto content = decode(record, id, {});
    if (!content) {
      file.damaged.push_back({record.offset, record.end() - record.offset});
    } else if (const auto* change = std::get_if<Change>(&*content)) {
      file.changes.push_back(summary_of(*change));
    } else if (const auto* letter = std::get_if<DeadLetter>(&*content)) {
      file.changes.push_back(summary_of(letter->change));
      file.changes.back().reason = letter->reason;
    } else {
      const Done& mark = std::get<Done>(*content);
      ++file.marks;
      watermark_ = std::max(watermark_, mark.watermark);
      for (const auto& [first, last] : mark.ranges) done_.mark(first, last);
    }
  }

  Directory directory_;
  Inspection result_;
  DoneSet done_;
  std::uint64_t watermark_ = 0;
};

}  // namespace

Inspection inspect(const std::string& path) {
  Inspection found = Inspector(path).run();
  if (found.files.empty())
    throw ConfigError(path + " is not a journal: give the directory in WriteBackOptions::path");
  return found;
}

}  // namespace terrace::journal

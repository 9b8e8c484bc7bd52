#include "collectors/ollama/log/journal_tail.hpp"

#include <systemd/sd-journal.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <system_error>
#include <utility>

#include "collectors/read_watch.hpp"
#include "collectors/sysfs_file.hpp"

namespace tegrascope {

void JournalTail::Close::operator()(sd_journal* journal) const { sd_journal_close(journal); }

JournalTail::JournalTail(std::filesystem::path root, std::string unit)
    : root_(std::move(root)), unit_(std::move(unit)) {}
JournalTail::~JournalTail() = default;

std::optional<ReadError> JournalTail::poll(const LogLines::Sink& sink) {
  more_ = false;
  changes_fd_ = -1;
  const WatchedRead watched(root_ / "var/log/journal");
  if (watched.refused()) return hang_error("the journal of " + unit_);
  if (!journal_) {
    if (failed_ && polls_until_try_-- > 0) return failed_;
    failed_ = open();
    polls_until_try_ = kPollsBetweenTries;
    if (failed_) {
      journal_.reset();
      return failed_;
    }
  }
  // Looks for files that were rotated in or vacuumed away.
  sd_journal_process(journal_.get());
  for (std::uint64_t taken = 0; taken < kMaxEntriesPerPoll; ++taken) {
    const int result = at_entry_ ? 1 : sd_journal_next(journal_.get());
    at_entry_ = false;
    if (result == 0) {
      // A network file system does not tell what other machines write.
      if (sd_journal_reliable_fd(journal_.get()) > 0) changes_fd_ = sd_journal_get_fd(journal_.get());
      return std::nullopt;
    }
    if (result < 0) {
      journal_.reset();
      return error(ErrorReason::missing, std::generic_category().message(-result));
    }
    take_entry(sink);
  }
  more_ = true;
  return std::nullopt;
}

std::optional<ReadError> JournalTail::open() {
  sd_journal* opened = nullptr;
  int result = sd_journal_open_directory(&opened, root_.c_str(), SD_JOURNAL_OS_ROOT);
  journal_.reset(opened);
  if (result < 0) return error(ErrorReason::missing, std::generic_category().message(-result));

  // Journals of other machines may lie beside ours.
  std::string machine = read_once(root_ / "etc/machine-id");
  while (!machine.empty() && machine.back() == '\n') machine.pop_back();
  const std::string of_unit = "_SYSTEMD_UNIT=" + unit_;
  const std::string of_machine = "_MACHINE_ID=" + machine;
  result = sd_journal_add_match(opened, of_unit.data(), of_unit.size());
  if (result >= 0 && !machine.empty())
    result = sd_journal_add_match(opened, of_machine.data(), of_machine.size());
  // Without it the journal does not notice new files.
  if (result >= 0) result = sd_journal_get_fd(opened);
  if (result >= 0) {
    result = last_microseconds_ > 0 ? sd_journal_seek_realtime_usec(opened, last_microseconds_ + 1)
                                    : sd_journal_seek_tail(opened);
  }
  if (result >= 0 && last_microseconds_ == 0) {
    result = sd_journal_previous_skip(opened, kBacklogEntries);
    at_entry_ = result > 0;
    if (result == 0)
      return error(ErrorReason::permission,
                   "no entry that this user may read: give it the group systemd-journal");
  }
  if (result < 0) return error(ErrorReason::missing, std::generic_category().message(-result));
  return std::nullopt;
}

void JournalTail::take_entry(const LogLines::Sink& sink) {
  sd_journal_get_realtime_usec(journal_.get(), &last_microseconds_);
  const void* data = nullptr;
  std::size_t size = 0;
  if (sd_journal_get_data(journal_.get(), "MESSAGE", &data, &size) < 0) return;
  std::string_view message(static_cast<const char*>(data), size);
  constexpr std::string_view kField = "MESSAGE=";
  message.remove_prefix(std::min(message.size(), kField.size()));
  LogLines lines;
  lines.feed(message, sink);
  lines.finish(sink);
}

ReadError JournalTail::error(ErrorReason reason, const std::string& what) const {
  return {reason, "the journal of " + unit_ + ": " + what};
}

}  // namespace tegrascope

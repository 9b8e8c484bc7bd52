// Follows what a systemd unit writes to the journal (sd-journal(3)): Ollama's own installer makes such a unit.
// Reads journal files, writes nothing, asks no daemon.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "collectors/ollama/log/log_source.hpp"

struct sd_journal;

namespace tegrascope {

class JournalTail : public LogSource {
 public:
  static constexpr std::uint64_t kMaxEntriesPerPoll = 10'000;
  // Ollama writes some hundred lines for each load of a model.
  static constexpr std::uint64_t kBacklogEntries = 20'000;
  // Polls between two tries to open a journal that cannot be read: each looks at every journal file.
  static constexpr int kPollsBetweenTries = 30;

  // `root`: of the file system whose journal it is (below var/log/journal and run/log/journal). `unit`: its full
  // name, as ollama.service.
  JournalTail(std::filesystem::path root, std::string unit);
  ~JournalTail() override;

  // A journal without any entry of the unit counts as one that may not be read (reason permission): Ollama writes
  // lines when it starts, and journald does not tell a user what is kept from him.
  std::optional<ReadError> poll(const LogLines::Sink& sink) override;
  bool more() const override { return more_; }
  int changes_fd() const override { return changes_fd_; }

 private:
  struct Close {
    void operator()(sd_journal* journal) const;
  };

  std::optional<ReadError> open();
  void take_entry(const LogLines::Sink& sink);
  ReadError error(ErrorReason reason, const std::string& what) const;

  const std::filesystem::path root_;
  const std::string unit_;
  std::unique_ptr<sd_journal, Close> journal_;
  bool at_entry_ = false;                // the journal stands on an entry that was not read yet
  std::uint64_t last_microseconds_ = 0;  // wall time of the last entry that was read
  std::optional<ReadError> failed_;      // the last try to open it
  int polls_until_try_ = 0;
  bool more_ = false;
  int changes_fd_ = -1;
};

}  // namespace tegrascope

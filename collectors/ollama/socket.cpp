#include "collectors/ollama/socket.hpp"

#include <unistd.h>

#include <utility>

namespace tegrascope {

void Socket::open(int descriptor) {
  close();
  descriptor_ = descriptor;
}

void Socket::close() {
  if (!is_open()) return;
  if (std::exchange(watched_, 0) != 0) loop_.forget(*this);
  ::close(std::exchange(descriptor_, -1));
  for (std::coroutine_handle<>* waiting : {&reader_, &writer_})
    if (*waiting) loop_.resume_soon(std::exchange(*waiting, {}));
}

void Socket::watch(std::uint32_t events) {
  if (events == watched_) return;
  // Unwatched it is taken out: with no event left it would still be told of its end, again and again.
  const int operation = watched_ == 0 ? EPOLL_CTL_ADD : events == 0 ? EPOLL_CTL_DEL : EPOLL_CTL_MOD;
  loop_.watch(*this, operation, events);
  watched_ = events;
}

[[gnu::hot]] void Socket::wait(std::uint32_t event, std::coroutine_handle<> waiting) {
  watch(watched_ | event);
  (event == EPOLLIN ? reader_ : writer_) = waiting;
}

[[gnu::hot]] void Socket::on_events(std::uint32_t events) {
  if ((events & (EPOLLERR | EPOLLHUP)) != 0) events |= EPOLLIN | EPOLLOUT;
  const auto reader = (events & EPOLLIN) != 0 ? std::exchange(reader_, {}) : nullptr;
  const auto writer = (events & EPOLLOUT) != 0 ? std::exchange(writer_, {}) : nullptr;
  std::uint32_t watched = watched_;
  if ((events & EPOLLIN) != 0 && !reader) watched &= ~std::uint32_t{EPOLLIN};
  if ((events & EPOLLOUT) != 0) watched &= ~std::uint32_t{EPOLLOUT};
  watch(watched);
  // Either may end this.
  if (reader) reader.resume();
  if (writer) writer.resume();
}

}  // namespace tegrascope

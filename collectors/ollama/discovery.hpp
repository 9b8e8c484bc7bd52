// Finds the Ollama servers of this machine without asking anybody: processes, their sockets, published ports.
#pragma once

#include <vector>

#include "agent/model/ollama.hpp"
#include "collectors/collector.hpp"
#include "collectors/ollama/server_address.hpp"

namespace tegrascope {

// Every `ollama serve` under PROCFS that can be reached from here, ordered by pid, one per host:port. Blocks
// for file reads only; never throws; what cannot be read is passed over. Call it on a thread that may read
// files.
//
// - Its port comes from OLLAMA_HOST in PROCFS/PID/environ. Without the right to read that: 11434 when it
// listens there,
//   else the one listening port of its user that no runner (--port) claims.
// - It is in another network namespace when ns/net of both can be read and differ, or else when
// PROCFS/PID/net/tcp{,6}
//   and the agent's own table (PROCFS/self, PROCFS/1) share no socket inode: port numbers may repeat in two
//   namespaces, socket inodes do not. Where neither can be told it counts as the same namespace, unless it is
//   the only serve and a docker-proxy publishes its port.
// - In another namespace it is reached through a published port (`docker-proxy -host-port P -container-ip IP
//   -container-port N`, IP being one of the namespace's own addresses in net/fib_trie): http://127.0.0.1:P.
//   No such proxy: at its own address. Neither known: the server is left out.
std::vector<OllamaServer> discover_servers(const HostPaths& paths);

// Sets serve_pid of servers given by URL: the `ollama serve` that is reached at that host and port;
// otherwise, with one server and one serve process, they belong together. Leaves 0 where nothing fits.
void assign_serve_pid(std::vector<OllamaServer>& servers, const HostPaths& paths);

}  // namespace tegrascope

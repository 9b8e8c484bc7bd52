#include "agent/placement/cures.hpp"

#include <charconv>

namespace tegrascope {
namespace {

using enum ReasonClass;

constexpr const char* kInstall = "curl -fsSL https://ollama.com/install.sh | sh";

std::string container_of(const CurePlace& place) {
  return place.container_id.empty() ? "CONTAINER" : place.container_id;
}

bool is_jetpack_5_or_6(const CurePlace& place) { return place.l4t_major == 35 || place.l4t_major == 36; }

std::string run_stock_image(const CurePlace& place) {
  std::string command = "docker stop " + container_of(place) + " && docker run -d --name ollama-gpu ";
  if (place.jetson) {
    command += "--runtime nvidia ";
    if (is_jetpack_5_or_6(place))
      command += "-e JETSON_JETPACK=" + std::to_string(place.l4t_major - 30) + " ";
  } else {
    command += "--gpus=all ";
  }
  return command +
         "-p 127.0.0.1:11434:11434 -v ollama:/root/.ollama ollama/ollama  # the container, with the GPU";
}

// The images of jetson-containers hold an Ollama built for the board.
std::string run_jetson_image(const CurePlace& place) {
  if (!is_jetpack_5_or_6(place)) return run_stock_image(place);
  return "docker stop " + container_of(place) +
         " && docker run -d --name ollama-gpu --runtime nvidia -p 127.0.0.1:11434:11434 -v ollama:/ollama -e "
         "OLLAMA_MODELS=/ollama -e OLLAMA_LOGS=/ollama/ollama.log dustynv/ollama:" +
         (place.l4t_major == 36 ? "r36.4.0" : "r35.4.1") + "  # an image with Ollama built for this JetPack";
}

// CUDA 10.2, which no Ollama is built for.
bool is_jetpack_4(const CurePlace& place) { return place.jetson && place.l4t_major == 32; }

constexpr const char* kJetpack4 =
    "git clone https://github.com/ggml-org/llama.cpp  # no Ollama is built for JetPack 4 (CUDA 10.2): "
    "llama.cpp built on "
    "the board, or a board with JetPack 5 and later";

std::string restart(const CurePlace& place) {
  return place.container ? "docker restart " + container_of(place) : "sudo systemctl restart ollama";
}

std::string read_log(const CurePlace& place) {
  return place.container ? "docker logs --tail 200 " + container_of(place)
                         : "journalctl -u ollama -n 200 --no-pager";
}

std::string cure_no_gpu(const CurePlace& place) {
  if (!place.gpu_present) {
    return "lspci | grep -i nvidia  # no GPU that Ollama supports (compute capability 5.0 and above): on the "
           "CPU only a "
           "smaller model is faster";
  }
  if (is_jetpack_4(place)) return kJetpack4;
  if (place.container) return run_stock_image(place);
  return "sudo systemctl restart ollama && sleep 10 && " +
         std::string("journalctl -u ollama -b | grep 'inference compute'") +
         "  # library=cpu again: the reason stands above that line";
}

std::string cure_library(const CurePlace& place) {
  if (place.container) return run_stock_image(place);
  if (place.jetson)
    return "sudo apt-get install --reinstall nvidia-l4t-cuda && sudo systemctl restart ollama  # Ollama "
           "before 0.1.30 "
           "does not look for it on a Jetson: then " +
           std::string(kInstall);
  return "sudo apt-get install nvidia-driver-full && sudo reboot  # or the driver package of your system";
}

std::string cure_driver(const CurePlace& place) {
  if (place.container && place.jetson) return run_jetson_image(place);
  if (place.jetson)
    return "sudo reboot  # if it stays: kernel driver and libraries are of two JetPacks; sudo apt-get "
           "install "
           "--reinstall nvidia-l4t-core nvidia-l4t-cuda";
  return "sudo rmmod nvidia_uvm && sudo modprobe nvidia_uvm && " + restart(place) +
         "  # the driver loses the GPU when the machine sleeps";
}

std::string cure_backend(const CurePlace& place) {
  if (is_jetpack_4(place)) return kJetpack4;
  if (!place.container) return std::string(kInstall) + "  # fetches the build for this machine";
  if (place.jetson && !place.stock_image) return run_jetson_image(place);
  return run_stock_image(place);
}

}  // namespace

CurePlace cure_place(const BoardIdentity& board) {
  CurePlace place;
  place.jetson = board.jetson;
  std::from_chars(board.l4t.data(), board.l4t.data() + board.l4t.size(), place.l4t_major);
  return place;
}

std::string cure_for(ReasonClass reason, const CurePlace& place) {
  switch (reason) {
    case none:
      return "tegrascope doctor  # looks at the board, Ollama and its containers";
    case no_gpu:
      return cure_no_gpu(place);
    case no_gpu_library:
      return cure_library(place);
    case driver_init:
      return cure_driver(place);
    case device_permission:
      if (place.container) return run_stock_image(place);
      return "sudo usermod -aG video,render ollama && sudo systemctl restart ollama";
    case container_lost_gpu:
      return "docker restart " + container_of(place) +
             "  # for good: \"exec-opts\": [\"native.cgroupdriver=cgroupfs\"] in /etc/docker/daemon.json";
    case backend_missing:
    case wrong_cuda_backend:
      return cure_backend(place);
    case discovery_failed:
      return restart(place) + "  # if it stays: " + read_log(place) + " | grep -i discovery";
    case vram_too_small:
      return "sudo sysctl vm.drop_caches=3 && " + restart(place) +
             "  # if it stays: OLLAMA_CONTEXT_LENGTH=4096, a smaller quantisation, no desktop";
    case system_memory_too_small:
      return "sudo sysctl vm.drop_caches=3  # if it stays: a smaller model or quantisation; tegrascope "
             "doctor tells what "
             "fits";
    case oom_alloc:
      return "sudo sysctl vm.drop_caches=1 vm.compact_memory=1 && " + restart(place) +
             "  # memory is there, but not in one piece; if it stays: OLLAMA_CONTEXT_LENGTH=4096";
    case oom_killed:
      return "sudo systemctl set-default multi-user.target && sudo reboot  # the desktop's memory goes to "
             "the model; if it "
             "stays: a smaller model or context";
    case runner_crash:
      return read_log(place) + "  # the crash is told there; a newer Ollama may not have it";
    case client_aborted_load:
      return "curl -s http://127.0.0.1:11434/api/generate -d '{\"model\":\"MODEL\",\"keep_alive\":-1}'  # "
             "loads it before "
             "clients ask; give clients a longer timeout";
    case forced_cpu:
      return "systemctl show ollama -p Environment  # asked for: take out num_gpu 0, OLLAMA_LLM_LIBRARY=cpu "
             "or "
             "CUDA_VISIBLE_DEVICES=-1, then load the model again";
  }
  return {};
}

}  // namespace tegrascope

#include "collectors/nvml/nvml_session.hpp"

#include <algorithm>
#include <array>
#include <future>
#include <system_error>
#include <thread>
#include <utility>

namespace tegrascope {
namespace {

constexpr std::array<std::string_view, 4> kJetsonGpus{"Thor", "Orin", "Xavier", "Tegra"};

bool contains(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

}  // namespace

bool nvml_has_no_value(nvml::Return code) {
  return code == nvml::kNotSupported || code == nvml::kFunctionNotFound || code == nvml::kNoData ||
         code == nvml::kNotReady || code == nvml::kArgumentVersionMismatch || code == nvml::kDeprecated;
}

ReadError nvml_error(nvml::Return code, const std::string& what, const std::string& text) {
  std::string where = what + ": " + text;
  switch (code) {
    case nvml::kNoPermission:
      return {ErrorReason::permission, where + "; let the agent's user read /dev/nvidia*"};
    case nvml::kTimeout:
      return {ErrorReason::timeout, where + "; see the kernel's log for NVRM lines"};
    case nvml::kLibRmVersionMismatch:
      return {ErrorReason::missing,
              where + "; the driver was updated under the running kernel: reboot, or load its module anew"};
    case nvml::kGpuIsLost:
    case nvml::kResetRequired:
      return {ErrorReason::missing, where + "; see the kernel's log for NVRM lines, then reset it or reboot"};
    default:
      return {ErrorReason::missing, where + "; see what nvidia-smi says"};
  }
}

std::shared_ptr<NvmlSession> NvmlSession::begin(Start start, std::shared_ptr<NvmlSession> previous) {
  std::shared_ptr<NvmlSession> session(new NvmlSession(std::move(start)));
  std::thread([session, previous = std::move(previous)]() mutable {
    previous.reset();
    session->run();
    session->started_ = true;
  }).detach();
  return session;
}

void NvmlSession::end(std::shared_ptr<NvmlSession> session, Nanoseconds patience) {
  if (!session) return;
  auto ended = std::make_shared<std::promise<void>>();
  auto future = ended->get_future();
  try {
    std::thread([session = std::move(session), ended]() mutable {
      session.reset();
      ended->set_value();
    }).detach();
  } catch (const std::system_error&) {
    return;  // `session` went with the thread's function: it ended here
  }
  future.wait_for(patience);
}

NvmlSession::~NvmlSession() {
  if (initialised_) library_->shutdown();
}

void NvmlSession::run() {
  std::string error;
  library_ = NvmlLibrary::load(start_.library, error);
  if (!library_) {
    if (!error.empty()) errors_.push_back({ErrorReason::missing, error + "; install the driver's library"});
    return;
  }
  const nvml::Return code = library_->init();
  initialised_ = code == nvml::kSuccess;
  if (code == nvml::kDriverNotLoaded || code == nvml::kLibraryNotFound) return;
  if (!initialised_) return add_error(code, "nvmlInit");
  const auto count = library_->device_count();
  if (!count) return add_error(count.code, "nvmlDeviceGetCount");
  list_gpus(count.value);
}

void NvmlSession::list_gpus(unsigned count) {
  unsigned cards = start_.integrated.present ? 1 : 0;
  for (unsigned index = 0; index < count; ++index) {
    const std::string what = "nvmlDeviceGetHandleByIndex of GPU " + std::to_string(index);
    const auto handle = library_->device(index);
    if (!handle) {
      // Its number stays its own, so that the cards behind it keep theirs.
      ++cards;
      add_error(handle.code, what);
      continue;
    }
    NvmlGpu gpu{handle.value, "0", library_->name(handle.value).value, false};
    const auto memory = library_->memory_bytes(gpu.handle);
    gpu.integrated = start_.integrated.present &&
                     (memory.code == nvml::kNotSupported ||
                      std::any_of(kJetsonGpus.begin(), kJetsonGpus.end(),
                                  [&](std::string_view name) { return contains(gpu.name, name); }));
    if (contains(gpu.name, "nvgpu") || (memory && memory.value.total == 0)) continue;
    if (!gpu.integrated) gpu.number = std::to_string(cards++);
    gpus_.push_back(std::move(gpu));
  }
}

void NvmlSession::add_error(nvml::Return code, const std::string& what) {
  errors_.push_back(nvml_error(code, what, library_->error_text(code)));
}

}  // namespace tegrascope

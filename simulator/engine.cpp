#include "simulator/engine.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace tegrascope::simulator {
namespace {

namespace asio = boost::asio;

constexpr auto kSlotCheck = std::chrono::milliseconds{2};
constexpr Nanoseconds kDefaultKeepAlive = std::chrono::minutes{5};

}  // namespace

Generation::Generation(Engine& engine, GenerationOrder order, MonotonicTime received)
    : engine_(engine), order_(std::move(order)) {
  truth_.model = order_.model->name;
  truth_.endpoint = order_.endpoint;
  truth_.prompt_tokens = order_.prompt_tokens;
  truth_.received = received;
}

Generation::~Generation() {
  if (!holds_slot_) return;
  if (!truth_.finished) {
    truth_.ended = monotonic_now();
    engine_.record(truth_);
  }
  engine_.release_slot(order_);
}

asio::awaitable<bool> Generation::next_token(HttpConnection& client) {
  const bool more = truth_.output_tokens < order_.output_tokens;
  const Nanoseconds offset = more ? truth_.output_tokens * step_ : decode_time_;
  const bool here = co_await client.wait_until(truth_.decode_began + offset);
  left_ = !here;
  if (!here || !more) co_return false;
  ++truth_.output_tokens;
  engine_.slot_.decoded = truth_.output_tokens;
  co_return true;
}

void Generation::finish() {
  truth_.ended = monotonic_now();
  truth_.eval_duration = order_.output_tokens > 0 ? truth_.ended - truth_.decode_began : Nanoseconds{};
  truth_.finished = true;
  engine_.board_.set_work(RunnerWork::idle, truth_.ended);
  engine_.record(truth_);
}

Engine::Engine(asio::io_context& io, SimulatedBoard& board, EngineOptions options)
    : io_(io), board_(board), options_(options), expiry_(io) {}

void Engine::on_runner(RunnerStarted started, RunnerEnded ended) {
  runner_started_ = std::move(started);
  runner_ended_ = std::move(ended);
}

Engine::Wanted Engine::wanted(const GenerationOrder& order) const {
  const std::lock_guard lock(mutex_);
  const auto it = placements_.find(order.model->name);
  Wanted w = it == placements_.end() ? Wanted{} : it->second;
  if (order.cpu_asked) w.placement = Placement::cpu;
  return w;
}

bool Engine::fits(const GenerationOrder& order) const {
  if (!runner_ || !runner_->ready || runner_->model != order.model) return false;
  const Wanted w = wanted(order);
  return runner_->wanted.placement == w.placement &&
         (w.placement != Placement::partial || runner_->wanted.gpu_fraction == w.gpu_fraction);
}

asio::awaitable<bool> Engine::take_slot(HttpConnection& client) {
  const std::uint64_t ticket = next_ticket_++;
  queue_.push_back(ticket);
  bool here = true;
  while (here && (slot_.busy || queue_.front() != ticket))
    here = co_await client.wait_until(monotonic_now() + kSlotCheck);
  queue_.erase(std::find(queue_.begin(), queue_.end(), ticket));
  if (!here || stopped_) co_return false;
  slot_.busy = true;
  ++slot_.task;
  slot_.decoded = 0;
  co_return true;
}

asio::awaitable<bool> Engine::load(HttpConnection& client, const GenerationOrder& order) {
  end_runner();
  const double bytes = static_cast<double>(order.model->weights_bytes);
  const Nanoseconds time = std::min(from_seconds(bytes / (options_.load_bytes_per_second * options_.speed)),
                                    options_.longest_load);
  Runner runner{order.model, wanted(order), order.cpu_asked, 0, 0};
  runner.port = runner_started_ ? runner_started_() : 0;
  const MonotonicTime begin = monotonic_now();
  runner.pid = board_.start_runner(*order.model, runner.wanted.placement, runner.wanted.gpu_fraction,
                                   runner.port, options_.runner, time, begin);
  runner_ = runner;
  const bool here = co_await client.wait_until(begin + time);
  if (!here || stopped_) {  // Ollama gives the load up when its client leaves
    end_runner();
    co_return false;
  }
  board_.set_work(RunnerWork::idle, monotonic_now());
  runner_->ready = true;
  co_return true;
}

asio::awaitable<bool> Engine::prepare(HttpConnection& client, const GenerationOrder& order,
                                      RequestTruth& truth) {
  const bool warm = fits(order);
  if (warm) {
    const bool here = co_await client.wait_until(truth.received + options_.warm_delay);
    if (!here) co_return false;
    truth.load_duration = monotonic_now() - truth.received;
  }
  const bool taken = co_await take_slot(client);
  if (!taken) co_return false;
  if (!fits(order)) {
    truth.loaded = true;
    const bool ready = co_await load(client, order);
    if (!ready) {
      release_slot(order);
      co_return false;
    }
    truth.load_duration = monotonic_now() - truth.received;
  } else if (!warm) {
    truth.load_duration = monotonic_now() - truth.received;
  }
  truth.placement = runner_->wanted.placement;
  truth.runner_pid = runner_->pid;
  co_return true;
}

asio::awaitable<std::unique_ptr<Generation>> Engine::begin(HttpConnection& client, GenerationOrder order) {
  std::unique_ptr<Generation> generation(new Generation(*this, std::move(order), monotonic_now()));
  const bool ready = co_await prepare(client, generation->order_, generation->truth_);
  if (!ready) co_return nullptr;
  generation->holds_slot_ = true;
  RequestTruth& truth = generation->truth_;
  const Wanted w = wanted(generation->order_);
  const SimulatedModel& model = *generation->order_.model;
  const double g = runner_->wanted.gpu_fraction;

  const double pace = speed_under(board_.conditions(), truth.placement);
  truth.prefill_began = monotonic_now();
  board_.set_work(RunnerWork::prefill, truth.prefill_began);
  const double prompt_seconds = static_cast<double>(truth.prompt_tokens) /
                                (prompt_rate(model, truth.placement, g) * options_.speed * pace);
  const bool here = co_await client.wait_until(truth.prefill_began + from_seconds(prompt_seconds));
  truth.decode_began = monotonic_now();
  truth.prompt_eval_duration = truth.decode_began - truth.prefill_began;
  if (!here) co_return nullptr;

  // The first token comes out of the prompt's evaluation and starts Ollama's eval_duration; the others are
  // spaced so that eval_count / eval_duration, the figure that everybody publishes, is the table's rate.
  const std::int64_t count = generation->order_.output_tokens;
  if (count > 0) {
    const double rate = w.rate ? *w.rate : decode_rate(model, truth.placement, g) * options_.speed * pace;
    generation->decode_time_ = from_seconds(static_cast<double>(count) / rate);
    generation->step_ = count > 1 ? generation->decode_time_ / (count - 1) : Nanoseconds{};
    board_.set_work(RunnerWork::decode, truth.decode_began);
  }
  co_return generation;
}

asio::awaitable<bool> Engine::load_only(HttpConnection& client, GenerationOrder order) {
  RequestTruth truth;
  truth.received = monotonic_now();
  if (order.keep_alive && order.keep_alive->count() == 0) {
    const bool taken = co_await take_slot(client);
    if (!taken) co_return false;
    if (runner_ && runner_->model == order.model) end_runner();
    slot_.busy = false;
    co_return true;
  }
  const bool ready = co_await prepare(client, order, truth);
  if (ready) release_slot(order);
  co_return ready;
}

void Engine::record(const RequestTruth& truth) {
  const std::lock_guard lock(mutex_);
  requests_.push_back(truth);
}

void Engine::release_slot(const GenerationOrder& order) {
  slot_.busy = false;
  board_.set_work(RunnerWork::idle, monotonic_now());
  touch(order);
  end_misplaced_runner();
}

void Engine::touch(const GenerationOrder& order) {
  if (!runner_ || stopped_) return;
  const Nanoseconds keep = order.keep_alive.value_or(kDefaultKeepAlive);
  if (keep.count() == 0) {
    end_runner();
    return;
  }
  const auto wall = std::chrono::system_clock::now();
  expires_at_ = keep.count() < 0 ? wall + std::chrono::hours{24 * 365 * 100}
                                 : wall + std::chrono::duration_cast<std::chrono::microseconds>(keep);
  if (keep.count() < 0) {
    expiry_.cancel();
  } else {
    expiry_.expires_after(keep);
    expire_later();
  }
}

void Engine::expire_later() {
  expiry_.async_wait([this](const boost::system::error_code& error) {
    if (!error && !slot_.busy) end_runner();
  });
}

void Engine::end_runner() {
  if (!runner_) return;
  runner_.reset();
  expiry_.cancel();
  board_.end_runner(monotonic_now());
  if (runner_ended_) runner_ended_();
}

void Engine::end_misplaced_runner() {
  if (slot_.busy || !runner_) return;
  GenerationOrder order;
  order.model = runner_->model;
  order.cpu_asked = runner_->cpu_asked;
  if (!fits(order)) end_runner();
}

std::optional<Engine::Resident> Engine::resident() const {
  if (!runner_ || !runner_->ready) return std::nullopt;
  // While it is busy Ollama shows the end as if the request had just ended.
  const auto expires = slot_.busy ? std::chrono::system_clock::now() + std::chrono::minutes{5} : expires_at_;
  return Resident{*runner_->model, runner_->wanted.placement, runner_->wanted.gpu_fraction, expires,
                  runner_->port};
}

void Engine::set_placement(const std::string& model, Placement placement, double gpu_fraction) {
  {
    const std::lock_guard lock(mutex_);
    Wanted& w = placements_[model];
    w.placement = placement;
    w.gpu_fraction = gpu_fraction;
  }
  asio::post(io_, [this] { end_misplaced_runner(); });
}

void Engine::set_rate(const std::string& model, std::optional<double> tokens_per_second) {
  const std::lock_guard lock(mutex_);
  placements_[model].rate = tokens_per_second;
}

std::vector<RequestTruth> Engine::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

void Engine::stop() {
  stopped_ = true;
  expiry_.cancel();
  end_runner();
}

}  // namespace tegrascope::simulator

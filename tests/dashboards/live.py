"""A simulated board with a simulated Ollama, two agents that watch it, and a real Prometheus: what dashboards draw."""
import json
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
FIXTURE = ROOT / "tests/fixtures/orin-nano-r36"
# What the simulator leaves out of its board, taken from a fixture: memory pressure, swap, cooling devices, debugfs.
EXTRA = ["proc/pressure", "proc/vmstat", "proc/buddyinfo", "sys/kernel/debug", "sys/class/hwmon/hwmon3",
         *(f"sys/class/thermal/cooling_device{number}" for number in range(7))]
# An alert of our own, so that the annotation for alerts has one to show.
RULES = """groups:
- name: placement
  interval: 1s
  rules:
  - alert: DecodeOnTheCpu
    expr: tegrascope_model_placement{placement="cpu"} == 1
"""
LOAD_FAILURE = """\
ggml_backend_cuda_buffer_type_alloc_buffer: allocating 4168.09 MiB on device 0: cudaMalloc failed: out of memory
time=2026-08-02T10:11:12.131Z level=ERROR source=sched.go:480 msg="error loading llama server" \
error="llama runner process has terminated: exit status 2"
"""


def find_tool(name):
    """From build/tools, where ./dev unpacks it, or the PATH; None: not on this machine."""
    tools = ROOT / "build/tools/usr"
    return shutil.which(name, path=os.pathsep.join([str(tools / "bin"), str(tools / "sbin"), os.environ.get("PATH", "")]))


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def get(url, timeout=20):
    try:
        with urllib.request.urlopen(url, timeout=timeout) as answer:
            return answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.read().decode()


def wait_until(seconds, condition):
    """True as soon as the condition holds; False when it did not in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if condition():
                return True
        except (OSError, ValueError):
            pass
        time.sleep(0.1)
    return False


class LiveBoard:
    """Context manager. `relay`: the agent whose relay the simulated clients use; `bystander`: one that only looks on, with a
    board that has every file, a log and (where it may) the capture."""

    def __init__(self, program, prometheus, scenario="fallback", seconds=0):
        self._program, self._prometheus, self._scenario, self._seconds = program, prometheus, scenario, seconds
        self._processes, self._stop = [], threading.Event()
        self._thread = None

    def __enter__(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="tegrascope-dashboards-"))
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self._stop.set()
        if self._thread:
            self._thread.join()
        for process in reversed(self._processes):
            process.terminate()
        for process in self._processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)

    def _run(self, name, *command):
        with open(self.directory / (name + ".log"), "wb") as log:
            self._processes.append(subprocess.Popen(command, stdout=log, stderr=log, cwd=self.directory,
                                                    env={**os.environ, "TMPDIR": str(self.directory)}))

    def _output(self, name):
        return (self.directory / (name + ".log")).read_text(errors="replace")

    def _start(self):
        web = {name: f"127.0.0.1:{free_port()}" for name in ("relay", "bystander")}
        self._start_prometheus(web.values())  # first: the board's story begins with the demo
        self._run("relay", self._program, "demo", "--scenario=" + self._scenario, "--web.listen-address=" + web["relay"])
        if not wait_until(30, lambda: "Ollama  " in self._output("relay")):
            raise RuntimeError("the demo did not start: " + self._output("relay"))
        self.started = time.time()
        ollama = next(line.split()[-1] for line in self._output("relay").splitlines() if line.startswith("  Ollama"))
        self.board = next(self.directory.glob("tegrascope-demo-*/rootfs"))
        self._complete_board()
        self._run("bystander", self._program, "run", "--path.rootfs=" + str(self.board), "--ollama.url=" + ollama,
                  "--ollama.log-file=" + str(self.directory / "ollama.log"), "--observe=auto,capture",
                  "--web.listen-address=" + web["bystander"])
        self._thread = threading.Thread(target=self._live)
        self._thread.start()

    def _start_prometheus(self, addresses):
        (self.directory / "rules.yml").write_text(RULES)
        targets = "".join(f"  - targets: ['{address}']\n    labels: {{instance: orin-{number}}}\n"
                          for number, address in enumerate(addresses, 1))
        (self.directory / "prometheus.yml").write_text(
            "global: {scrape_interval: 1s, evaluation_interval: 1s}\nrule_files: [rules.yml]\n"
            "scrape_configs:\n- job_name: tegrascope\n  static_configs:\n" + targets)
        address = f"127.0.0.1:{free_port()}"
        self.url = "http://" + address
        self._run("prometheus", self._prometheus, "--config.file=prometheus.yml", "--storage.tsdb.path=tsdb",
                  "--web.listen-address=" + address, "--log.level=warn")
        if not wait_until(30, lambda: "eady" in get(self.url + "/-/ready")):
            raise RuntimeError("Prometheus did not get ready: " + self._output("prometheus"))

    def _complete_board(self):
        for name in EXTRA:
            source, copy = FIXTURE / name, self.board / name
            if source.is_dir():
                shutil.copytree(source, copy, dirs_exist_ok=True)
            else:
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(source, copy)
        for zone in FIXTURE.glob("sys/class/thermal/thermal_zone*"):
            copy = self.board / "sys/class/thermal" / zone.name
            for trip in zone.glob("trip_point_*"):
                if copy.is_dir():
                    shutil.copy(trip, copy)
        # A sensor that cannot be read, and one event of each counter later on.
        (self.board / "sys/class/thermal/cooling_device6/cur_state").write_text("broken\n")
        (self.directory / "ollama.log").touch()

    def _put(self, name, text):
        """In place, as a kernel file changes: a reader never finds it empty."""
        path = self.board / name
        if path.exists():
            handle = os.open(path, os.O_WRONLY)
            os.pwrite(handle, text.encode(), 0)
            os.ftruncate(handle, len(text))
            os.close(handle)

    def _live(self):
        """What the files of the fixture would not do by themselves: the memory controller follows the GPU, memory gets short for a
        while, the supply sags, the power mode changes, a load fails."""
        moved = 0
        for tick in range(1 << 30):
            if self._stop.wait(0.5):
                return
            try:
                gpu = int((self.board / "sys/devices/platform/bus@0/17000000.gpu/load").read_text() or 0)
            except (OSError, ValueError):
                gpu = 0
            self._put("sys/kernel/debug/cactmon/mc_all", f"{int(3199000 * (0.05 + 0.75 * gpu / 1000))}\n")
            short = 20 <= tick < 50
            moved += 400 if short else 0
            self._put("proc/vmstat", f"pswpin {12 + moved // 2}\npswpout {268 + moved}\noom_kill {1 + (tick > 45)}\n")
            stalled = 1504210 + moved * 300
            self._put("proc/pressure/memory",
                      f"some avg10=0.00 avg60=0.12 avg300=0.05 total={stalled}\n"
                      f"full avg10=0.00 avg60=0.04 avg300=0.01 total={stalled // 3}\n")
            self._put("sys/class/hwmon/hwmon2/oc1_event_cnt", f"{int(tick > 40)}\n")
            self._put("sys/class/hwmon/hwmon2/oc3_event_cnt", f"{tick // 6}\n")
            self._put("sys/class/thermal/cooling_device1/cur_state", f"{1 if short else 0}\n")
            self._put("var/lib/nvpmodel/status", "pmode:0001\n" if tick < 50 else "pmode:0002\n")
            if tick == 30:
                with open(self.directory / "ollama.log", "a", encoding="utf-8") as log:
                    log.write(LOAD_FAILURE)

    def api(self, path, **parameters):
        """`data` of an answer. Raises ValueError with Prometheus' own words."""
        answer = json.loads(get(f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(parameters, doseq=True)}"))
        if answer["status"] != "success":
            raise ValueError(answer.get("error", "failed"))
        return answer["data"]

    def range(self, expr, start, end, step):
        return self.api("query_range", query=expr, start=start, end=end, step=step)["result"]

    def wait(self, seconds):
        """Until Prometheus has scraped both agents for that long."""
        return wait_until(seconds + 30, lambda: self.api(
            "query", query=f"min(sum_over_time(up[{int(seconds) + 30}s])) >= {int(seconds)}")["result"])

    def families(self):
        """Names of the metrics that the agents emit, as Prometheus stored them."""
        return set(self.api("label/__name__/values", **{"match[]": '{job="tegrascope"}'}))

"""A server of our own for benchmarks: prepared in a directory of its own, measured from outside."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).resolve().parent.parent.parent
MANAGE = [sys.executable, str(ROOT / "manage.py")]
GUNICORN = [sys.executable, "-m", "gunicorn", "-c", "python:supportops.operations.gunicorn"]
WSGI = "supportops.wsgi:application"
PATIENCE = 300.0  # a machine may be very busy
SCOPES = "tickets:write,tickets:read,decisions:read,predictions:read"


class NoServer(RuntimeError):
    """The server did not come up. The message holds the end of its log."""


@dataclass(slots=True)
class Install:
    """An installation in a directory: its environment, its key, where it serves."""

    folder: Path
    classifier: str = "linear"
    extra: dict[str, str] = field(default_factory=dict)
    port: int = 0
    key: str = ""

    def __post_init__(self) -> None:
        self.port = self.port or _free_port()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """Nothing of this machine's settings but the database, if one is named."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        return {
            **kept,
            "SECRET_KEY": "only-for-measuring-" + "x" * 50,
            "ALLOWED_HOSTS": "localhost,127.0.0.1",
            "PUBLIC_URL": self.url,
            "DATA_DIR": str(self.folder),
            "STATIC_ROOT": str(self.folder / "static"),
            "CLASSIFIER": self.classifier,
            "API_RATE": "10000000/min",
            "OMP_NUM_THREADS": "1",
            "LOG_FORMAT": "plain",
            "TESTING": "",
            "DEBUG": "",
            **self.extra,
        }

    def manage(self, *arguments: str) -> str:
        """Run a command to its end; what it printed."""
        done = subprocess.run(  # noqa: S603
            [*MANAGE, *arguments],
            env=self.environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise NoServer(f"{' '.join(arguments)}: {done.stderr[-2000:] or done.stdout[-2000:]}")
        return done.stdout

    def prepare(self) -> None:
        """Database, model and a key for the API."""
        self.manage("prepare", "--no-accounts")
        words = self.manage("create_api_key", "--name", "bench", "--scopes", SCOPES).split()
        self.key = next(word for word in words if word.startswith("so_"))

    def get(self, path: str) -> tuple[int, dict[str, Any]]:
        """Ask the API; status and JSON."""
        request = urllib.request.Request(  # noqa: S310  our own server
            self.url + path, headers={"Authorization": f"Bearer {self.key}"}
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            return error.code, {}

    @contextmanager
    def serving(
        self, *, before: Sequence[str] = (), wsgi: str = WSGI, worker: bool = False
    ) -> Iterator[list["subprocess.Popen[bytes]"]]:
        """Web server and, if asked, worker; killed with all their children at the end."""
        command = [*before, *GUNICORN, "-b", f"127.0.0.1:{self.port}", wsgi]
        processes = []
        with (self.folder / "server.log").open("ab") as log:
            try:
                processes.append(self._start(command, log))
                if worker:
                    processes.append(self._start([*MANAGE, "worker"], log))
                self._until_up(processes[0])
                yield processes
            finally:
                for process in processes:
                    kill(process)

    def _start(self, command: Sequence[str], log: IO[bytes]) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(  # noqa: S603
            command,
            env=self.environment,
            cwd=ROOT,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )

    def _until_up(self, process: "subprocess.Popen[bytes]") -> None:
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and process.poll() is None:
            with suppress(OSError), urllib.request.urlopen(f"{self.url}/health", timeout=5):  # noqa: S310
                return
            time.sleep(0.05)
        raise NoServer((self.folder / "server.log").read_text()[-3000:])


def kill(process: "subprocess.Popen[bytes]") -> None:
    """As the power failing: the process and all of its session at once."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(PATIENCE)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


# --- What a process and its children took, from Linux's /proc -------------------------------------


def tree(pid: int) -> list[int]:
    """A process and all that descend from it."""
    children: dict[int, list[int]] = {}
    for place in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parent = int(place.read_text().rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(place.parent.name))
    found = [pid]
    for one in found:
        found += children.get(one, [])
    return found


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and its children that live."""
    ticks = 0
    for one in tree(pid):
        with suppress(OSError):
            fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def memory_of_workers(pid: int) -> list[float]:
    """Resident megabytes of each child."""
    sizes = []
    for one in tree(pid)[1:]:
        with suppress(OSError):
            pages = int(Path(f"/proc/{one}/statm").read_text().split()[1])
            sizes.append(pages * os.sysconf("SC_PAGE_SIZE") / 1e6)
    return sizes

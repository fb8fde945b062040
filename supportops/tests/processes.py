"""Real processes for tests: our commands on a scratch database, with nothing of this machine's."""

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress

from django.conf import settings

from supportops.tests.test_settings import variables_read

PATIENCE = 120.0  # seconds after which something is not going to happen any more
MANAGE = [sys.executable, str(settings.BASE_DIR / "manage.py")]


def environment(folder, **more):
    """Every variable that the settings read, empty or as in a first local try, in a folder."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "OMP_NUM_THREADS": "1",
        **dict.fromkeys(variables_read(), ""),
        "SECRET_KEY": "only-for-tests-" + "x" * 50,
        "ALLOWED_HOSTS": "localhost,127.0.0.1",
        "PUBLIC_URL": "http://localhost:8000",
        "DATA_DIR": str(folder),
        "STATIC_ROOT": str(folder / "static"),
        "CLASSIFIER": "keywords",
        "LOG_FORMAT": "plain",
        **more,
    }


def run(around, *arguments, check=True):
    """Run a command to its end; the finished process with its output."""
    done = subprocess.run(
        [*MANAGE, *arguments],
        env=around,
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        timeout=PATIENCE * 2,
    )
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done


def python(around, code):
    """Run a piece of Python in a fresh process to its end."""
    return subprocess.run(
        [sys.executable, "-c", code],
        env=around,
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )


def _hear_ctrl_c():
    """Whoever starts the tests in the background has made them, and their children, deaf to it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextmanager
def running(around, *command, log):
    """A process that runs meanwhile, its output in a file; killed with its children at the end."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            env=around,
            cwd=settings.BASE_DIR,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=_hear_ctrl_c,
        )
    try:
        yield process
    finally:
        kill(process)


def kill(process):
    """As the power failing: the process and all of its session at once."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(PATIENCE)


def until(happened, what):
    """Wait for something that another process does; its value."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        value = happened()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"{what} did not happen within {PATIENCE:.0f} seconds")


def says(log, words):
    """Whether a log holds these words yet."""
    return words in log.read_text()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def alive(pid):
    """Whether a process runs. One that ended and waits to be buried does not."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False

"""The web server and the worker as one: started together, stopped together."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import threading
from argparse import ArgumentTypeError
from collections.abc import Callable, Mapping, Sequence
from types import FrameType
from urllib.parse import urlsplit

from django.conf import settings

DEFAULT_PORT = 8000
FIRST_FREE_PORT = 1_024  # below it only root may listen
LAST_PORT = 65_535
GRACE = 40.0  # seconds that a child gets to finish what it does; then it is killed
LOOK_EVERY = 0.2
PR_SET_PDEATHSIG = 1

Children = Mapping[str, "subprocess.Popen[bytes]"]
Say = Callable[[str], None]


class CannotListen(Exception):
    """The address is taken or not ours. The message says what to do."""


def serve(host: str, port: int | None, *, with_worker: bool, say: Say) -> bool:
    """Serve until a signal comes; False when a child ended by itself.

    Raises:
        CannotListen: the port is in use, or the host is no address of this machine.
    """
    stop = threading.Event()

    def told(number: int, frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGINT, told)
    signal.signal(signal.SIGTERM, told)
    refuse_taken(host, port or DEFAULT_PORT)
    around = environment(port)
    children = {
        name: start(command, around)
        for name, command in commands(host, port or DEFAULT_PORT, with_worker=with_worker).items()
    }
    say(f"Serving {around['PUBLIC_URL']}/ui/ - Ctrl-C stops.")
    ended = watch(children, stop)
    if ended is not None:
        say(f"The {ended} ended by itself, code {children[ended].returncode}. Stopping the rest.")
    halt(children, say)
    return ended is None


def commands(host: str, port: int, *, with_worker: bool) -> dict[str, list[str]]:
    """What runs: the web server and, unless somebody else does its work, the worker."""
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    gunicorn = [sys.executable, "-m", "gunicorn", "-c", "python:supportops.operations.gunicorn"]
    parts = {"web server": [*gunicorn, "-b", address, "supportops.wsgi:application"]}
    if with_worker:
        parts["worker"] = [sys.executable, str(settings.BASE_DIR / "manage.py"), "worker"]
    return parts


def environment(port: int | None) -> dict[str, str]:
    """The environment of the children."""
    return {**os.environ, "OMP_NUM_THREADS": "1", "PUBLIC_URL": public_url(port)}


def public_url(port: int | None) -> str:
    """Where people come. A port that was asked for moves the links of a local try."""
    if port is None or not settings.IS_LOCAL:
        return settings.PUBLIC_URL
    parts = urlsplit(settings.PUBLIC_URL)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return parts._replace(netloc=f"{host}:{port}").geturl()


def port_number(text: str) -> int:
    """A port from the command line.

    Raises:
        ArgumentTypeError: it is not a whole number from 1 to 65535.
    """
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= LAST_PORT:
        raise ArgumentTypeError(f"a port is a whole number from 1 to {LAST_PORT}, not {text!r}")
    return int(text)


def refuse_taken(host: str, port: int) -> None:
    """Say so before anything starts; gunicorn would try again for five seconds and then give up."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            other = port + 1 if FIRST_FREE_PORT <= port < LAST_PORT else DEFAULT_PORT
            raise CannotListen(
                f"Cannot listen on {host}, port {port}: {error.strerror}. "
                f"Another port: make run PORT={other}"
            ) from error


def start(command: Sequence[str], around: Mapping[str, str]) -> "subprocess.Popen[bytes]":
    """Start a child in a session of its own: Ctrl-C reaches us alone, and we stop it in order."""
    return subprocess.Popen(  # noqa: S603  our own commands
        command,
        env=dict(around),
        cwd=settings.BASE_DIR,
        start_new_session=True,
        preexec_fn=_die_with_parent if sys.platform == "linux" else None,
    )


def _die_with_parent() -> None:
    """Linux ends the child when we are killed, so that nobody keeps the port."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def watch(children: Children, stop: threading.Event) -> str | None:
    """Wait for a signal, or for a child to end: its name."""
    while not stop.wait(LOOK_EVERY):
        for name, child in children.items():
            if child.poll() is not None:
                return name
    return None


def halt(children: Children, say: Say) -> None:
    """Ask every child to finish; kill what does not."""
    running = {name: child for name, child in children.items() if child.poll() is None}
    for child in running.values():
        child.terminate()
    for name, child in running.items():
        try:
            child.wait(GRACE)
        except subprocess.TimeoutExpired:
            say(f"The {name} did not stop within {GRACE:.0f} seconds; killed.")
            child.kill()
            child.wait()

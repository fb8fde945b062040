"""The embedded worker: a loop over the table of jobs, woken early by a nudge.

Jobs that wait for others' machines run in a thread of their own, so that a mail server that hangs
holds up nothing else.
"""

import fcntl
import logging
import os
import select
import signal
import socket
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

from django.conf import settings
from django.db import DatabaseError, close_old_connections
from django.utils import timezone

from supportops.background import alive, jobs
from supportops.background.jobs import Job, Ran

logger = logging.getLogger("supportops.worker")

LONGEST_WAIT = 5.0  # seconds; another worker may have changed what is due
SHORTEST_WAIT = 0.05
DATABASE_PAUSE = 2.0  # seconds until a database that failed is asked again


class Stop:
    """Told once, seen by every lane: an event to look at and a pipe that wakes a `select`."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self.readable, self._writable = os.pipe()

    def tell(self) -> None:
        if not self._event.is_set():
            self._event.set()
            os.write(self._writable, b".")

    def told(self) -> bool:
        return self._event.is_set()

    def close(self) -> None:
        os.close(self.readable)
        os.close(self._writable)


class Lane:
    """Jobs that run one after another. A nudge makes the `urgent` ones run before their time.

    `pulse`: its rounds are what a health check looks at.
    """

    def __init__(
        self,
        table: Collection[Job],
        stop: Stop,
        *,
        nudges: socket.socket | None = None,
        urgent: Collection[str] = (),
        pulse: bool = False,
    ) -> None:
        self.table, self.stop, self.pulse = table, stop, pulse
        self.nudges, self.urgent = nudges, urgent

    def run(self) -> None:
        """Work until told to stop. A job under way is finished first."""
        nudged = False
        while not self.stop.told():
            close_old_connections()
            if self.pulse:
                alive.touch()
            nudged = self.wait(self.round(nudged=nudged))

    def round(self, *, nudged: bool = False) -> float:
        """Run what is due; how many seconds until there is something again."""
        try:
            jobs.run_due(
                timezone.now(),
                jobs=self.table,
                urgent=self.urgent if nudged else (),
                stopping=self.stop.told,
            )
            now = timezone.now()
            pause = (jobs.next_due(now, jobs=self.table) - now).total_seconds()
            return min(max(pause, SHORTEST_WAIT), LONGEST_WAIT)
        except DatabaseError:
            # Locked, full or out of reach: work resumes by itself.
            logger.exception("the database cannot be used; asking again soon")
            return DATABASE_PAUSE

    def wait(self, seconds: float) -> bool:
        """Wait for a nudge, at most so long; whether one came."""
        sources: list[int | socket.socket] = [self.stop.readable]
        if self.nudges is not None:
            sources.append(self.nudges)
        ready, _, _ = select.select(sources, [], [], seconds)
        if self.nudges is None or self.nudges not in ready:
            return False
        with suppress(BlockingIOError):
            while self.nudges.recv(64):
                pass  # many nudges mean the same as one
        return True


def run_once() -> list[Ran]:
    """Everything that is due, once."""
    return jobs.run_due(timezone.now())


def run_forever(stop: Stop) -> bool:
    """Work until told to stop; False when a lane ended by itself, which is a fault of ours."""
    with listening(settings.WORKER_SOCKET) as nudges:
        lanes = [Lane([job for job in jobs.JOBS if not job.outside], stop, pulse=True)]
        # One each: a slow mail server holds up no other machine's answers.
        for job in jobs.JOBS:
            if job.outside:
                own = nudges if job.name == jobs.DELIVER else None
                lanes.append(Lane([job], stop, nudges=own, urgent=(jobs.DELIVER,)))
        broken = threading.Event()
        threads = [threading.Thread(target=_keep, args=(lane, broken)) for lane in lanes]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return not broken.is_set()


def _keep(lane: Lane, broken: threading.Event) -> None:
    try:
        lane.run()
    except Exception:
        logger.exception("a lane of the worker broke")
        broken.set()
        lane.stop.tell()
    finally:
        close_old_connections()


@contextmanager
def listening(path: Path) -> Iterator[socket.socket | None]:
    """The socket that takes nudges; None when another worker on this machine has it.

    Who holds the lock owns the socket. The system frees the lock of a worker that died, so that the
    file it left behind is in nobody's way.
    """
    with path.with_suffix(".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            logger.info("another worker takes the nudges; this one looks every few seconds")
            yield None
            return
        with _bound(path) as bound:
            yield bound


@contextmanager
def _bound(path: Path) -> Iterator[socket.socket | None]:
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as nudges:
        try:
            nudges.bind(str(path))
        except OSError as error:
            # For example a path longer than the hundred bytes that the system allows.
            logger.warning("no nudges: %s: %s", path, error.strerror or error)
            yield None
            return
        nudges.setblocking(False)
        try:
            yield nudges
        finally:
            path.unlink(missing_ok=True)


def stop_on_signals(stop: Stop) -> None:
    """SIGTERM and SIGINT mean: finish the job under way and leave."""

    def told(number: int, frame: FrameType | None) -> None:
        stop.tell()

    signal.signal(signal.SIGTERM, told)
    signal.signal(signal.SIGINT, told)

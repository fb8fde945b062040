"""How often somebody may come. Counters live in the shared cache and are no promise: when the cache
fails, inquiries are taken all the same.

The settings of the API framework name what is here, so nothing here may import its views.
"""

import ipaddress
import logging
import time
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import Any

from django.core.cache import cache
from django.http import HttpRequest
from django.utils.crypto import salted_hmac
from rest_framework.request import Request
from rest_framework.settings import api_settings
from rest_framework.throttling import BaseThrottle

from supportops.clients import client_address
from tickets.cache import CACHE_FAILURES

logger = logging.getLogger("supportops.throttling")

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
SHARE_TAKEN_AT_ONCE = 200  # of a limit of 6000, thirty: one trip to the cache for thirty requests
PAUSE_AFTER_FAILURE = 30.0
MOST_REMEMBERED = 10_000
IPV6_NETWORK = 64  # one household or server has that many addresses


@dataclass(frozen=True, slots=True)
class Rate:
    """So many requests in so many seconds."""

    limit: int
    seconds: int


@lru_cache(maxsize=32)
def parse_rate(text: str) -> Rate:
    """Read `20/hour`; second, minute, hour and day count by their first letter.

    Raises:
        ValueError: the text is no rate.
    """
    number, _, period = text.partition("/")
    if not number.isdigit() or period[:1] not in SECONDS:
        raise ValueError(f"{text!r} is no rate; write one such as 20/hour.")
    return Rate(int(number), SECONDS[period[0]])


class _Allowance:
    """What this process has taken from the shared counters and not yet spent."""

    def __init__(self) -> None:
        self._left: dict[str, int] = {}
        self._lock = Lock()
        self._cache_rests_until = 0.0

    def spend(self, key: str, rate: Rate) -> bool:
        """Spend one; False when the shared counter is used up."""
        with self._lock:
            left = self._left.get(key, 0)
            if left > 0:
                self._left[key] = left - 1
                return True
        return self._take(key, rate)

    def _take(self, key: str, rate: Rate) -> bool:
        if time.monotonic() < self._cache_rests_until:
            return True
        step = max(1, rate.limit // SHARE_TAKEN_AT_ONCE)
        try:
            used = _add(key, step, rate.seconds)
        except CACHE_FAILURES as error:
            # A locked cache would hold up every request for seconds, so it is left alone a while.
            self._cache_rests_until = time.monotonic() + PAUSE_AFTER_FAILURE
            logger.warning("throttle not counted: %s", type(error).__name__)
            return True
        granted = min(step, rate.limit - (used - step))
        if granted < 1:
            return False
        self._keep(key, granted - 1)
        return True

    def _keep(self, key: str, number: int) -> None:
        with self._lock:
            if len(self._left) >= MOST_REMEMBERED:
                self._left.clear()  # keys of windows that are over
            if number:
                self._left[key] = self._left.get(key, 0) + number
            else:
                self._left.pop(key, None)


def _add(key: str, number: int, seconds: int) -> int:
    """The shared counter after adding."""
    cache.add(key, 0, timeout=seconds)
    used: int = cache.incr(key, number)
    cache.touch(key, seconds)  # the database cache forgets the end of what it increments
    return used


allowance = _Allowance()


def seconds_to_wait(scope: str, who: str) -> int | None:
    """Count one request of `who`. None: go on; else the seconds until the next window opens."""
    rate = parse_rate(str(api_settings.DEFAULT_THROTTLE_RATES[scope]))
    window, passed = divmod(int(time.time()), rate.seconds)
    if allowance.spend(f"throttle:{scope}:{who}:{window}", rate):
        return None
    return rate.seconds - passed


def form_must_wait(request: HttpRequest) -> int | None:
    """Count one sending of the form from the caller's address. Seconds to wait, or None."""
    return seconds_to_wait("form", _veiled(client_address(request)))


def _veiled(address: str) -> str:
    """Addresses are personal data, so the cache holds a keyed hash. IPv6 counts by network."""
    if ipaddress.ip_address(address).version == 6:
        address = str(ipaddress.ip_network(f"{address}/{IPV6_NETWORK}", strict=False))
    return salted_hmac("throttle", address, algorithm="sha256").hexdigest()[:32]


class KeyThrottle(BaseThrottle):
    """So many requests for each API key."""

    seconds: int | None = None

    def allow_request(self, request: Request, view: Any) -> bool:
        if request.auth is not None:
            self.seconds = seconds_to_wait("key", str(request.auth.pk))
        return self.seconds is None

    def wait(self) -> float | None:
        return self.seconds

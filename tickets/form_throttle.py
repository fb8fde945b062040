"""How often one address may send the form, and how often one ticket may be written to."""

import ipaddress
import logging

from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest
from rest_framework.throttling import SimpleRateThrottle

from supportops.requests import client_address

try:
    from redis.exceptions import RedisError
except ImportError:  # Redis is optional
    RedisError = OSError

logger = logging.getLogger("supportops.throttle")

IPV6_NETWORK = 64  # what one household or one server gets


class FormThrottle(SimpleRateThrottle):
    """Counts for one name at a time. The rate is read from the settings with each request."""

    scope = "form"

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__()

    def get_rate(self) -> str | None:
        rate: str | None = settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"][self.scope]
        return rate

    def get_cache_key(self, request: object, view: object) -> str:
        return self.cache_format % {"scope": self.scope, "ident": self.name}


def seconds_to_wait(request: HttpRequest, name: str) -> int | None:
    """Count one more; None while it is allowed, else the seconds until it is again.

    A cache that does not answer allows: intake never fails for a counter.
    """
    throttle = FormThrottle(name)
    try:
        if throttle.allow_request(request, None):  # type: ignore[arg-type]
            return None
        return max(1, round(throttle.wait() or 60))
    except (DatabaseError, RedisError, OSError):
        logger.exception("the cache of the throttle does not answer")
        return None


def network_of(request: HttpRequest) -> str:
    """Who is counted: an IPv4 address, or the network that an IPv6 address comes from."""
    address = ipaddress.ip_address(client_address(request))
    if address.version == 4:  # noqa: PLR2004
        return str(address)
    return str(ipaddress.ip_network((address, IPV6_NETWORK), strict=False))

"""Every address of the product and who may open it. One that stands nowhere here fails.

What each role finds inside the console is in `test_roles`, what each scope of a key opens in
`tickets.tests.api.test_access`.
"""

import re
from enum import Enum
from urllib.parse import urlsplit

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from tickets import tracking
from tickets.codes import Role, Scope
from tickets.models import Ticket
from tickets.tests.arriving import arrive
from tickets.tests.at_work import as_user

pytestmark = pytest.mark.django_db


class Open(Enum):
    """To whom an address opens."""

    ALL = "everybody"
    LINK = "whoever has the ticket's link"
    KEY = "an API key with a scope"
    NETWORK = "own networks, else a key"
    STAFF = "who is logged in"


# The first pattern that fits counts.
TABLE: list[tuple[str, Open]] = [
    (r"ui/t/.*", Open.LINK),
    (r"ui/.*", Open.ALL),
    (r"", Open.ALL),
    (r"docs/.*", Open.ALL),
    (r"health.*", Open.ALL),
    (r"metrics", Open.NETWORK),
    (r"api/v1/schema/", Open.ALL),
    (r"api/v1/.+", Open.KEY),
    (r"ops/(login|logout|jsi18n)/", Open.ALL),
    (r"ops/.*", Open.STAFF),
    (r"(i18n|static|favicon).*", Open.ALL),
]


def addresses(patterns=None, before=""):
    """Every pattern of the product as an address, with something in place of each variable."""
    for pattern in patterns if patterns is not None else get_resolver().url_patterns:
        address = before + filled(str(pattern.pattern))
        if isinstance(pattern, URLResolver):
            yield from addresses(pattern.url_patterns, address)
        elif isinstance(pattern, URLPattern):
            yield address


def filled(pattern: str) -> str:
    """`<int:pk>` and groups of regular expressions with a value that could be one."""
    plain = re.sub(r"<int:\w+>|<path:\w+>|<\w+>|<str:\w+>|<slug:\w+>", "1", pattern)
    plain = re.sub(r"\(\?P<\w+>[^)]*\)", "1", plain)
    return plain.removeprefix("^").removesuffix("$").replace("\\Z", "").replace("\\", "")


def opens_to(address: str) -> Open | None:
    return next((who for fits, who in TABLE if re.fullmatch(fits, address)), None)


ADDRESSES = sorted(set(addresses()))
BEHIND_A_LOGIN = [address for address in ADDRESSES if opens_to(address) == Open.STAFF]
BEHIND_A_KEY = [address for address in ADDRESSES if opens_to(address) == Open.KEY]
METHODS = ("get", "head", "post", "put", "delete")


def test_every_address_stands_in_the_table():
    assert [address for address in ADDRESSES if opens_to(address) is None] == []
    assert len(BEHIND_A_LOGIN) > 50
    assert len(BEHIND_A_KEY) >= 10


def is_closed(response) -> bool:
    """Sent to the login, or refused."""
    if response.status_code in (301, 302):
        return "/ops/login/" in response["Location"]
    return response.status_code in (401, 403, 404, 405)


def opened(client: Client, addresses, **headers) -> list[str]:
    """Which of the addresses open, by any method."""
    return [
        f"{method} /{address}"
        for address in addresses
        for method in METHODS
        if not is_closed(getattr(client, method)(f"/{address}", headers=headers))
    ]


def test_nothing_behind_a_login_opens_to_strangers(starter):
    assert opened(Client(), BEHIND_A_LOGIN) == []


def test_no_key_opens_what_is_behind_a_login(starter, api_key):
    assert opened(Client(), BEHIND_A_LOGIN, Authorization=f"Bearer {api_key}") == []


def test_nothing_behind_a_key_opens_to_strangers(starter):
    assert opened(Client(), BEHIND_A_KEY) == []


@pytest.mark.parametrize("role", list(Role))
def test_no_role_of_the_console_opens_what_is_behind_a_key(starter, person, role):
    assert opened(as_user(person(role)), BEHIND_A_KEY) == []


def test_a_link_opens_its_ticket_and_no_other(starter, says):
    says("refund_request")
    mine, other = arrive(now=timezone.now()), arrive(email="ben@example.com", now=timezone.now())
    links = {ticket.pk: urlsplit(tracking.link(ticket)).path for ticket in (mine, other)}
    page = Client().get(links[mine.pk])
    assert page.status_code == 200
    assert mine.reference in page.content.decode()
    assert other.reference not in page.content.decode()
    before = Ticket.objects.values_list("status", "updated_at").order_by("pk")
    seen = list(before)
    for address in BEHIND_A_LOGIN[:20] + BEHIND_A_KEY:
        assert is_closed(Client().get(f"/{address}", headers={"Referer": links[mine.pk]}))
    assert list(before.all()) == seen


@pytest.mark.parametrize("scope", [scope for scope in Scope if scope != Scope.METRICS_READ])
def test_a_key_without_the_scope_reads_no_metrics_from_elsewhere(starter, issue_key, scope):
    elsewhere = {"REMOTE_ADDR": "203.0.113.9"}
    headers = {"Authorization": f"Bearer {issue_key(scope)}"}
    assert Client().get("/metrics", **elsewhere).status_code in (401, 403)
    assert Client().get("/metrics", headers=headers, **elsewhere).status_code in (401, 403)


@pytest.mark.parametrize(
    "path", ["/ops/nope/", "/ops/tickets/ticket/4711/change/", "/ops/runbooks/no/"]
)
def test_what_is_not_in_the_console_leads_back_into_it(lead, path):
    answer = as_user(lead).get(path)
    assert answer.status_code in {302, 404}
    if answer.status_code == 404:
        assert "To the home page" in answer.content.decode()
        assert "private link" not in answer.content.decode()


def test_who_may_not_is_told_by_the_console(agent):
    answer = as_user(agent).get("/ops/auth/user/")
    assert answer.status_code == 403
    assert "It needs rights that you do not have" in answer.content.decode()


@pytest.mark.parametrize("path", ["/ops/decisions/override/?kind__exact=%00", "/ops/tickets/%00/"])
def test_no_database_is_asked_for_a_nul(lead, path):
    assert as_user(lead).get(path).status_code == 400

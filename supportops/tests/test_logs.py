import json
import logging

import pytest

from supportops import logs


def line(style, message, *args, **options):
    """What the handler would write."""
    record = logging.getLogger("supportops.test").makeRecord(
        "supportops.test", logging.ERROR, "file.py", 1, message, args, options.get("exc_info")
    )
    logs.Redact().filter(record)
    return logs.formatter(style).format(record)


def test_json_lines_hold_level_logger_time_and_request():
    with logs.bound(request_id="abc12345"):
        said = json.loads(line("json", "sent %s of %s", 1, 2))
    assert said.pop("timestamp").endswith("Z")
    assert said == {
        "event": "sent 1 of 2",
        "level": "error",
        "logger": "supportops.test",
        "request_id": "abc12345",
    }


@pytest.mark.parametrize("style", ["plain", "json"])
def test_no_line_holds_a_tracking_link_or_an_address(style):
    said = line(style, "GET %s by %s", "/ui/t/T-7K3M-Q9XD/secret-part/", "ann@example.com")
    assert "secret-part" not in said
    assert "ann@example.com" not in said
    assert "/ui/t/T-7K3M-Q9XD/[link]/ by [address]" in said


@pytest.mark.parametrize("style", ["plain", "json"])
def test_no_traceback_holds_one_either(style):
    error = ValueError("ann@example.com was refused")
    said = line(style, "failed", exc_info=(ValueError, error, None))
    assert "ValueError: [address] was refused" in said
    assert "ann@example.com" not in said

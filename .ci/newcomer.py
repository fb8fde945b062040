"""What somebody does first: `make run`, the form, an inquiry, Ctrl-C. Standard library alone.

python3 .ci/newcomer.py
"""

import http.cookiejar
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request

PATIENCE = 900  # seconds: an environment is installed first


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def first_page(server: subprocess.Popen, url: str) -> str:
    """The form, as soon as it is served."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if server.poll() is not None:
            sys.exit(f"make run ended by itself, code {server.returncode}.")
        try:
            with browser.open(url, timeout=10) as answer:
                return answer.read().decode()
        except OSError:  # nobody listens yet, or somebody who is not ready
            time.sleep(0.5)
    sys.exit(f"make run served no page within {PATIENCE} seconds.")


def hidden(page: str) -> dict[str, str]:
    """Hidden fields of the form and what they hold."""
    fields = [tag for tag in re.findall(r"<input[^>]*>", page) if 'type="hidden"' in tag]
    pairs = [re.search(r'name="([^"]+)"', tag) for tag in fields]
    values = [re.search(r'value="([^"]*)"', tag) for tag in fields]
    return {n[1]: (v[1] if v else "") for n, v in zip(pairs, values, strict=True) if n}


def inquire(url: str, page: str) -> str:
    """Send the form; the reference that the confirmation shows."""
    typed = {"name": "Ann Lee", "email": "ann@example.com", "message": "Where is my order 10234?"}
    data = urllib.parse.urlencode({**hidden(page), **typed}).encode()
    with browser.open(url, data, timeout=30) as answer:
        found = re.search(r"T-[0-9A-Z]{4}-[0-9A-Z]{4}", answer.read().decode())
    return found[0] if found else sys.exit("The confirmation shows no reference.")


browser = urllib.request.build_opener(
    urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
)

if __name__ == "__main__":
    port = free_port()
    address = f"http://localhost:{port}/ui/"
    started = time.monotonic()
    server = subprocess.Popen(["make", "run", f"PORT={port}"], start_new_session=True)
    try:
        form = first_page(server, address)
        print(f"First page after {time.monotonic() - started:.0f} s.", flush=True)
        print(f"Inquiry {inquire(address, form)}.", flush=True)
        os.killpg(server.pid, signal.SIGINT)  # Ctrl-C
        server.wait(60)
    finally:
        if server.poll() is None:
            os.killpg(server.pid, signal.SIGKILL)
    print(f"Ctrl-C: make run ended with code {server.returncode}.", flush=True)

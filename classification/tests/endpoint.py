"""A real web server on this machine that speaks the protocol of chat completions, or misbehaves."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HOST = "127.0.0.1"
Behaviour = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """Reads a question, remembers it, and behaves as the endpoint was told."""

    protocol_version = "HTTP/1.1"
    server: "Server"

    def do_POST(self):
        endpoint = self.server.endpoint
        self.body = self.rfile.read(int(self.headers["Content-Length"]))
        endpoint.asked.append((self.path, dict(self.headers), self.body))
        self.close_connection = True
        with suppress(OSError):  # whoever asked has hung up
            endpoint.behave(self)

    do_GET = do_POST  # noqa: N815  named by the base class

    def log_message(self, *args):
        pass

    def respond(self, body: bytes, *, status=200, **headers):
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.write(body)

    def write(self, data: bytes):
        self.wfile.write(data)
        self.server.endpoint.written += len(data)

    def rest(self, seconds: float = 0.1) -> bool:
        """Do nothing for a moment; whether the endpoint still runs."""
        return not self.server.endpoint.stopped.wait(seconds)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    endpoint: "Endpoint"

    def get_request(self):
        self.endpoint.connections += 1
        return super().get_request()

    def handle_error(self, request, client_address):
        pass  # for example a handshake that the other side gave up


class Endpoint:
    def __init__(self, server: Server):
        self.server = server
        self.behave: Behaviour = label("order_status")
        self.asked: list[tuple[str, dict[str, str], bytes]] = []
        self.connections = self.written = 0
        self.stopped = threading.Event()

    @property
    def port(self) -> int:
        return self.server.server_address[1]

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}/v1"

    def questions(self) -> list[dict]:
        return [json.loads(body) for _, _, body in self.asked]

    def texts(self) -> list[str]:
        """The customers' messages in the questions, as the model would see them."""
        users = [question["messages"][-1]["content"] for question in self.questions()]
        return [user.partition("\n")[2].rpartition("\n")[0] for user in users]


@contextmanager
def running(wrap=lambda sock: sock) -> Iterator[Endpoint]:
    """An endpoint that listens on a free port of this machine, until the end of the block."""
    with Server((HOST, 0), Handler) as server:
        server.socket = wrap(server.socket)
        server.endpoint = endpoint = Endpoint(server)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield endpoint
        finally:
            endpoint.stopped.set()
            server.shutdown()
            thread.join()


# --- What it may do -------------------------------------------------------------------------------


def completion(content, **message) -> dict:
    """An answer of the protocol in which the model said `content`."""
    message = {"role": "assistant", "content": content, **message}
    return {
        "object": "chat.completion",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
    }


def label(slug) -> Behaviour:
    """The model names a label, in the form that was asked for."""
    return content(json.dumps({"intent": slug}))


def content(text, **message) -> Behaviour:
    """The model says something."""
    return body(json.dumps(completion(text, **message)).encode())


def body(data: bytes, **options) -> Behaviour:
    """Any bytes as the body of a proper answer."""
    return lambda handler: handler.respond(data, **options)


def raw(data: bytes) -> Behaviour:
    """Bytes on the line; then it is closed."""
    return lambda handler: handler.write(data)


def drip(head: bytes, drop: bytes = b" ") -> Behaviour:
    """A beginning, and then a drop every tenth of a second for ever."""

    def behave(handler):
        handler.write(head)
        while handler.rest():
            handler.write(drop)

    return behave


def flood(head: bytes, piece: bytes, times: int) -> Behaviour:
    """Far more than anybody wants."""

    def behave(handler):
        handler.write(head)
        for _ in range(times):
            handler.write(piece)

    return behave

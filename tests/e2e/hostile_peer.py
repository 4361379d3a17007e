# SPDX-License-Identifier: Apache-2.0
"""A Jira that means harm: the sandbox behind a peer that answers as it likes, where it is told to.

Each connection has a thread. A request that is not to be harmed is handed on to the sandbox and its
answer handed back. One that is gets its effect first or not, and then whatever bytes the kind says.
"""
import gzip
import http.client
import socket
import struct
import threading

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
BLOCK = b" " * 65536


def sized(body, head=OK):
    return head + b"Content-Length: %d\r\n\r\n" % len(body) + body


def forever(head, block):
    def say(connection):
        connection.sendall(head)
        while True:
            connection.sendall(block)
    return say


def drip(connection):
    """A byte now and then, so that nothing but the whole call's time ends it."""
    connection.sendall(OK + b"Content-Length: 100000\r\n\r\n")
    connection.settimeout(0.05)
    while True:
        connection.sendall(b" ")
        try:
            if not connection.recv(1):
                return
        except TimeoutError:
            pass


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


UNREADABLE = {"search": "search_unreadable", "create": "created_unreadable",
              "comment": "commented_unreadable"}
BROKE = {"reply_broke_off", "transport", "connection_reused_too_late"}

# name: (does the effect happen, what is said, as what the worker takes it)
KINDS = {
    "not_json": (True, sized(b"<html>\xc3\x28 Sorry</html>"), UNREADABLE),
    "empty": (True, sized(b""), UNREADABLE),
    "other_json": (True, sized(b'{"id":5,"key":null,"issues":"none"}'), UNREADABLE),
    "deep": (True, sized(b"[" * 200000), UNREADABLE),
    "wide": (True, sized(b"[" + b"0," * 500000 + b"0]"), UNREADABLE),
    "gzip_garbage": (True, sized(b"\x1f\x8b\x08 no gzip",
                                 OK + b"Content-Encoding: gzip\r\n"), UNREADABLE),
    "gzip_bomb": (True, sized(gzip.compress(b" " * (64 << 20)),
                              OK + b"Content-Encoding: gzip\r\n"), UNREADABLE),
    "truncated": (True, OK + b"Content-Length: 900\r\n\r\n{\"id\":", BROKE),
    "nothing": (True, b"", BROKE),
    "nothing_done": (False, b"", BROKE),
    "reset": (True, reset, BROKE),
    "chunks_wrong": (True, OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n", BROKE),
    "http09": (True, b'{"id":"1","key":"PROD-1"}', BROKE),
    "huge": (True, forever(OK + b"Content-Length: 104857600\r\n\r\n", BLOCK), {"reply_too_large"}),
    "endless": (True, forever(OK + b"Transfer-Encoding: chunked\r\n\r\n",
                              b"10000\r\n" + BLOCK + b"\r\n"), {"reply_too_large"}),
    "drip": (True, drip, {"timed_out"}),
    "interim_flood": (True, forever(b"", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 100),
                      {"reply_too_large"}),
    "headers_flood": (True, forever(OK, b"X-Flood: 0123456789\r\n" * 100), {"reply_too_large"}),
    "headers_10000": (True, sized(b"{}", OK + b"X-Many: 0123456789012345678\r\n" * 10000),
                      {"reply_too_large"}),
    "header_1mb": (True, sized(b"{}", OK + b"X-Long: " + b"x" * (1 << 20) + b"\r\n"),
                   BROKE | {"reply_too_large"}),
    "status_099": (True, sized(b"{}", b"HTTP/1.1 099 What\r\n"), BROKE | {"http_1xx"}),
    "status_999": (True, sized(b"{}", b"HTTP/1.1 999 What\r\n"), {"http_5xx"}),
    "status_101": (True, b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\nPRI",
                   BROKE | {"http_1xx"}),
    "two_lengths": (True, sized(b"{}", OK + b"Content-Length: 5000\r\n"), UNREADABLE),
    "redirect": (False, lambda elsewhere: sized(
        b"", b"HTTP/1.1 307 Go\r\nLocation: %s/y\r\n" % elsewhere), {"http_3xx"}),
    "redirect_done": (True, lambda elsewhere: sized(
        b"", b"HTTP/1.1 303 See\r\nLocation: %s/y\r\n" % elsewhere), {"http_3xx"}),
}


class HostilePeer:
    """`harm(target, word, kind)`: the next request of that target that holds the word suffers it."""

    def __init__(self, sandbox_at):
        self.sandbox = sandbox_at.rsplit("/", 1)[1]
        self.lock, self.plans, self.done, self.always = threading.Lock(), {}, [], None
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.elsewhere = socket.create_server(("127.0.0.1", 0))
        self.elsewhere.setblocking(False)
        self.elsewhere_url = b"http://127.0.0.1:%d" % self.elsewhere.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def close(self):
        self.listener.close()
        self.elsewhere.close()

    def harm(self, target, word, kind):
        with self.lock:
            self.plans[target, word] = kind

    def visited_elsewhere(self):
        try:
            self.elsewhere.accept()
            return True
        except BlockingIOError:
            return False

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        with connection, connection.makefile("rb") as lines:
            try:
                while self.answer(connection, lines):
                    pass
            except (OSError, http.client.HTTPException, ValueError):
                pass

    def answer(self, connection, lines):
        """One request. False when the connection is to be closed."""
        start = lines.readline().split()
        if len(start) < 3:
            return False
        headers = {}
        while line := lines.readline().strip():
            name, value = line.split(b":", 1)
            headers[name.lower().decode()] = value.strip().decode()
        body = lines.read(int(headers.get("content-length", 0)))
        method, path = start[0].decode(), start[1].decode()
        kind = self.kind_of(method, path, body)
        if kind is None:
            status, reason, more, text = self.forward(method, path, headers, body)
            connection.sendall(b"HTTP/1.1 %d %s\r\n" % (status, reason.encode()) + more +
                               b"Content-Length: %d\r\n\r\n" % len(text) + text)
            return True
        effect, says, _ = KINDS[kind]
        if effect:
            self.forward(method, path, headers, body)
        if kind.startswith("redirect"):
            says = says(self.elsewhere_url)
        if callable(says):
            says(connection)
        else:
            connection.sendall(says)
        return False

    def kind_of(self, method, path, body):
        target = None
        if method == "POST":
            target = {"/jql": "search", "ssue": "create", "ment": "comment"}.get(path[-4:])
        text = body.decode()
        with self.lock:
            if self.always and target:
                return self.always
            for (wanted, word), kind in self.plans.items():
                if wanted == target and (f'{word}"' in text or f'{word}\\"' in text):
                    self.done.append((target, word, kind))
                    return self.plans.pop((wanted, word))
        return None

    def forward(self, method, path, headers, body):
        away = http.client.HTTPConnection(self.sandbox, timeout=20)
        try:
            keep = {k: v for k, v in headers.items() if k in ("authorization", "content-type")}
            away.request(method, path, body or None, keep)
            answer = away.getresponse()
            text = answer.read()
            more = b"".join(f"{name}: {value}\r\n".encode() for name, value in answer.getheaders()
                            if name.lower() not in ("content-length", "connection",
                                                    "transfer-encoding"))
            return answer.status, answer.reason, more, text
        finally:
            away.close()


def reasons(kind, target):
    """As what the worker may take the kind, when it meets it there."""
    found = KINDS[kind][2]
    return {found[target]} if isinstance(found, dict) else found

"""A client of Corvo in a page: JSON over one kept-alive connection, and patience when the server is away or busy."""
import http.client
import json
import time
import urllib.parse


class Refused(Exception):
    """The server decided: the status, its code and its words."""

    def __init__(self, status, code, text):
        super().__init__(f"{status} {code}: {text}")
        self.status = status
        self.code = code


class Client:
    """Calls one server. A call is sent again when the server could not be reached, was busy or not ready yet.

    Sending again is safe for fetch (a lost lease runs out), and for ack and fail with a lease token (the second answer
    is the first one's). An enqueue is not sent again by default: without a unique key it could make two jobs."""

    def __init__(self, url, patience_s=30.0):
        parts = urllib.parse.urlsplit(url)
        self.address = (parts.hostname, parts.port or 80)
        self.patience_s = patience_s
        self.connection = None

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None

    def once(self, method, path, body):
        """(status, decoded body) of one exchange; OSError and HTTPException when there was none."""
        if not self.connection:
            self.connection = http.client.HTTPConnection(*self.address, timeout=75)
        data = None if body is None else json.dumps(body).encode()
        try:
            self.connection.request(method, path, data, {"Content-Type": "application/json"})
            response = self.connection.getresponse()
            text = response.read()
        except (OSError, http.client.HTTPException):
            self.close()
            raise
        if response.will_close:
            self.close()
        return response.status, json.loads(text) if text.strip() else None

    def call(self, method, path, body=None, again=True):
        """The decoded body of a 2xx answer (None when empty); Refused for any other that is final."""
        deadline = time.monotonic() + self.patience_s
        pause = 0.02
        while True:
            try:
                status, reply = self.once(method, path, body)
            except (OSError, http.client.HTTPException):
                if not again or time.monotonic() > deadline:
                    raise
                status, reply = 0, {}
            if 200 <= status < 300:
                return reply
            if status not in (0, 429, 503) or time.monotonic() > deadline:
                reply = reply or {}
                raise Refused(status, reply.get("code", ""), reply.get("error", ""))
            time.sleep(reply.get("retry_after_ms", 0) / 1000 if reply and "retry_after_ms" in reply else pause)
            pause = min(pause * 2, 0.5)

    def post(self, path, body, again=True):
        return self.call("POST", path, body, again)

    def get(self, path):
        return self.call("GET", path)

"""A receiver that costs as little as Python can: it answers 204 and notes how long each event was under way.

A process of its own: `python -m tests.bench.receiver`; it prints its port. Paths: /hang… is never answered, /slow…
after half a second, /fail… with 503, /take returns the delays in ms noted since the last time, as JSON. A delay is from
`"sent":<ns>` in the body, on the clock that all processes of a machine share.
"""

import asyncio
import json
import time

import uvloop

NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"
UNAVAILABLE = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n"
SLOW_S = 0.5
delays: list[float] = []


class Answers(asyncio.Protocol):
    def connection_made(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        self.unread = b""

    def data_received(self, data: bytes) -> None:
        self.unread += data
        while (ends := self.unread.find(b"\r\n\r\n")) >= 0:
            head = self.unread[:ends].lower()
            _, _, length = head.partition(b"content-length:")
            total = ends + 4 + int(length.split(b"\r\n")[0] or 0)
            if len(self.unread) < total:
                return
            self.answer(head.split(b" ", 2)[1], self.unread[ends + 4 : total])
            self.unread = self.unread[total:]

    def answer(self, path: bytes, body: bytes) -> None:
        if path == b"/take":
            taken = json.dumps(delays).encode()
            delays.clear()
            self.transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(taken), taken))
            return
        _, found, sent = body.partition(b'"sent":')
        if found:
            delays.append((time.monotonic_ns() - int(sent[: sent.find(b",")])) / 1e6)
        if path.startswith(b"/slow"):
            asyncio.get_running_loop().call_later(SLOW_S, self.answer_late)
        elif path.startswith(b"/fail"):
            self.transport.write(UNAVAILABLE)
        elif not path.startswith(b"/hang"):
            self.transport.write(NO_CONTENT)

    def answer_late(self) -> None:
        if not self.transport.is_closing():
            self.transport.write(NO_CONTENT)


async def serve() -> None:
    server = await asyncio.get_running_loop().create_server(Answers, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve())

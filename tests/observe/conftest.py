import os
import select

import pytest
import structlog

from dispatcher.observe import log as logs


class Pipe:
    """A pipe whose reader is the test."""

    def __init__(self):
        self.reader, self.writer = os.pipe()
        self.seen = b""

    def read_until(self, mark, within_s=10.0):
        """Everything read so far, once `mark` is in it."""
        while mark not in self.seen:
            assert select.select([self.reader], [], [], within_s)[0], (
                f"{mark!r} did not come; seen: {self.seen[-500:]!r}"
            )
            chunk = os.read(self.reader, 65536)
            assert chunk, f"closed before {mark!r} came; seen: {self.seen[-500:]!r}"
            self.seen += chunk
        return self.seen

    def close(self, *ends):
        for fd in ends or (self.reader, self.writer):
            try:
                os.close(fd)
            except OSError:
                continue


@pytest.fixture
def pipe():
    pipe = Pipe()
    yield pipe
    pipe.close()


@pytest.fixture
def written(pipe):
    """Configures the log, says what it is given to say, and returns what was written."""

    def write(say, form="json", level="debug"):
        writer = logs.configure(form, level, fd=pipe.writer)
        try:
            say(structlog.get_logger())
        finally:
            writer.close()
            structlog.reset_defaults()
        pipe.close(pipe.writer)
        with os.fdopen(pipe.reader, "rb", closefd=False) as file:
            return file.read()

    return write

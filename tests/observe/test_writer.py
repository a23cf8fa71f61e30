import errno
import os
import re
import subprocess
import sys
import threading

import pytest

from dispatcher.observe import writer as writers
from dispatcher.observe.writer import Writer

LINE = b"%060d\n"


def say_lost(lost):
    return b"lost %d\n" % lost


@pytest.fixture
def writer(pipe):
    """A writer into the pipe that holds a thousand bytes, and whose thread ends with the test."""
    made = Writer(pipe.writer, say_lost, most_bytes=1000)
    yield made
    pipe.close(pipe.reader)
    made.close()
    assert not made._thread.is_alive()


def fill(fd):
    os.set_blocking(fd, False)
    filled = 0
    try:
        while True:
            filled += os.write(fd, b"#" * 4096)
    except BlockingIOError:
        os.set_blocking(fd, True)
    return filled


def test_lines_come_out_whole_and_in_order(pipe, writer):
    for number in range(10):
        writer.write(LINE % number)
    assert pipe.read_until(LINE % 9) == b"".join(LINE % number for number in range(10))


def test_a_reader_that_stopped_reading_costs_lines_and_no_time(pipe, writer):
    filled = fill(pipe.writer)
    for number in range(1000):
        writer.write(LINE % number)  # returns, though nothing can be written: else the test hangs here
    assert writer._held <= 1000
    pipe.read_until(b"lost ")
    text = pipe.read_until(b"\n", within_s=10)[filled:]
    kept = text.count(b"\n") - text.count(b"lost")
    assert 1 <= kept <= 1000 / len(LINE % 0) + 1
    assert kept + sum(map(int, re.findall(rb"lost (\d+)\n", text))) == 1000


def test_what_was_dropped_is_said_although_nothing_more_is_logged(pipe, writer):
    filled = fill(pipe.writer)
    for number in range(100):
        writer.write(LINE % number)
    pipe.read_until(b"lost ")
    assert re.search(rb"lost [1-9]\d*\n", pipe.read_until(b"\n")[filled:])


def test_after_dropping_lines_are_written_again(pipe, writer):
    fill(pipe.writer)
    for number in range(100):
        writer.write(LINE % number)
    pipe.read_until(b"lost ")
    writer.write(b"and on\n")
    pipe.read_until(b"and on\n")


def test_a_line_longer_than_the_buffer_is_dropped_and_counted(pipe, writer):
    writer.write(b"x" * 2000 + b"\n")
    writer.write(b"next\n")
    assert b"lost 1\n" in pipe.read_until(b"next\n")


def test_a_descriptor_made_non_blocking_by_somebody_else_loses_nothing(pipe):
    os.set_blocking(pipe.writer, False)
    writer = Writer(pipe.writer, say_lost)
    for number in range(5000):
        writer.write(LINE % number)
    assert pipe.read_until(LINE % 4999) == b"".join(LINE % number for number in range(5000))
    writer.close()


def test_a_closed_pipe_is_survived_and_what_was_lost_is_said_when_it_works_again(pipe, monkeypatch):
    monkeypatch.setattr(writers, "AGAIN_S", 0.01)
    refused = threading.Event()
    real = os.write

    def write(fd, data):
        try:
            return real(fd, data)
        except BrokenPipeError:
            refused.set()
            raise

    monkeypatch.setattr(os, "write", write)
    broken_reader, fd = os.pipe()
    os.close(broken_reader)
    writer = Writer(fd, say_lost)
    writer.write(b"into the void\n")
    writer.write(b"and again\n")
    assert refused.wait(10)
    os.dup2(pipe.writer, fd)
    assert pipe.read_until(b"\n") == b"lost 2\n"
    writer.close()
    os.close(fd)


def test_a_line_torn_by_a_refusal_does_not_swallow_the_next(pipe, monkeypatch):
    monkeypatch.setattr(writers, "AGAIN_S", 0.01)
    real, calls = os.write, []

    def write(fd, data):
        calls.append(bytes(data))
        if len(calls) == 1:
            return real(fd, data[:7])
        if len(calls) == 2:
            raise OSError(errno.ENOSPC, "full")
        return real(fd, data)

    monkeypatch.setattr(os, "write", write)
    writer = Writer(pipe.writer, say_lost)
    writer.write(b"one\ntwo\nthree\n")
    assert pipe.read_until(b"lost 2\n") == b"one\ntwo\nlost 2\n" or pipe.seen == b"one\ntwo\n\nlost 2\n"
    writer.close()


def test_closing_waits_for_what_is_held_but_not_for_a_reader_that_is_gone_for_good(pipe, writer):
    fill(pipe.writer)
    writer.write(b"never read\n")
    writer.close(within_s=0.05)
    assert writer._thread.is_alive()
    writer.write(b"too late\n")
    assert b"too late" not in b"".join(writer._lines)


PROGRAM = """
import sys, structlog
from dispatcher.observe.log import configure
configure("json", "info")
log = structlog.get_logger()
for number in range(int(sys.argv[1])):
    log.info("attempt.settled", number=number)
print("done", file=sys.stderr)
"""


def program(count, stdout):
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(count)], stdout=stdout, stderr=subprocess.PIPE, text=True
    )


def test_a_process_writes_what_it_holds_before_it_ends():
    with program(5000, subprocess.PIPE) as process:
        out, _ = process.communicate(timeout=20)
    assert out.count("\n") == 5000
    assert '"number":4999' in out.splitlines()[-1]


@pytest.mark.parametrize("read_nothing", ["open", "closed"])
def test_a_process_whose_log_nobody_reads_works_and_ends(pipe, read_nothing):
    process = program(100_000, pipe.writer)
    pipe.close(pipe.writer)
    if read_nothing == "closed":
        pipe.close(pipe.reader)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (0, "done\n")

import shutil
import tempfile
from pathlib import Path

import pytest

HERE = tempfile.gettempdir()


@pytest.fixture
def room(monkeypatch):
    """A TMPDIR of the test's own that the server's account may enter; empty at the end, as the product promises."""
    folder = Path(tempfile.mkdtemp(prefix="room-", dir=HERE))
    folder.chmod(0o755)
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)  # else the first answer is remembered
    yield folder
    left = list(folder.iterdir())
    shutil.rmtree(folder)
    assert not left


@pytest.fixture
def kept():
    """Where data is kept; a folder that is not there yet."""
    parent = Path(tempfile.mkdtemp(prefix="kept-", dir=HERE))
    parent.chmod(0o755)
    yield parent / "data"
    shutil.rmtree(parent)

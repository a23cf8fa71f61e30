import shutil
import tempfile
from pathlib import Path

import pytest

from tests.support.eventually import eventually


def made_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="room-"))
    folder.chmod(0o755)
    return folder


@pytest.fixture
async def room():
    """A folder whose path is short enough for a socket and that every account may enter."""
    folder = made_folder()
    yield folder

    def is_gone() -> bool:
        shutil.rmtree(folder, ignore_errors=True)  # a server may be on its way out, where the test failed
        return not folder.exists()

    await eventually(is_gone, 20)


@pytest.fixture
def operator_dsn(database) -> str:
    """An operator's: whoever replays need not own the schema."""
    return database.dsn_as("app_operator")

"""The built wheel, installed in another folder, works without the checkout."""

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


def run(*words: object, **options: object) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [str(word) for word in words], capture_output=True, text=True, timeout=300, check=False, **options
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder with the unpacked wheel, and nothing of ours beside it."""
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder / "dist", cwd=ROOT)
    (wheel,) = (folder / "dist").glob("*.whl")
    run(sys.executable, "-m", "zipfile", "-e", wheel, folder / "site")
    return folder / "site"


def installed_dispatcher(installed: Path, cwd: Path, *words: str) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DISPATCHER_")}
    # Our own environment has the libraries; the folder in front of it has the product.
    environment["PYTHONPATH"] = os.pathsep.join([str(installed), sysconfig.get_path("purelib")])
    script = (
        "import dispatcher, sys; assert dispatcher.__file__.startswith(sys.argv.pop(1)), dispatcher.__file__; "
        "from dispatcher.cli import main; main()"
    )
    return run(sys.executable, "-P", "-c", script, installed, *words, cwd=cwd, env=environment).stdout


def test_the_installed_wheel_delivers_the_demo(installed, tmp_path):
    told = json.loads(installed_dispatcher(installed, tmp_path, "demo", "--once", "--json"))
    assert told["delivered"] == told["deliveries"] > 0
    assert told["dead"] == told["unverified"] == 0


def test_the_installed_wheel_has_its_profiles(installed, tmp_path):
    told = json.loads(installed_dispatcher(installed, tmp_path, "profile", "list", "--json"))
    ours = {path.stem: path.read_text() for path in (ROOT / "config/profiles").glob("*.toml")}
    assert {each["name"]: Path(each["file"]).read_text() for each in told["profiles"]} == ours
    assert all(each["shipped"] and each["file"].startswith(str(installed)) for each in told["profiles"])


def test_the_wheel_carries_what_it_reads(installed):
    assert (installed / "dispatcher/dispatcher.toml").read_text() == (ROOT / "config/dispatcher.toml").read_text()
    for folder, ending in [("sql", ".sql"), ("migrations", ".sql"), ("grants", ".sql")]:
        ours = {path.name for path in (ROOT / "dispatcher/store" / folder).glob(f"*{ending}")}
        assert ours == {path.name for path in (installed / "dispatcher/store" / folder).glob(f"*{ending}")}

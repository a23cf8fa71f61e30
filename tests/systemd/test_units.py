"""What is in `systemd/`, looked at without starting anything."""

import re
import shutil
import subprocess
import sys
from ipaddress import collapse_addresses, ip_network
from pathlib import Path

import pytest

from dispatcher.config import Settings
from dispatcher.daemon.life import FLUSH_S
from dispatcher.policy.addresses import FORBIDDEN

UNITS = Path(__file__).parent.parent.parent / "systemd"
NAMES = ["dispatcher.service", "dispatcher@.service"]
DROP_INS = ["egress.conf", "dynamic-user.conf"]
ANALYZE = shutil.which("systemd-analyze")

needs_systemd = pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not installed")


def setting(name: str, text: str) -> str:
    """The last value of a directive."""
    return re.findall(rf"^{name}=(.*)$", text, re.MULTILINE)[-1]


def analyze(*arguments: object) -> tuple[int, str]:
    done = subprocess.run([str(ANALYZE), *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(params=NAMES)
def unit(request, tmp_path):
    """As it would be installed, with the program of this checkout."""
    text = (UNITS / request.param).read_text()
    program = Path(sys.prefix) / "bin/dispatcher"
    assert program.exists()
    file = tmp_path / request.param.replace("@", "@shop")
    file.write_text(text.replace("/opt/dispatcher/bin/dispatcher", str(program)))
    return file


@needs_systemd
@pytest.mark.parametrize("drop_ins", [[], *([each] for each in DROP_INS), DROP_INS], ids="+".join)
def test_systemd_understands_all_of_it(unit, drop_ins):
    folder = unit.with_name(f"{unit.name}.d")
    folder.mkdir()
    for name in drop_ins:
        shutil.copy(UNITS / name, folder)
    assert analyze("verify", "--man=no", "--recursive-errors=no", unit) == (0, "")


@needs_systemd
def test_it_exposes_little(unit):
    code, said = analyze("security", "--offline=true", "--threshold=13", unit)
    assert code == 0, said


def test_the_two_differ_in_the_name_of_the_instance_only():
    one, several = ((UNITS / name).read_text().partition("\n\n")[2] for name in NAMES)
    assert several.replace(" --config /etc/dispatcher/%i.toml", "").replace(" %i", "").replace("-%i", "") == one


@pytest.mark.parametrize("name", NAMES)
def test_a_stop_has_time_to_drain_and_to_write(name):
    text = (UNITS / name).read_text()
    assert int(setting("TimeoutStopSec", text).removesuffix("s")) > Settings().dispatch.drain_s + FLUSH_S
    assert int(setting("LimitNOFILE", text)) > Settings().dispatch.max_in_flight + Settings().dispatch.max_slow


def test_the_kernel_would_refuse_what_egress_refuses():
    lines = re.findall(r"^IPAddressDeny=(.*)$", (UNITS / "egress.conf").read_text(), re.MULTILINE)
    denied = {ip_network(word) for line in lines for word in line.split()}
    table = [ip_network(network) for network, _ in FORBIDDEN]
    for version in (4, 6):
        ours = set(collapse_addresses(network for network in table if network.version == version))
        assert {network for network in denied if network.version == version} == ours

"""Nothing but the public internet is connected to, whatever a name says from one moment on."""

import subprocess
import sys

import pytest

from rebalancer.ops.messenger.addresses import Inside, JudgingResolver, here, outside


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.215.14", True),
        ("2606:2800:21f:cb07:6820:80da:af6b:8b2c", True),
        ("127.0.0.1", False),
        ("127.9.9.9", False),
        ("::1", False),
        ("0.0.0.0", False),
        ("::", False),
        ("10.0.0.8", False),
        ("172.16.5.4", False),
        ("192.168.1.1", False),
        ("100.64.0.1", False),  # shared by a provider's customers; metadata of one cloud too
        ("169.254.169.254", False),  # metadata
        ("168.63.129.16", False),  # metadata at a public address
        ("fe80::1", False),
        ("fe80::1%eth0", False),
        ("fd00:ec2::254", False),  # metadata
        ("224.0.0.1", False),
        ("ff02::1", False),
        ("240.0.0.1", False),
        ("255.255.255.255", False),
        ("::ffff:10.0.0.1", False),
        ("::ffff:93.184.215.14", True),
        ("64:ff9b::a00:1", False),  # 10.0.0.1, translated
        ("64:ff9b::5db8:d70e", True),
        ("2002:a00:1::", False),  # 10.0.0.1, in a tunnel
        ("::10.0.0.1", False),
        ("metadata.internal", False),
    ],
)
def test_outside(address, public):
    """An address is outside only when it is, and so is what is wrapped in it."""
    assert public is outside(address)


@pytest.mark.parametrize(
    ("address", "own"), [("127.0.0.1", True), ("::1", True), ("10.0.0.1", False)]
)
def test_here(address, own):
    """What stands for the outside in a test is on this machine, and nowhere else inside."""
    assert own is here(address)


class Rebinding:
    """Who answers otherwise each time he is asked."""

    def __init__(self, *answers):
        self.answers = list(answers)

    async def resolve(self, host, port=0, family=0):
        return [{"host": each, "port": port, "hostname": host} for each in self.answers.pop(0)]

    async def close(self):
        self.answers.clear()


@pytest.mark.parametrize(
    "answer", [("10.0.0.1",), ("93.184.215.14", "169.254.169.254"), ("::ffff:127.0.0.1",)]
)
async def test_refused(answer):
    """A name that leads inside, in part at least, leads nowhere."""
    with pytest.raises(Inside, match=r"alerts\.example\.org leads to"):
        await JudgingResolver(outside, Rebinding(answer)).resolve("alerts.example.org", 443)


async def test_rebinding():
    """What was judged is what is returned; what is said the next time is judged anew."""
    resolver = JudgingResolver(outside, Rebinding(("93.184.215.14",), ("127.0.0.1",)))

    assert ["93.184.215.14"] == [each["host"] for each in await resolver.resolve("x.org", 443)]
    with pytest.raises(Inside):
        await resolver.resolve("x.org", 443)


GUARDED = """
import socket, sys
from rebalancer.ops.messenger.addresses import guard_process
server = socket.create_server(("127.0.0.1", 0))
port = server.getsockname()[1]
guard_process([sys.argv[1].replace("PORT", str(port))])
for host in ("127.0.0.1", "localhost", "10.255.255.1"):
    try:
        socket.create_connection((host, port), timeout=0.2).close()
        print("connected")
    except OSError as error:
        print(type(error).__name__)
"""


@pytest.mark.parametrize(
    ("named", "outcomes"),
    [
        ("127.0.0.1:PORT", ["connected", "connected", "Inside"]),
        ("localhost:PORT", ["connected", "connected", "Inside"]),
        ("127.0.0.1:1", ["Inside", "Inside", "Inside"]),
    ],
)
def test_guarded_process(named, outcomes):
    """In a guarded process no library connects inside, but to what the settings name."""
    ran = subprocess.run(
        [sys.executable, "-c", GUARDED, named], capture_output=True, text=True, check=True
    )

    assert outcomes == ran.stdout.split()

"""Free ports of this machine."""

import random
import socket
from contextlib import ExitStack, suppress

# Below the ports that a system gives to outgoing connections, one of which could take a free port before it is used, and
# above those that Ray keeps for its workers.
PORTS = range(20_000, 32_768)


def free_port() -> int:
    """A port that nobody listens to."""
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens to, all different."""
    found: list[int] = []
    with ExitStack() as stack:
        while len(found) < count:
            asked = stack.enter_context(socket.socket())
            with suppress(OSError):
                asked.bind(("127.0.0.1", random.SystemRandom().choice(PORTS)))
                found.append(int(asked.getsockname()[1]))
    return found

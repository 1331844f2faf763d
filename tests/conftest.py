"""What every test stands on: shapes are checked, one thread, no network."""

import ipaddress
import os
import socket
import sys

import pytest
import torch
from jaxtyping import install_import_hook

# jaxtyping evaluates this for every function of arlearn. An int may stand where a float is asked
# for, as everywhere in Python (PEP 484); `Self` is let through, since methods are checked one by
# one, before their class exists.
CHECKER = (
    "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True, "
    "hint_overrides=beartype.FrozenDict({__import__('typing').Self: object})))"
)

if any(name.startswith("arlearn.") for name in sys.modules):
    raise RuntimeError("arlearn was imported before tests/conftest.py could check its shapes")
install_import_hook("arlearn", CHECKER)
torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))


class NetworkUsed(OSError):
    """A test reached for another machine. An OSError, as on a machine without a network."""


def is_local(address) -> bool:
    """Whether an address given to `connect` or `getaddrinfo` stays on this machine."""
    host = address[0] if isinstance(address, tuple) else address
    if host in (None, "", b"", "localhost", b"localhost") or not isinstance(address, tuple):
        return True  # an address that is no tuple is a Unix socket's file
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@pytest.fixture(scope="session", autouse=True)
def no_network():
    """Refuse every connection and every name look-up that leaves the machine."""

    def guarded(name, original, place):
        def call(*args, **kwargs):
            address = place(*args, **kwargs)
            if not is_local(address):
                raise NetworkUsed(f"tests use no network; {name} was asked for {address}")
            return original(*args, **kwargs)

        return call

    with pytest.MonkeyPatch.context() as patch:
        for name in ("connect", "connect_ex"):
            original = getattr(socket.socket, name)
            call = guarded(name, original, lambda own, address: address)
            patch.setattr(socket.socket, name, call)
        original = socket.getaddrinfo
        call = guarded("getaddrinfo", original, lambda host, *args, **kwargs: (host,))
        patch.setattr(socket, "getaddrinfo", call)
        yield

"""A reserved port is there for the one that it is for, and for nobody who asks for any."""

import socket

import pytest

from tools.ports import number, reservation, reserved


@pytest.mark.parametrize("address", ["127.0.0.1", ""])
def test_a_server_may_listen_on_a_reserved_port_again_and_again(address: str) -> None:
    with reserved() as port:
        for _ in range(3):
            with socket.create_server((address, port)) as listener, socket.create_connection(("127.0.0.1", port)):
                listener.accept()[0].close()


def test_a_reserved_port_is_given_to_nobody_else() -> None:
    with reservation() as held, socket.socket() as other:
        with pytest.raises(OSError, match="Address already in use"):
            other.bind(("127.0.0.1", number(held)))
        assert other.connect_ex(("127.0.0.1", number(held))) != 0, "nobody listens there"

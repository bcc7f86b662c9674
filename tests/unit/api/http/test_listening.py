"""The gateway's sockets: how many there are, where, and who else may have the place."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from socket import socket

import pytest

from api.http.listening import listening_sockets


@contextmanager
def opened(port: int = 0, *, shared: bool = False) -> Iterator[list[socket]]:
    sockets = list(listening_sockets("127.0.0.1", port, shared=shared))
    try:
        yield sockets
    finally:
        for one in sockets:
            one.close()


def test_each_turn_of_the_loop_has_many_sockets_to_take_a_connection_from_and_all_are_the_same_place() -> None:
    with opened() as sockets:
        assert len({one.fileno() for one in sockets}) == 32
        assert len({one.getsockname() for one in sockets}) == 1
        sockets[0].listen()
        with closing(socket()) as client:
            client.connect(sockets[0].getsockname())
            connection, _ = sockets[-1].accept()
            connection.close()


def test_a_place_is_one_gateways_unless_all_of_them_share_it() -> None:
    with opened() as sockets:
        sockets[0].listen()
        with pytest.raises(OSError, match="in use"):
            list(listening_sockets("127.0.0.1", sockets[0].getsockname()[1], shared=False))
    with opened(shared=True) as sockets:
        sockets[0].listen()
        with opened(sockets[0].getsockname()[1], shared=True) as others:
            assert others[0].getsockname() == sockets[0].getsockname()


def test_a_host_without_an_address_is_an_oserror() -> None:
    with pytest.raises(OSError, match="not known"):
        list(listening_sockets("no.such.host.invalid", 0, shared=False))

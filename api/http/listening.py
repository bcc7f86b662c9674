"""Where clients come in."""

from collections.abc import Iterator
from socket import AF_INET6, IPPROTO_IPV6, IPV6_V6ONLY, SO_REUSEADDR, SO_REUSEPORT, SOCK_STREAM, SOL_SOCKET, getaddrinfo
from socket import socket as Socket

_ACCEPTS = 32
"""Connections that each turn of the event loop takes."""


def listening_sockets(host: str, port: int, *, shared: bool) -> Iterator[Socket]:
    """Bound to each address of the host, and not listening yet; when they are ``shared``, other gateways may come.

    Each comes many times: libuv takes one connection from a socket in a turn of the loop, and turns are long while the
    first clients are served, so that of 512 that come at once the last would wait for a second. Raises OSError.
    """
    for family, kind, protocol, _, address in getaddrinfo(host, port, type=SOCK_STREAM):
        socket = Socket(family, kind, protocol)
        socket.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
        socket.setsockopt(SOL_SOCKET, SO_REUSEPORT, shared)
        if family == AF_INET6:
            socket.setsockopt(IPPROTO_IPV6, IPV6_V6ONLY, 1)  # IPv4 has an address of its own in the list
        try:
            socket.bind(address)
        except OSError:
            socket.close()
            raise
        yield socket
        yield from (socket.dup() for _ in range(_ACCEPTS - 1))

"""Join a port of one network to a port of another, on this machine's side over loopback."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import threading

from kubetest.processes import in_network


def relay(keeper: int, kind: str, listen: str, target: str) -> None:
    """Serve until the node's first process, `keeper`, ends; kind `in` leads into its network."""
    here = os.getpid()
    near, far = (here, keeper) if kind == "in" else (keeper, here)
    server = in_network(near, lambda: socket.create_server(split(listen), backlog=512))
    print("ready", flush=True)
    os.close(1)
    end = os.pidfd_open(keeper)
    while end not in select.select([server.fileno(), end], [], [])[0]:
        client = server.accept()[0]
        threading.Thread(target=serve, args=(client, far, split(target)), daemon=True).start()


def split(address: str) -> tuple[str, int]:
    """Return host and port of an address."""
    host, port = address.rsplit(":", 1)
    return host, int(port)


def serve(client: socket.socket, far: int, target: tuple[str, int]) -> None:
    """Copy both ways; an end of file is passed on, and a refusal becomes a reset."""
    try:
        server = in_network(far, lambda: socket.create_connection(target))
    except OSError:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.close()
        return
    other = threading.Thread(target=copy, args=(server, client), daemon=True)
    other.start()
    copy(client, server)
    other.join()
    client.close()
    server.close()


def copy(source: socket.socket, sink: socket.socket) -> None:
    """Copy one way until the end of file, or until either end is gone."""
    for each in (source, sink):
        each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        each.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)  # a killed pod says no goodbye
        each.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 10)
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        for each in (source, sink):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

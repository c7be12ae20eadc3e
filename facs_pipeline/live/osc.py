"""Open Sound Control over UDP: a message for each value, in one bundle a face.

The encoding is that of OSC 1.0 (Wright, "The Open Sound Control 1.0 Specification", 2002): texts end with a zero and
are filled up to four bytes, numbers are big-endian.
"""

from __future__ import annotations

import ipaddress
import math
import socket
import struct

from facs_pipeline.analysis.analyser import FaceAnalyser
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.live.frames import LiveFrame
from facs_pipeline.live.values import face_values, groups

_AT_ONCE = 1


def osc_message(address: str, *arguments: float | int | str) -> bytes:
    r"""One message.

    Examples
    --------
    >>> osc_message("/a", 1, "b")
    b'/a\x00\x00,is\x00\x00\x00\x00\x01b\x00\x00\x00'
    """
    tags, data = ",", b""
    for argument in arguments:
        if isinstance(argument, str):
            tags, data = tags + "s", data + _text(argument)
        elif isinstance(argument, int):
            tags, data = tags + "i", data + struct.pack(">i", argument)
        else:
            tags, data = tags + "f", data + struct.pack(">f", argument)
    return _text(address) + _text(tags) + data


def osc_bundle(messages: list[bytes]) -> bytes:
    """Messages that belong to one moment."""
    sized = (struct.pack(">i", len(message)) + message for message in messages)
    return _text("#bundle") + struct.pack(">Q", _AT_ONCE) + b"".join(sized)


def _text(text: str) -> bytes:
    data = text.encode("utf-8") + b"\0"
    return data + b"\0" * (-len(data) % 4)


def osc_target(text: str, *, allow_network: bool = False) -> tuple[str, int]:
    """Address and port from ``HOST:PORT``.

    Raises
    ------
    InputError
        If it is none, or another machine's and `allow_network` is not given.

    Examples
    --------
    >>> osc_target("127.0.0.1:9000")
    ('127.0.0.1', 9000)
    """
    host, colon, port = text.rpartition(":")
    host = host.strip("[]")
    if not (colon and host and port.isdecimal() and 0 < int(port) < 65536):
        raise InputError(f"{text}: expected HOST:PORT, such as 127.0.0.1:9000")
    try:
        address = str(socket.getaddrinfo(host, int(port), type=socket.SOCK_DGRAM)[0][4][0])
    except OSError:
        raise InputError(f"{text}: no host of this name is known") from None
    if not ipaddress.ip_address(address.partition("%")[0]).is_loopback and not allow_network:
        raise InputError(f"{text}: on another machine; allow it with --allow-network, or use 127.0.0.1:{port}")
    return address, int(port)


class OscSender:
    """Sends each frame's values by UDP; nobody needs to listen.

    ``/facs/frame`` has the frame's number and time in seconds, ``/facs/mark`` the label of a mark and its time.
    ``/facs/<face>/<name>`` has a value, such as ``/facs/0/AU12_r``; unknown ones are not sent.

    Parameters
    ----------
    target : tuple of str and int
        See `osc_target`.
    analyser : FaceAnalyser
        Says what is measured.
    """

    def __init__(self, target: tuple[str, int], analyser: FaceAnalyser) -> None:
        family = socket.AF_INET6 if ":" in target[0] else socket.AF_INET
        self._socket, self._target = socket.socket(family, socket.SOCK_DGRAM), target
        self._groups = groups(analyser)

    def write(self, frame: LiveFrame) -> None:
        """Send the frame's values."""
        self._send([osc_message("/facs/frame", frame.index, float(frame.time_s))])
        for mark in frame.marks:
            self._send([osc_message("/facs/mark", mark.label, float(mark.time_s))])
        for face in frame.faces:
            values = face_values(face, self._groups)
            self._send(
                [
                    osc_message(f"/facs/{face.face_id}/{name}", float(value))
                    for name, value in values.items()
                    if math.isfinite(value)
                ]
            )

    def _send(self, messages: list[bytes]) -> None:
        try:
            self._socket.sendto(osc_bundle(messages), self._target)
        except OSError as error:
            # Nobody listening is no reason to stop: the system says so of the datagram before.
            if not isinstance(error, ConnectionError):
                raise InputError(f"OSC to {self._target[0]}:{self._target[1]}: {error.strerror}") from None

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

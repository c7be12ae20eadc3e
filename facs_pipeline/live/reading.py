"""A thread that reads a source and keeps its latest picture: what is not taken in time is dropped, never queued."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from facs_pipeline.live.pictures import Picture
from facs_pipeline.live.sources import Source

_CLOSING_S = 2.0


class LatestPicture:
    """The latest picture of a source, in a place for one.

    Parameters
    ----------
    source : Source
    drop : bool
        Replace a picture that was not taken; False makes the source wait.
    on_picture : callable, optional
        Is given every picture, in the reading thread, also those that are dropped.

    Attributes
    ----------
    dropped : int
        Pictures that were replaced.
    """

    def __init__(
        self, source: Source, *, drop: bool = True, on_picture: Callable[[Picture], None] | None = None
    ) -> None:
        self._source, self._drop, self._on_picture = source, drop, on_picture
        self._changed = threading.Condition()
        self._waiting: tuple[Picture, float] | None = None
        self._ended = self._stopped = False
        self._error: Exception | None = None
        self.dropped = 0
        # A daemon: a driver that never answers must not keep the program alive.
        self._thread = threading.Thread(target=self._read, name="facs live source", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def _read(self) -> None:
        try:
            for picture in self._source.pictures():
                if self._on_picture is not None:
                    self._on_picture(picture)
                if not self._put(picture, time.perf_counter()):
                    break
        except Exception as error:
            self._error = error
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _put(self, picture: Picture, arrived: float) -> bool:
        with self._changed:
            if not self._drop:
                self._changed.wait_for(lambda: self._waiting is None or self._stopped)
            elif self._waiting is not None:
                self.dropped += 1
            self._waiting = picture, arrived
            self._changed.notify_all()
            return not self._stopped

    def take(self, timeout_s: float) -> tuple[Picture, float] | None:
        """The latest picture and when it arrived (``time.perf_counter``); None once there are no more.

        Raises
        ------
        TimeoutError
            If none comes for `timeout_s` seconds.
        Exception
            What ended the source.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self._waiting is not None or self._ended, timeout_s):
                raise TimeoutError
            taken, self._waiting = self._waiting, None
            self._changed.notify_all()
        if taken is None and self._error is not None:
            error, self._error = self._error, None
            raise error
        return taken

    def close(self) -> None:
        """End the reading."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        self._source.close()
        if self._thread.is_alive():
            self._thread.join(_CLOSING_S)

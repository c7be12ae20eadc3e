"""Linear algebra on one thread: quicker for small matrices, and the same last digits on every machine."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Iterator
from functools import cache

from threadpoolctl import LibController, ThreadpoolController


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Run BLAS on one thread; a context manager that serves as a decorator, too.

    Products as small as those of one frame lose far more by waking threads than they gain. Most builds of BLAS share
    their threads within a process, so the limit holds for all of its Python threads, until the last block ends.
    A block costs about ten microseconds, so it may be entered for every frame.

    Examples
    --------
    >>> import numpy as np
    >>> with one_thread():
    ...     product = np.ones((2, 3)) @ np.ones(3)
    >>> product
    array([3., 3.])
    """
    _limit.enter()
    try:
        yield
    finally:
        _limit.leave()


class _Limit:
    """The blocks that are open in this process: the last one to end gives the threads back."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open = 0
        self._before: list[tuple[LibController, int]] = []

    def enter(self) -> None:
        with self._lock:
            self._open += 1
            for library in _blas_libraries("scipy.linalg" in sys.modules):
                threads = library.get_num_threads()
                if threads != 1:
                    library.set_num_threads(1)
                    self._before.append((library, threads))

    def leave(self) -> None:
        with self._lock:
            self._open -= 1
            if not self._open:
                for library, threads in self._before:
                    library.set_num_threads(threads)
                self._before.clear()


_limit = _Limit()


@cache
def _blas_libraries(with_scipy: bool) -> tuple[LibController, ...]:
    """The BLAS libraries of this process.

    Finding them takes 10 ms, so they are kept. SciPy brings a library of its own, hence `with_scipy`: it may be loaded
    after NumPy's was found.
    """
    return tuple(ThreadpoolController().select(user_api="blas").lib_controllers)

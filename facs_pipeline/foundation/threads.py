"""Linear algebra on one thread: quicker for small matrices, and the same last digits on every machine."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from functools import cache

from threadpoolctl import LibController, ThreadpoolController


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Run BLAS on one thread; a context manager that serves as a decorator, too.

    Products as small as those of one frame lose far more by waking threads than they gain. Most builds of BLAS share
    their threads within a process, so other threads of the caller are limited as well while the block lasts.
    A block costs 5 to 10 microseconds, so it may be entered for every frame.

    Examples
    --------
    >>> import numpy as np
    >>> with one_thread():
    ...     product = np.ones((2, 3)) @ np.ones(3)
    >>> product
    array([3., 3.])
    """
    limited = []
    try:
        for library in _blas_libraries("scipy.linalg" in sys.modules):
            threads = library.get_num_threads()
            if threads != 1:
                library.set_num_threads(1)
                limited.append((library, threads))
        yield
    finally:
        for library, threads in limited:
            library.set_num_threads(threads)


@cache
def _blas_libraries(with_scipy: bool) -> tuple[LibController, ...]:
    """The BLAS libraries of this process.

    Finding them takes 10 ms, so they are kept. SciPy brings a library of its own, hence `with_scipy`: it may be loaded
    after NumPy's was found.
    """
    return tuple(ThreadpoolController().select(user_api="blas").lib_controllers)

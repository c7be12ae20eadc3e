"""Linear algebra on one thread: quicker for small matrices, and the same last digits on every machine."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from functools import cache

from threadpoolctl import ThreadpoolController


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Run BLAS on one thread; a context manager that serves as a decorator, too.

    Products as small as those of one frame lose far more by waking threads than they gain. Most builds of BLAS share
    their threads within a process, so the limit holds for all of its Python threads while the block lasts.
    A block costs about 15 microseconds, so it may be entered for every frame.

    Examples
    --------
    >>> import numpy as np
    >>> with one_thread():
    ...     product = np.ones((2, 3)) @ np.ones(3)
    >>> product
    array([3., 3.])
    """
    with _controller("scipy.linalg" in sys.modules).limit(limits=1, user_api="blas"):
        yield


@cache
def _controller(with_scipy: bool) -> ThreadpoolController:
    """Control of the BLAS libraries of this process; finding them takes 10 ms.

    SciPy brings a library of its own, hence `with_scipy`: it may be loaded after NumPy's was found.
    """
    return ThreadpoolController().select(user_api="blas")

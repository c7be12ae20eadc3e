"""BLAS runs on one thread inside a block, and on as many as before after it."""

from __future__ import annotations

import subprocess
import sys

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from facs_pipeline.foundation.threads import one_thread


def blas_threads() -> set[int]:
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


@pytest.fixture(autouse=True)
def two_threads():
    with threadpool_limits(2):
        yield


def test_a_block_runs_on_one_thread_and_gives_the_others_back():
    with one_thread():
        assert blas_threads() == {1}
        with one_thread():
            assert blas_threads() == {1}
        assert blas_threads() == {1}
    assert blas_threads() == {2}


def test_it_is_a_decorator_too():
    assert one_thread()(blas_threads)() == {1}
    assert blas_threads() == {2}


def test_an_error_gives_the_threads_back():
    with pytest.raises(ZeroDivisionError), one_thread():
        _ = 1 / 0
    assert blas_threads() == {2}


def test_scipys_library_is_limited_though_it_is_loaded_later():
    code = """
import sys, numpy
from threadpoolctl import threadpool_info, threadpool_limits
from facs_pipeline.foundation.threads import one_thread
with one_thread():
    assert "scipy.linalg" not in sys.modules
import scipy.linalg
threadpool_limits(2)
with one_thread():
    print({library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"})
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "{1}"

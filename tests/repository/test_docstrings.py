"""The examples in the docstrings of the whole package run and print what they say."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import facs_pipeline

# The worker is a script.
MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(facs_pipeline.__path__, "facs_pipeline.")
    if not module.ispkg and module.name != "facs_pipeline.foundation.worker"
)


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_there_are_many():
    found = [test for name in MODULES for test in doctest.DocTestFinder().find(importlib.import_module(name))]
    assert sum(bool(test.examples) for test in found) > 40

"""Facial action units from videos, stage by stage; `__init__.pyi` names what is public, in the order of the method.

Everything is imported on first use, so that `import facs_pipeline` stays fast.
"""

import lazy_loader

_load, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> object:
    if name == "__version__":
        from importlib.metadata import version

        return version("facs-pipeline")
    if name in __all__:
        return _load(name)
    from facs_pipeline.deprecated import RENAMED, warn_renamed

    if name in RENAMED:
        warn_renamed(name)
        return _load(RENAMED[name].new)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

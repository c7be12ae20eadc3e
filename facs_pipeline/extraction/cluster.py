"""The workers of a run on a Dask cluster, in the place of processes of this computer.

Tables and stored results go through files that all computers see; only what a video's worker tells goes through the
scheduler. Each Dask worker has a worker process of this package's own. So a video that hangs or crashes its decoder
costs that video only, as everywhere else.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import platform
import signal
import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from facs_pipeline.extraction.options import Options
from facs_pipeline.extraction.plan import record_of
from facs_pipeline.extraction.tables import PACKAGES
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.files.artifacts import load_key
from facs_pipeline.foundation.machine import versions_of
from facs_pipeline.foundation.pool import Event, Pool

if TYPE_CHECKING:
    from distributed import Client, Future

_CONNECT_S = 30
_HERE = threading.local()
_DIFFERS = "differs"


class ClusterPool:
    """Does a run's jobs on a Dask cluster; used as `facs_pipeline.foundation.pool.Pool` is.

    Parameters
    ----------
    scheduler : str
        Its address, ``"local"`` for one that is started here, ``"slurm"`` for workers in jobs of Slurm.
    workers : int
        How many workers are started, where they are.
    run : dict of str to Any
        See `Pool`. The secret key stays here: every computer has the user's own.
    options : Options
        Of the run, with paths that mean the same everywhere.

    Raises
    ------
    InputError
        If there is no such scheduler or no worker, or a worker has other libraries, models or another key.
    """

    def __init__(self, scheduler: str, workers: int, run: Mapping[str, Any], options: Options) -> None:
        self._run = {name: value for name, value in run.items() if name != "key"}
        self._options, self._timeout_s = options.as_json(), options.timeout_s
        self._expected = identity(self._options)
        self._stack = contextlib.ExitStack()
        self._pending: set[Future] = set()
        self._closed = False
        try:
            self._client = self._connected(scheduler, workers)
            self._check_workers()
        except BaseException:
            self._stack.close()
            raise

    def run(self, jobs: Iterable[dict[str, Any]]) -> Iterator[Event]:
        """Do all jobs; of each there are its events, the last one ``done`` or ``failed``."""
        import distributed

        listed = list(jobs)
        if self._closed or not listed:
            return
        # The longest are named first, and Dask begins in this order.
        futures = [
            self._client.submit(
                do_job, self._run, job, self._options, self._timeout_s, self._expected, pure=False, retries=0
            )
            for job in listed
        ]
        number_of = {future.key: number for number, future in enumerate(futures)}
        self._pending = set(futures)
        del futures
        for future in distributed.as_completed(set(self._pending), loop=self._client.loop):
            number = number_of[future.key]
            yield from self._events(future, number, listed[number]["path"])
            # Its result is not kept by the scheduler any longer.
            self._pending.discard(future)
            if self._closed:
                return

    def _events(self, future: Future, number: int, path: str) -> Iterator[Event]:
        error = future.exception()
        if error is not None:
            yield Event(number, "failed", {"reason": f"{path}: its workers on the cluster were lost ({error})"})
            return
        for kind, content in future.result():
            if kind == _DIFFERS:
                raise InputError(content["text"])
            yield Event(number, kind, content)

    def _connected(self, scheduler: str, workers: int) -> Client:
        try:
            import distributed
        except ImportError:
            raise InputError("--scheduler needs Dask; pip install 'facs-pipeline[cluster]'") from None
        where: Any = scheduler
        if scheduler == "local":
            with _deaf_children():
                where = distributed.LocalCluster(
                    n_workers=workers, threads_per_worker=1, dashboard_address=None, silence_logs=logging.CRITICAL
                )
            self._stack.enter_context(where)
        elif scheduler == "slurm":
            try:
                from dask_jobqueue import SLURMCluster
            except ImportError:
                raise InputError("--scheduler slurm needs dask-jobqueue; pip install dask-jobqueue") from None
            where = self._stack.enter_context(SLURMCluster())
            where.scale(workers)
        try:
            client = self._stack.enter_context(distributed.Client(where, timeout=_CONNECT_S, set_as_default=False))
        except (OSError, TimeoutError, ValueError) as error:
            raise InputError(
                f"--scheduler {scheduler}: no Dask scheduler answers ({error}); "
                "expected local, slurm, or an address such as tcp://host:8786"
            ) from None
        try:
            client.wait_for_workers(1, timeout=_CONNECT_S if scheduler != "slurm" else None)
        except TimeoutError:
            raise InputError(f"--scheduler {scheduler}: it has no workers; start some with dask worker") from None
        return client

    def _check_workers(self) -> None:
        for address, found in self._client.run(identity, self._options).items():
            if differing := differences(self._expected, found):
                raise InputError(f"worker {address} would give other results: {differing}; install the same there")

    def close(self) -> None:
        """Cancel what is not done, and end the workers that were started here."""
        self._closed = True
        with contextlib.suppress(Exception):
            self._client.cancel(list(self._pending), force=True)
        self._pending = set()
        self._stack.close()

    def __enter__(self) -> ClusterPool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@contextlib.contextmanager
def _deaf_children() -> Iterator[None]:
    """Processes that are started in the block leave Ctrl-C to this one, which ends them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def identity(options: Mapping[str, Any]) -> dict[str, str]:
    """What a computer's results depend on: versions, hashes of models, and a hash of the key that signs them."""
    record = record_of(Options.from_json(dict(options)))
    return {
        "python": platform.python_version(),
        **{name: str(version) for name, version in versions_of("facs-pipeline", *PACKAGES).items()},
        **{f"model {name}": model["sha256"] for name, model in record["models"].items()},
        **{f"stage {name}": str(version) for name, version in record["stage_versions"].items()},
        "key (FACS_KEY_FILE)": hashlib.sha256(load_key()[0]).hexdigest(),
    }


def differences(expected: Mapping[str, str], found: Mapping[str, str]) -> str:
    """In what two identities differ, in words; empty if they do not.

    Examples
    --------
    >>> differences({"numpy": "2.1", "av": "16"}, {"numpy": "2.0", "av": "16"})
    'numpy 2.0 instead of 2.1'
    """
    names = [name for name in {**expected, **found} if expected.get(name) != found.get(name)]
    return ", ".join(f"{name} {_short(found.get(name))} instead of {_short(expected.get(name))}" for name in names)


def _short(value: str | None) -> str:
    return "none" if value is None else value[:12]


def do_job(
    run: dict[str, Any], job: dict[str, Any], options: dict[str, Any], timeout_s: float, expected: dict[str, str]
) -> list[tuple[str, dict[str, Any]]]:
    """Do one job in a Dask worker: kinds and contents of its events; of its progress only the last."""
    # A worker that joined later has not been asked yet.
    if getattr(_HERE, "run", None) != run and (differing := differences(expected, identity(options))):
        return [(_DIFFERS, {"text": f"a worker on {platform.node()} would give other results: {differing}"})]
    events: dict[str, dict[str, Any]] = {}
    logs: list[tuple[str, dict[str, Any]]] = []
    for event in _own_pool(run, timeout_s).run([job]):
        if event.kind == "log":
            logs.append((event.kind, event.content))
        else:
            events[event.kind] = event.content
    last = [(kind, events[kind]) for kind in ("expect", "progress", "done", "failed") if kind in events]
    return [*logs, *last]


def _own_pool(run: dict[str, Any], timeout_s: float) -> Pool:
    """The thread's own worker process, which stays from video to video of a run: its models are loaded once."""
    if getattr(_HERE, "run", None) != run:
        if getattr(_HERE, "run", None) is not None:
            _HERE.pool.close()
        _HERE.pool = Pool(1, {**run, "key": load_key()[0].hex()}, timeout_s, what="video")
        _HERE.run = run
    pool: Pool = _HERE.pool
    return pool

"""The recordings of one live session: begun and ended at any time, measured once the session is over."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from facs_pipeline.extraction.options import Options
from facs_pipeline.extraction.result import RunResult
from facs_pipeline.foundation.errors import FacsError
from facs_pipeline.foundation.progress import SILENT, Progress
from facs_pipeline.live.analyser import LiveAnalyser
from facs_pipeline.live.recording import Recorder


class Recordings:
    """Begins and ends recordings of a live analysis.

    Parameters
    ----------
    live : LiveAnalyser
    folder : Path
        Of the first; the next are beside it, with -2, -3 and so on behind their names.
    lossless : bool
        See `Recorder`.

    Attributes
    ----------
    recorders : list of Recorder
        All so far.
    """

    def __init__(self, live: LiveAnalyser, folder: Path, *, lossless: bool = False) -> None:
        self._live, self._folder, self._lossless = live, folder, lossless
        self.recorders: list[Recorder] = []
        self.on = False

    def start(self) -> None:
        """Begin a recording.

        Raises
        ------
        InputError
            If its folder holds one, or cannot be written.
        """
        if self.on:
            return
        number = len(self.recorders) + 1
        folder = self._folder if number == 1 else self._folder.with_name(f"{self._folder.name}-{number}")
        recorder = Recorder(folder, lossless=self._lossless)
        self.recorders.append(recorder)
        self._live.on_picture = recorder.write
        self.on = True

    def stop(self) -> None:
        """End the recording that goes on."""
        self._live.on_picture, self.on = None, False
        if self.recorders:
            self.recorders[-1].close()

    def turn(self, *, on: bool) -> None:
        """Begin or end a recording; what prevents it is told as the live analysis' notice."""
        try:
            if on:
                self.start()
            else:
                self.stop()
        except FacsError as error:
            self._live.tell(str(error))

    def finish(self, options: Options, progress: Progress = SILENT) -> Iterator[tuple[Recorder, RunResult]]:
        """Write marks and tables of each recording that holds a picture, see `Recorder.finish`."""
        self.stop()
        for recorder in self.recorders:
            if recorder.frames:
                yield recorder, recorder.finish(self._live.marks, options, progress)

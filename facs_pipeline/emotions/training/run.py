"""From data on disk to emotion models and their figures: what `facs train-emotion` and `facs evaluate-emotion` call."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from facs_pipeline.datasets.face_images import training_partners
from facs_pipeline.datasets.fer2013 import FER2013_EMOTIONS
from facs_pipeline.datasets.ferplus import FERPLUS_EMOTIONS, votes_beside, with_votes
from facs_pipeline.datasets.labelled_faces import LabelledFaces
from facs_pipeline.datasets.open_faces import open_faces
from facs_pipeline.emotions.face_images import FaceImages
from facs_pipeline.emotions.model import EmotionModel
from facs_pipeline.emotions.priors import Priors
from facs_pipeline.emotions.training.evaluation import labelled_for
from facs_pipeline.emotions.training.face_images import measure_face_images
from facs_pipeline.emotions.training.learning_curve import EvaluatedModel, emotion_curve
from facs_pipeline.emotions.training.results import (
    Figures,
    TestFaces,
    card_figures,
    tell_skipped,
    write_figures,
    write_results,
)
from facs_pipeline.emotions.training.train import LABELS, VOTES, TrainingFaces, TrainingRun, classes_of, train_emotion
from facs_pipeline.foundation.errors import ArgumentError, InputError, ModelError
from facs_pipeline.foundation.files.atomic import require_place
from facs_pipeline.foundation.progress import SILENT, Progress
from facs_pipeline.report.published import FER2013_TEST

_TEST_SPLITS = ("validation", "test")


@dataclass(frozen=True)
class LabelledData:
    """Labelled faces on disk.

    Attributes
    ----------
    path : str or PathLike
        A table, a folder, a zip or a tar.
    kind : str
        What it is, see `facs_pipeline.datasets.open_faces`.
    protocol : str
        How KDEF is split.
    angles : tuple of str
        KDEF's views.
    labels : str
        ``"original"``, or ``"ferplus"``: FER2013's images by the votes of FER+ in the table beside them.
    """

    path: str | os.PathLike[str]
    kind: str = "auto"
    protocol: str = "female-male"
    angles: tuple[str, ...] = ("S",)
    labels: str = "original"

    def open(self, progress: Progress = SILENT) -> LabelledFaces:
        """The faces; what could not be used is logged."""
        faces = open_faces(self.path, self.kind, protocol=self.protocol, angles=self.angles, progress=progress)
        if self.labels == "ferplus":
            faces = with_votes(faces, votes_beside(self.path))
        tell_skipped(faces.name, faces.skipped, progress)
        return faces


@dataclass(frozen=True)
class TrainingOptions:
    """What is trained on and measured on, and where results go; the defaults are those of ``facs train-emotion``.

    Attributes
    ----------
    out : Path
        Folder of the models and their figures.
    split : str
        Split to train on.
    test_split : str, optional
        Split to measure on; by default validation, else test.
    subset : int, optional
        Train on so many faces only, drawn at random.
    learning_curve : bool
        Also train on parts of the faces.
    seed : int
        Of everything drawn at random.
    jobs : int
        Processes.
    cache : Path, optional
        Folder for faces and features between runs; by default ``out/cache``.
    """

    out: Path = Path("facs-emotions")
    split: str = "train"
    test_split: str | None = None
    subset: int | None = None
    learning_curve: bool = False
    seed: int = 0
    jobs: int = 1
    cache: Path | None = None

    @property
    def cache_folder(self) -> Path:
        """The folder in use."""
        return self.cache or self.out / "cache"


@dataclass(frozen=True)
class TrainedModel:
    """One model of a training.

    Attributes
    ----------
    name : str
        The recipe's name.
    path : Path
        The model file.
    reused : bool
        An earlier run had trained it on the same faces.
    figures : dict or None
        What stands in ``accuracy.json``, with ``learning_curve`` if that was asked for; None without a test split.
    """

    name: str
    path: Path
    reused: bool
    figures: Figures | None


@dataclass(frozen=True)
class EmotionTraining:
    """Faces that are ready to be trained on and measured on; see `prepare`.

    Attributes
    ----------
    options : TrainingOptions
    name : str
        Of the data.
    data : str
        What is trained on, in words.
    faces : TrainingFaces
    test_split : str or None
        None where there is no split to measure on.
    test : TestFaces or None
        Its faces.
    digest : str
        Hash of the training faces.
    progress : Progress

    Examples
    --------
    >>> training = EmotionTraining.prepare(LabelledData("fer2013.csv"))  # doctest: +SKIP
    >>> training.train("compact").figures["accuracy"]  # doctest: +SKIP
    0.66
    """

    options: TrainingOptions
    name: str
    data: str
    faces: TrainingFaces
    test_split: str | None
    test: TestFaces | None
    digest: str
    progress: Progress

    @classmethod
    def prepare(
        cls, data: LabelledData, options: TrainingOptions | None = None, progress: Progress = SILENT
    ) -> EmotionTraining:
        """Open the data, choose the faces, and measure what models take of them.

        Parameters
        ----------
        data : LabelledData
        options : TrainingOptions, optional
        progress : Progress
            Told of this and of all that follows.

        Raises
        ------
        ArgumentError
            If there is no such split, it is to be trained on and measured on, or a learning curve has none.
        InputError
            If the data cannot be used.
        """
        options = options or TrainingOptions()
        require_place(options.out / "accuracy.json", "name another folder with --out")
        opened = data.open(progress)
        training = _training_faces(opened, options)
        images = measured_images(training, options.cache_folder, options.jobs, progress)
        faces = _faces_to_train_on(training.take(images.rows), images)
        y, emotions = faces.y, faces.emotions
        test_split = split_to_test(opened, options.test_split)
        if test_split == options.split:
            raise ArgumentError(
                f"--split and --test-split are both {options.split!r}; a model is measured on other faces"
            )
        if test_split is None and options.learning_curve:
            raise ArgumentError(f"--learning-curve needs a split to measure on, and {opened.name} has none")
        trained_on = f"{opened.name}: trained on {len(y)} of {options.split}"
        test = None
        if test_split is not None:
            tested, skipped = labelled_for(opened.split(test_split), emotions)
            tell_skipped(opened.name, skipped, progress)
            tested_images = measured_images(tested, options.cache_folder, options.jobs, progress)
            near = training_partners(tested, training, progress=progress).near()
            test = TestFaces(tested, tested_images, near, f"{test_split} of {trained_on}")
        learnt = y if faces.shares is None else faces.shares
        return cls(options, opened.name, trained_on, faces, test_split, test, _digest(images, learnt), progress)

    def train(self, name: str) -> TrainedModel:
        """Train one recipe, unless an earlier run has, measure it, and write all of that.

        Parameters
        ----------
        name : str
            Key of `facs_pipeline.emotions.training.recipes.RECIPES`.
        """
        options = self.options
        path = options.out / f"{name}.npz"
        run = TrainingRun(options.seed, options.jobs, options.cache_folder)
        model = self._earlier(path)
        reused = model is not None
        if model is None:
            model = train_emotion(name, self.faces, run, progress=self.progress)
            model.card["trained_on_sha256"] = self.digest
            model.save(path)
        facts: dict[str, Any] = {"data": self.data, "labels": LABELS if self.faces.shares is None else VOTES}
        figures = None
        if self.test is not None and self.test_split is not None:
            figures = write_results(
                model,
                self.test,
                options.out,
                size_bytes=path.stat().st_size,
                jobs=options.jobs,
                progress=self.progress,
            )
            facts["measured"] = card_figures(figures, self.test_split)
            if options.learning_curve:
                figures["learning_curve"] = self._learning_curve(name, self.test, figures, run)
                write_figures(figures, self.test, options.out)
        if any(model.card.get(fact) != value for fact, value in facts.items()):
            model.card |= facts
            model.save(path)
        return TrainedModel(name, path, reused, figures)

    def _learning_curve(self, name: str, test: TestFaces, figures: Figures, run: TrainingRun) -> list[dict[str, Any]]:
        emotions = test.faces.emotions[test.images.rows]
        truth = np.array([self.faces.emotions.index(emotion) for emotion in emotions])
        whole = EvaluatedModel(test.images, truth, figures)
        return emotion_curve(name, self.faces, whole, run, cache=self.options.cache_folder, progress=self.progress)

    def _earlier(self, path: Path) -> EmotionModel | None:
        """The model of an earlier run, if it was trained on the same faces with the same seed."""
        if not path.is_file():
            return None
        try:
            model = EmotionModel.load(path)
        except ModelError as error:
            self.progress.log(f"{error}; trained again")
            return None
        seed = model.card.get("recipe", {}).get("seed")
        return model if model.card.get("trained_on_sha256") == self.digest and seed == self.options.seed else None


@dataclass(frozen=True)
class EvaluationOptions:
    """What a model is measured on, and where results go; the defaults are those of ``facs evaluate-emotion``.

    Attributes
    ----------
    out : Path
        Folder of the figures.
    split : str, optional
        Split to measure on; by default validation, else test, else all faces.
    training : str, optional
        Split that the model was trained on, to tell near-duplicates; by default train, if there is one.
    jobs : int
        Processes.
    cache : Path, optional
        Folder for faces between runs; by default ``out/cache``.
    priors : {"given", "estimated", "flat"}
        Shares of the emotions among the faces, see `facs_pipeline.emotions.priors`.
    """

    out: Path = Path("facs-emotions-test")
    split: str | None = None
    training: str | None = None
    jobs: int = 1
    cache: Path | None = None
    priors: Priors = "given"


def evaluate_model_file(
    path: Path, data: LabelledData, options: EvaluationOptions | None = None, progress: Progress = SILENT
) -> Figures:
    """Measure a model file on labelled faces, and write its figures, predictions and pictures of mistakes.

    Parameters
    ----------
    path : Path
        Emotion model file.
    data : LabelledData
    options : EvaluationOptions, optional
    progress : Progress

    Returns
    -------
    dict
        What stands in ``accuracy.json``.

    Raises
    ------
    ArgumentError
        If there is no such split.
    InputError
        If the data cannot be used.
    ModelError
        If the model file cannot be used.
    """
    options = options or EvaluationOptions()
    model = EmotionModel.load(path)
    require_place(options.out / "accuracy.json", "name another folder with --out")
    opened = data.open(progress)
    split = split_to_test(opened, options.split)
    tested, skipped = labelled_for(opened if split is None else opened.split(split), model.emotions)
    tell_skipped(opened.name, skipped, progress)
    images = measured_images(tested, options.cache or options.out / "cache", options.jobs, progress)
    near = None
    trained = split_to_test(opened, options.training) if options.training else "train"
    if trained != split and trained is not None and (opened.splits == trained).any():
        near = training_partners(tested, opened.split(trained), progress=progress).near()
    protocol = FER2013_TEST if split == "test" and "fer2013" in str(data.path).lower() else ""
    test = TestFaces(tested, images, near, f"{split or 'all'} of {opened.name}", protocol, options.priors)
    return write_results(model, test, options.out, size_bytes=path.stat().st_size, jobs=options.jobs, progress=progress)


def measured_images(faces: LabelledFaces, cache: Path, jobs: int, progress: Progress) -> FaceImages:
    """What models take of labelled faces; what could not be used is logged."""
    images = measure_face_images(faces, cache, jobs=jobs, progress=progress)
    tell_skipped(faces.name, images.skipped, progress)
    return images


def split_to_test(faces: LabelledFaces, wanted: str | None) -> str | None:
    """The split to measure on: the wanted one, else the first there is of validation and test, else None.

    Raises
    ------
    ArgumentError
        If there is no split of the wanted name.
    """
    there: Sequence[str] = sorted(set(faces.splits.tolist()))
    if wanted is not None:
        if wanted not in there:
            raise ArgumentError(f"no split {wanted!r} in {faces.name}; there are {', '.join(map(repr, there))}")
        return wanted
    return next((name for name in _TEST_SPLITS if name in there), None)


def _training_faces(faces: LabelledFaces, options: TrainingOptions) -> LabelledFaces:
    chosen = faces.split(options.split)
    if not len(chosen):
        there = ", ".join(repr(name) for name in sorted(set(faces.splits.tolist())))
        raise InputError(
            f"{faces.name}: no face in split {options.split!r}; there are {there}. Choose one with --split"
        )
    labelled = np.flatnonzero(chosen.emotions != "") if chosen.shares is None else np.arange(len(chosen))
    if options.subset and options.subset < len(labelled):
        random = np.random.default_rng(options.seed)
        labelled = np.sort(random.choice(labelled, options.subset, replace=False))
    return chosen.take(labelled)


def _faces_to_train_on(faces: LabelledFaces, images: FaceImages) -> TrainingFaces:
    """The measured faces with their classes, and the shares of votes where people voted."""
    if faces.shares is None:
        return TrainingFaces(images, *classes_of(faces.emotions, FER2013_EMOTIONS), faces.subjects)
    named = np.array(FERPLUS_EMOTIONS)[faces.shares.argmax(axis=1)]
    y, emotions = classes_of(named, FERPLUS_EMOTIONS)
    shares = faces.shares[:, [FERPLUS_EMOTIONS.index(emotion) for emotion in emotions]]
    shares = shares / shares.sum(axis=1, keepdims=True)
    return TrainingFaces(images, y, emotions, faces.subjects, shares, faces.emotions != "")


def _digest(images: FaceImages, y: np.ndarray) -> str:
    whole = hashlib.sha256()
    for array in (images.features, images.crops, y):
        whole.update(np.ascontiguousarray(array).data)
    return whole.hexdigest()

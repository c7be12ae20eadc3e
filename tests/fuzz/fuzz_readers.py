"""The readers of files that anybody may have made: a good input of each, how it is damaged, and how it is read."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
from fuzz_mutations import (
    Mutation,
    damaged_archive,
    damaged_booster,
    damaged_bytes,
    damaged_cells,
    damaged_json,
    damaged_model,
)

from facs_pipeline.dynamics.elan import write_eaf
from facs_pipeline.dynamics.events import Event
from facs_pipeline.foundation.errors import FacsError
from facs_pipeline.foundation.files.artifacts import Artifact, ArtifactWriter, BadArtifactError
from facs_pipeline.study.codes import read_codes
from facs_pipeline.study.onsets import read_onsets

N_ROWS = 20
AUS = (1, 2, 4, 6, 9, 12, 25)
_KEY = b"k" * 32


@dataclass(frozen=True)
class Seed:
    """A good input.

    Attributes
    ----------
    name : str
        Of the file.
    data : bytes
        Its content.
    mutations : tuple of Mutation
        Ways in which it is damaged.
    """

    name: str
    data: bytes
    mutations: tuple[Mutation, ...]


@dataclass(frozen=True)
class Reader:
    """One reader.

    Attributes
    ----------
    seeds : function
        Takes an empty folder; gives good inputs.
    read : function
        Takes a file, reads it, and uses what came out as the product does.
    refuses : tuple of type
        Errors by which a file is refused.
    """

    seeds: Callable[[Path], list[Seed]]
    read: Callable[[Path], object]
    refuses: tuple[type[Exception], ...] = (FacsError,)


# ------------------------------------------------------------------------------------------------- tables of videos


def _saved(table: pd.DataFrame, name: str) -> list[Seed]:
    """One table in every form in which it is read."""
    text = table.to_csv(index=False).encode()
    parquet, workbook = io.BytesIO(), io.BytesIO()
    table.to_parquet(parquet, index=False)
    table.to_excel(workbook, index=False)
    return [
        Seed(f"{name}.csv", text, (damaged_cells, damaged_cells, damaged_cells, damaged_bytes)),
        Seed(f"{name}.csv.gz", gzip.compress(text, mtime=0), (damaged_bytes,)),
        Seed(f"{name}.parquet", parquet.getvalue(), (damaged_bytes,)),
        Seed(f"{name}.xlsx", workbook.getvalue(), (damaged_archive, damaged_archive, damaged_bytes)),
    ]


def _au_frames() -> Iterable[tuple[str, pd.DataFrame]]:
    times = np.arange(N_ROWS) / 25
    series = np.round(2 + np.sin(times[:, None] * 3 + np.arange(len(AUS))), 4)
    ours = {f"AU{au:02d}_r": column for au, column in zip(AUS, series.T, strict=True)}
    about = {"frame": np.arange(1, N_ROWS + 1), "face_id": 0, "timestamp": times, "confidence": 0.9, "success": 1}
    yield "ours", pd.DataFrame({"video": "anna", **about, **ours})
    yield "openface", pd.DataFrame({**about, **ours})
    of_libreface = {f"au_{au}_intensity": column for au, column in zip(AUS, series.T, strict=True)}
    yield (
        "libreface",
        pd.DataFrame({"frame_idx": np.arange(N_ROWS), "frame_time_in_ms": 1000 * times, **of_libreface}),
    )
    of_pyfeat = {f"AU{au:02d}": column / 5 for au, column in zip(AUS, series.T, strict=True)}
    yield "pyfeat", pd.DataFrame({"frame": np.arange(N_ROWS), "input": "a.mp4", "approx_time": "00:00", **of_pyfeat})


def _au_tables(_folder: Path) -> list[Seed]:
    return [seed for name, table in _au_frames() for seed in _saved(table, name)]


def _read_au_table(path: Path) -> None:
    from facs_pipeline.dynamics.descriptors import describe_series
    from facs_pipeline.dynamics.events import find_events
    from facs_pipeline.report.series import read_series
    from facs_pipeline.tables.reader import read_au_table, read_aus

    read_aus(path)
    for one in read_au_table(path, fps=25)[:3]:
        describe_series(one.intensities, one.times_s, one.aus)
        find_events(one.intensities[:, 0], one.times_s)
    if path.name.partition(".")[0] != "ours":
        return
    series = read_series(path)
    assert len(series.gaps) <= len(series.times_s)
    assert len(series.events) == len(series.aus)


def _metadata(folder: Path) -> list[Seed]:
    (folder / "b").mkdir()
    for name in ("anna.mp4", "007", "b/cleo"):
        (folder / name).touch()
    table = pd.DataFrame({
        "video": ["anna.mp4", "007", "b/cleo"], "subject": ["1", "007", ""], "emotion": ["happy", "sad", ""],
        "label": ["real", "fake", ""],
    })  # fmt: skip
    return _saved(table, "metadata")


def _read_metadata(path: Path) -> None:
    from facs_pipeline.extraction.inputs import VideoInput
    from facs_pipeline.extraction.metadata import load_metadata, read_metadata

    videos = [VideoInput(path.parent / name, name.split(".")[0]) for name in ("anna.mp4", "007.mp4", "cleo.avi")]
    read_metadata(path, videos)
    load_metadata(path)


def _descriptor_frame() -> pd.DataFrame:
    table = pd.DataFrame({"video": ["a.mp4", "b.mp4", "007", "d"], "subject": ["1", "1", "007", "007"]})
    table["emotion"], table["label"] = "happy", ["real", "fake", "real", "fake"]
    for number in range(4):
        table[f"AU{number + 1:02d}_value_mean"] = np.arange(4) * 0.5 + number
    return table


def _descriptors(_folder: Path) -> list[Seed]:
    return _saved(_descriptor_frame(), "descriptors")


def _read_descriptors(path: Path) -> None:
    from facs_pipeline.authenticity.pairs import pair_up
    from facs_pipeline.tables.descriptor_table import read_descriptor_table

    table = read_descriptor_table(path)
    pair_up(table.subjects, table.emotions, table.labels)
    assert len(table.unusable) <= len(table)


def _pairs(_folder: Path) -> list[Seed]:
    by_video = _descriptor_frame()[["video", "subject", "emotion", "label"]]
    return [
        *_saved(pd.DataFrame({"video_a": ["a", "007"], "video_b": ["b.mp4", "d"], "real": ["a", ""]}), "pairs"),
        *_saved(by_video, "videos"),
    ]


def _read_pairs(path: Path) -> None:
    from facs_pipeline.authenticity.pairs import pairs_from_table
    from facs_pipeline.foundation.tabular import read_text_table
    from facs_pipeline.tables.descriptor_table import table_from_frame

    table = table_from_frame(_descriptor_frame(), source="descriptors.csv")
    pairs_from_table(read_text_table(path), table, str(path))


# --------------------------------------------------------------------------------------------------- tables of faces


def _au_manifest(folder: Path) -> list[Seed]:
    for name in ("a.png", "b.png", "c.mp4"):
        (folder / name).touch()
    images = pd.DataFrame({"image": ["a.png", "b.png"], "subject": ["1", "2"], "AU1": [0, 1.5], "AU12_r": [5, None]})
    videos = pd.DataFrame({"video": ["c.mp4"] * 3, "frame": [1, 2, 3], "subject": "1", "AU01": [0, 1, 2]})
    labels = "\n".join(f"{frame},{frame % 6}" for frame in range(1, 12)).encode()
    return [
        *_saved(images, "images"),
        *_saved(videos, "videos"),
        Seed("SN001_au12.txt", labels, (damaged_cells, damaged_bytes)),
    ]


def _read_au_manifest(path: Path) -> None:
    from facs_pipeline.datasets.au_manifest import read_au_manifest
    from facs_pipeline.datasets.disfa import read_disfa

    if path.suffix != ".txt":
        read_au_manifest(path)
        return
    folder = path.parent / "disfa"
    folder.mkdir(exist_ok=True)
    (folder / path.name).write_bytes(path.read_bytes())
    (folder / "LeftVideoSN001_comp.avi").touch()
    read_disfa(folder)


def _picture(side: int = 48) -> np.ndarray:
    return (np.add.outer(np.arange(side) * 3, np.arange(side) * 2) % 256).astype(np.uint8)


def _face_manifest(folder: Path) -> list[Seed]:
    for name in ("a.png", "b.png"):
        cv2.imwrite(str(folder / name), _picture())
    table = pd.DataFrame({
        "image": ["a.png", "b.png", "gone.png"], "emotion": ["happy", "joy", "sad"], "split": ["train", "val", "x"],
        "subject": ["1", "2", ""],
    })  # fmt: skip
    text = table.to_csv(index=False).encode()
    return [Seed("faces.csv", text, (damaged_cells, damaged_bytes))]


def _read_faces(path: Path) -> None:
    from facs_pipeline.datasets.open_faces import open_faces

    faces = open_faces(path)
    for number in range(min(len(faces.sources), 3)):
        faces.grey(number)


def _fer2013(_folder: Path) -> list[Seed]:
    pixels = " ".join(map(str, _picture().ravel()))
    table = pd.DataFrame({
        "emotion": [0, 3, 6], "pixels": pixels, "Usage": ["Training", "PublicTest", "PrivateTest"],
    })  # fmt: skip
    text = table.to_csv(index=False).encode()
    return [
        Seed("fer2013.csv", text, (damaged_cells, damaged_bytes)),
        Seed("fer2013.csv.gz", gzip.compress(text, mtime=0), (damaged_bytes,)),
    ]


def _images(_folder: Path) -> list[Seed]:
    seeds = []
    for suffix in (".png", ".jpg", ".bmp", ".tiff", ".webp"):
        for picture in (_picture(), np.dstack([_picture()] * 3)):
            _done, data = cv2.imencode(suffix, picture)
            seeds.append(Seed(f"a{suffix}", data.tobytes(), (damaged_bytes,)))
    return seeds


def _read_image(path: Path) -> None:
    from facs_pipeline.extraction.stills import read_still

    read_still(path)


# ----------------------------------------------------------------------------------------------------- lists and JSON


def _lists(folder: Path) -> list[Seed]:
    (folder / "anna.mp4").touch()
    (folder / "more.txt").write_text("anna.mp4\n")
    text = b'# videos\nanna.mp4\n"sub\\clip 1.mp4"\n*.mp4\nmore.txt\n'
    return [Seed("list.txt", text, (damaged_bytes, damaged_cells))]


def _read_list(path: Path) -> None:
    from facs_pipeline.extraction.inputs import find_videos

    find_videos([path])


def _onsets(folder: Path) -> list[Seed]:
    event = Event(3, 5, 9, 0.12, 0.2, 0.36, 2.6, 2.0, onset_seen=True, offset_seen=True)
    write_eaf(folder / "anna.eaf", {"AU12": [(12, event)], "AU45": []}, Path("anna.mp4"), start_s=0.1)
    tables = {
        "trials.csv": b"video,onset,condition\nanna,0.5,face\nben.mp4,1.25,house\n",
        "anna_events.tsv": b"onset\tduration\ttrial_type\n0.5\tn/a\tface\n2\t1\thouse\n",
        "frames.csv": b"frame;block\n12;a\n20;b\n",
    }
    seeds = [Seed(name, text, (damaged_cells, damaged_bytes)) for name, text in tables.items()]
    return [*seeds, Seed("anna.eaf", (folder / "anna.eaf").read_bytes(), (damaged_cells, damaged_bytes))]


def _read_onsets(path: Path) -> None:
    onsets = read_onsets([path], ["anna", "ben"], tier="AU12" if path.suffix == ".eaf" else None)
    assert set(onsets.table["video"]) <= {"anna", "ben"}
    assert np.isfinite(onsets.table["moment"]).all()


def _codes(folder: Path) -> list[Seed]:
    event = Event(3, 5, 9, 0.12, 0.2, 0.36, 2.6, 2.0, onset_seen=True, offset_seen=True)
    write_eaf(folder / "anna.eaf", {"AU12": [(12, event)], "AU45": []}, Path("anna.mp4"), start_s=0.1)
    tables = {
        "codes.csv": "video,code,onset,offset,intensity,side,coder/anna,12,0:01.5,2,D,,kim/ben,6B+L12C,1,2,,left,lee",
        "anna.csv": "frame,AU04,AU12,AU12_L/1,0,0,0/2,0,3,1/3,,3,1/4,,5,0",
        "boris.csv": "Observation id,Media file name,Behavior,Modifiers,Start (s),Stop (s)/o,anna.mp4,AU12,C,1.0,2.5",
        "tabular.csv": "Observation id,o//Time,Media file,Behavior,Status/1,anna.mp4,12C,START/2,anna.mp4,12C,STOP",
        "observer.csv": "Time_Relative_sf;Duration_sf;Observation;Behavior;Event_Type/1,0;1,5;anna;AU12;State start",
    }
    texts = {name: text.replace("/", "\n").encode() for name, text in tables.items()}
    seeds = [Seed(name, text, (damaged_cells, damaged_bytes)) for name, text in texts.items()]
    return [*seeds, Seed("anna.eaf", (folder / "anna.eaf").read_bytes(), (damaged_cells, damaged_bytes))]


def _read_codes(path: Path) -> None:
    codes = read_codes([path], ["anna", "ben"])
    assert {one.video for one in codes.annotations} <= {"anna", "ben"}
    assert all(np.isfinite([one.begin, one.end]).all() for one in codes.annotations)
    assert all(1 <= one.intensity <= 5 or np.isnan(one.intensity) for one in codes.annotations)


def _results(folder: Path) -> list[Seed]:
    """What runs write, beside which lie good tables."""
    (folder / "action_units").mkdir()
    dict(_au_frames())["ours"].to_csv(folder / "action_units" / "anna.csv", index=False)
    (folder / "videos.csv").write_text("video,status,reason,duration_s\nanna,ok,,0.8\nben,failed,gone,\n")
    (folder / "descriptors.csv").write_text("video,face_id,subject,emotion,label\nanna,0,1,happy,real\n")
    (folder / "predictions.csv").write_text(
        "model,video,partner,subject,emotion,label,score,decision,probability,note\n"
        "rank-svm,anna,ben,1,happy,real,0.5,real,0.7,\nrank-svm,ben,anna,1,happy,fake,-0.5,fake,0.3,\n"
    )
    measured = {
        "name": "compact", "n": 30, "accuracy": 0.7, "wilson_95": [0.6, 0.8], "chance": 0.5, "f_beta":
        {"beta": 2.0, "value": 0.6}, "classes": ["happy", "sad"], "confusion": [[10, 5], [4, 11]],
        "per_class": [{"class": "happy", "precision": 0.7, "recall": 0.6, "f1": 0.65, "support": 15}],
        "reliability": [{"low": 0.5, "high": 1.0, "confidence": 0.8, "right": 0.7, "n": 30}],
        "learning_curve": [{"n": 10, "accuracy": 0.5}, {"n": 30, "accuracy": 0.7}],
        "subgroups": [{"column": "sex", "group": "f", "n": 10, "accuracy": 0.7, "wilson_95": [0.5, 0.9]}],
        "mistakes": [{"picture": "a.png", "truth": "sad", "predicted": "happy", "probability": 0.9, "reasons": ["x"]}],
        "roc": {"happy": {"fpr": [0, 1], "tpr": [0, 1]}}, "pr": {"happy": {"recall": [0, 1], "precision": [1, 0.5]}},
    }  # fmt: skip
    run: dict[str, Any] = {
        "facs": "0.2.0", "python": "3.11", "machine": {"system": "Linux", "cores": 2, "memory_mb": 1},
        "packages": {"numpy": "2.0"}, "finished": "2026-11-30T17:24:30+00:00",
        "options": {"out": "results", "metadata": None, "jobs": None}, "models": {"action_units": {"sha256": "0f"}},
        "frames": 20, "seconds": {"total": 1.5}, "videos": {"anna": "anna.mp4"}, "cuts": {"anna": [3]},
    }  # fmt: skip
    ranking = {
        "data": {"source": "descriptors.csv", "videos": 2, "pairs": 1, "subjects": 1, "folds": 2, "by_chance_95":
                 [0.2, 0.8]},
        "models": {"rank-svm": {"pairs": {"n": 1, "accuracy": 1.0, "wilson_95": [0.2, 1.0], "chance": 0.5},
                                "videos": {"n": 2, "accuracy": 1.0}, "seconds": 1.5}},
        "warnings": ["few"],
    }  # fmt: skip
    card = {
        "kind": "action-units", "title": "Nine", "aus": [1, 2], "content_sha256": "0f", "versions": {"numpy": "2"},
        "sources": [{"name": "fer", "images": 3, "persons": 2, "persons_known": True, "without_face": 0}],
        "metrics_on_unseen_persons": {"1": {"r": 0.5, "ccc": 0.4, "icc": 0.4, "mae": 0.3, "bias": 0.0, "f1": None,
                                            "r_low": 0.4, "r_high": 0.6, "ccc_low": 0.3, "ccc_high": 0.5}},
        "left_out": {"9": "too rare"}, "faces_per_emotion": {"happy": 3}, "settings": {"pixels": 128},
    }  # fmt: skip
    accuracy = {"format": "facs-accuracy", "task": "Emotion", "data": "fer", "unit": "images", "models": [measured]}
    tables = ("anna.csv", "videos.csv", "descriptors.csv", "predictions.csv")
    (folder / "anna.csv").write_bytes((folder / "action_units" / "anna.csv").read_bytes())
    return [Seed(name, (folder / name).read_bytes(), (damaged_cells, damaged_bytes)) for name in tables] + [
        Seed(name, json.dumps(content).encode(), (damaged_json, damaged_json, damaged_json, damaged_bytes))
        for name, content in (
            ("run.json", run), ("authenticity.json", ranking), ("accuracy.json", accuracy), ("card.json", card),
        )
    ]  # fmt: skip


def _read_results(path: Path) -> None:
    from facs_pipeline.extraction.table_events import _media
    from facs_pipeline.report.gather import gather
    from facs_pipeline.report.page import write_report

    # The good one, unless it is the one that is damaged.
    (path.parent / "action_units" / "anna.csv").write_bytes((path.parent / "anna.csv").read_bytes())
    write_report(gather([path.parent]), path.parent / "report" / "report.html", pictures="none")
    _media(path.parent / "action_units" / "anna.csv", "anna")


# ------------------------------------------------------------------------------------------------- models and results


def _models(folder: Path) -> list[Seed]:
    from facs_pipeline.action_units.model import ActionUnitModel
    from facs_pipeline.authenticity.model import AuthenticityModel
    from facs_pipeline.authenticity.rank_svm import RankSVM
    from facs_pipeline.emotions.heads import LinearHead
    from facs_pipeline.emotions.model import EmotionModel
    from facs_pipeline.features import vector
    from facs_pipeline.features.shape_modes import ShapeModes

    draw = np.random.default_rng(0)
    aus = ActionUnitModel((12,), np.zeros((vector.N_FEATURES, 1)), [0.0])
    aus.save(folder / "action-units.npz")
    ShapeModes.load().save(folder / "shape-modes.npz")
    head = LinearHead(np.zeros((2304, 7)), np.zeros(7), 1.0)
    EmotionModel("small", ["happy", "sad", "a", "b", "c", "d", "e"], head, inputs=["pixels"]).save(
        folder / "emotion.npz"
    )
    X = draw.normal(size=(8, 3))
    ranker = RankSVM(n_estimators=2).fit(X, np.arange(8).reshape(-1, 2), emotions=np.repeat(["happy", "sad"], 4))
    columns = ("AU01_value_mean", "AU02_value_mean", "AU04_value_mean")
    AuthenticityModel("rank-svm", ranker, columns, np.ones(3)).save(folder / "authenticity.npz")
    _small_landmarks(folder / "landmarks.npz")
    seeds = []
    for file in sorted(folder.glob("*.npz")):
        mutations = (damaged_model, damaged_model, damaged_bytes)
        seeds.append(Seed(file.name, file.read_bytes(), mutations))
        file.unlink()
    return seeds


def _small_landmarks(path: Path) -> None:
    """The package's landmark model with maps of rank one, which read as fast as they are small."""
    from facs_pipeline.foundation.files.model_file import save_model
    from facs_pipeline.landmarks.model import default_landmarks

    model = default_landmarks()
    model.save(path)
    with np.load(path) as archive:
        arrays = {name: archive[name] for name in archive.files if name != "card"}
    for name in ("coarse", "middle", "last"):
        arrays[f"{name}_down"], arrays[f"{name}_up"] = arrays[f"{name}_down"][:1], arrays[f"{name}_up"][:, :1]
    save_model(path, "landmarks", arrays, model.card)


def _boosters(folder: Path) -> list[Seed]:
    """Models that hold LightGBM's text."""
    import lightgbm

    from facs_pipeline.authenticity.baselines import LightGBMPairs
    from facs_pipeline.authenticity.model import AuthenticityModel
    from facs_pipeline.emotions.heads import LightGBMHead
    from facs_pipeline.emotions.model import EmotionModel

    draw = np.random.default_rng(0)
    X, y = draw.normal(size=(60, 2304)), np.arange(60) % 3
    settings = {"objective": "multiclass", "num_class": 3, "num_leaves": 4, "min_data_in_leaf": 2, "verbose": -1}
    booster = lightgbm.train({**settings, "num_threads": 1}, lightgbm.Dataset(X, label=y), 2)
    EmotionModel("boosted", ["happy", "sad", "angry"], LightGBMHead(booster), inputs=["pixels"]).save(
        folder / "emotion.npz"
    )
    ranker = LightGBMPairs(trees=(2,), leaves=(3,)).fit(
        draw.normal(size=(80, 3)), np.arange(80).reshape(-1, 2), emotions=np.repeat(["happy", "sad"], 40)
    )
    columns = ("AU01_value_mean", "AU02_value_mean", "AU04_value_mean")
    AuthenticityModel("lightgbm", ranker, columns, np.ones(3)).save(folder / "authenticity.npz")
    seeds = [Seed(file.name, file.read_bytes(), (damaged_booster,)) for file in sorted(folder.glob("*.npz"))]
    for seed in seeds:
        (folder / seed.name).unlink()
    return seeds


def _read_booster(path: Path) -> None:
    from facs_pipeline.emotions.model import EmotionModel

    if path.name == "emotion.npz":
        EmotionModel.load(path).head.predict_proba(np.zeros((2, 2304), np.float32))
    else:
        _read_model(path)


def _predictors(folder: Path) -> list[Seed]:
    """A shape predictor as dlib writes it, as small as it can be."""
    import dlib

    draw = np.random.default_rng(0)
    options = dlib.shape_predictor_training_options()
    options.cascade_depth, options.tree_depth, options.num_trees_per_cascade_level = 2, 2, 3
    options.oversampling_amount, options.feature_pool_size, options.num_threads = 2, 50, 1
    image, box = draw.integers(0, 256, (200, 200), np.uint8), dlib.rectangle(40, 40, 160, 160)
    shapes = [[dlib.point(int(x), int(y)) for x, y in draw.uniform(50, 150, (68, 2))] for _ in range(3)]
    faces = [[dlib.full_object_detection(box, points)] for points in shapes]
    path = folder / "predictor.dat"
    dlib.train_shape_predictor([image] * 3, faces, options).save(str(path))
    data = path.read_bytes()
    path.unlink()
    return [Seed(path.name, data, (damaged_bytes,))]


def _read_predictor(path: Path) -> None:
    from facs_pipeline.landmarks.loading import load_landmarks

    load_landmarks(path).find(_picture(96), (10.0, 10.0, 60.0, 60.0))


def _read_model(path: Path) -> None:
    from facs_pipeline.action_units.model import ActionUnitModel
    from facs_pipeline.authenticity.model import AuthenticityModel
    from facs_pipeline.emotions.model import EmotionModel
    from facs_pipeline.features import vector
    from facs_pipeline.features.shape_modes import ShapeModes
    from facs_pipeline.landmarks.model import LandmarkModel
    from facs_pipeline.models.card import card_of_file

    card_of_file(path)
    if path.name == "action-units.npz":
        ActionUnitModel.load(path).predict(np.zeros((2, vector.N_FEATURES), np.uint8))
    elif path.name == "shape-modes.npz":
        modes = ShapeModes.load(path)
        modes.scores(modes.mean)
    elif path.name == "emotion.npz":
        model = EmotionModel.load(path)
        model.head.predict_proba(np.zeros((2, 2304), np.float32))
    elif path.name == "landmarks.npz":
        LandmarkModel.load(path).find(_picture(96), (10.0, 10.0, 60.0, 60.0))
    else:
        ranker = AuthenticityModel.load(path)
        table = ranker.aligned(_authenticity_table())
        ranker.rank(ranker.with_emotions(table)[0], np.array([[0, 1]]))


def _authenticity_table() -> Any:
    from facs_pipeline.tables.descriptor_table import table_from_frame

    return table_from_frame(_descriptor_frame().assign(emotion=["happy", "happy", "", ""]), source="d.csv")


def _artifacts(folder: Path) -> list[Seed]:
    seeds = []
    for name in ("faces-0123.joblib", "features-4567.joblib"):
        with ArtifactWriter(folder / name, _KEY, {"stage": "faces", "version": 3}) as writer:
            for number in range(3):
                writer.append({"frame": np.arange(10), "text": [str(number)]})
            writer.finish({"frames": 30})
        seeds.append(Seed(name, (folder / name).read_bytes(), (damaged_bytes,)))
    return seeds


def _read_artifact(path: Path) -> None:
    artifact = Artifact.open(path, _KEY)
    assert artifact.facts["frames"] == 30
    for chunk in artifact:
        assert len(chunk["frame"]) == 10


READERS: dict[str, Reader] = {
    "tables": Reader(_au_tables, _read_au_table),
    "metadata": Reader(_metadata, _read_metadata),
    "descriptors": Reader(_descriptors, _read_descriptors),
    "pairs": Reader(_pairs, _read_pairs),
    "au-manifests": Reader(_au_manifest, _read_au_manifest),
    "face-manifests": Reader(_face_manifest, _read_faces),
    "fer2013": Reader(_fer2013, _read_faces),
    "lists": Reader(_lists, _read_list),
    "onsets": Reader(_onsets, _read_onsets),
    "codes": Reader(_codes, _read_codes),
    # `read_still` says with ValueError what is wrong with an image.
    "images": Reader(_images, _read_image, (FacsError, ValueError)),
    "artifacts": Reader(_artifacts, _read_artifact, (BadArtifactError,)),
    "models": Reader(_models, _read_model),
    "boosters": Reader(_boosters, _read_booster),
    "predictors": Reader(_predictors, _read_predictor),
    # The slowest comes last, so that it has the time that the others did not need.
    "results": Reader(_results, _read_results),
}
"""Every reader by its name."""

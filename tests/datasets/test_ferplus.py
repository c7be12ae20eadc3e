"""FER+: shares of votes, majorities, and images that nobody could name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from facs_pipeline.datasets.ferplus import FERPLUS_EMOTIONS, votes_beside, with_votes
from facs_pipeline.datasets.labelled_faces import LabelledFaces
from facs_pipeline.foundation.errors import InputError

NAMES = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt", "unknown", "NF")


def faces(*names: str) -> LabelledFaces:
    sources = tuple(f"fer2013/train/{name}" for name in names)
    text = np.array([""] * len(names), dtype="U20")
    return LabelledFaces("fer", sources, text, text + "train", text, (), lambda number: np.zeros((48, 48), np.uint8))


def votes(path: Path, rows: dict[str, dict[str, int]]) -> Path:
    table = pd.DataFrame([{"image": f"x/train/{name}", **dict.fromkeys(NAMES, 0), **row} for name, row in rows.items()])
    table.to_csv(path, index=False)
    return path


def test_majorities_are_labels_and_shares_leave_lone_votes_out(tmp_path: Path) -> None:
    table = votes(
        tmp_path / "ferplus.csv.gz",
        {
            "happy/1.jpg": {"happiness": 6, "neutral": 3, "fear": 1},
            "sad/2.jpg": {"sadness": 4, "contempt": 4, "neutral": 2},
            "sad/3.jpg": {"sadness": 3, "unknown": 7},
            "sad/4.jpg": {"NF": 10},
            "sad/5.jpg": {"contempt": 10},
        },
    )
    named = with_votes(faces("happy/1.jpg", "sad/2.jpg", "sad/3.jpg", "sad/4.jpg", "sad/5.jpg", "sad/6.jpg"), table)
    assert named.emotions.tolist() == ["happy", "", "contempt"]
    assert [Path(source).name for source in named.sources] == ["1.jpg", "2.jpg", "5.jpg"]
    assert named.shares is not None
    shares = [dict(zip(FERPLUS_EMOTIONS, row, strict=True)) for row in named.shares.round(3).tolist()]
    assert shares[0] == dict.fromkeys(FERPLUS_EMOTIONS, 0.0) | {"happy": 0.667, "neutral": 0.333}
    assert shares[1] == dict.fromkeys(FERPLUS_EMOTIONS, 0.0) | {"sad": 0.4, "contempt": 0.4, "neutral": 0.2}
    assert [Path(row.source).name for row in named.skipped] == ["3.jpg", "4.jpg", "6.jpg"]
    assert named.take([2, 0]).emotions.tolist() == ["contempt", "happy"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda table: table.drop(columns="contempt"), "no column contempt"),
        (lambda table: table.assign(fear="many"), "not numbers of people"),
        (lambda table: table.assign(image="other.jpg"), "votes for none of the 1 images"),
    ],
)
def test_tables_of_something_else_are_refused(tmp_path: Path, change, said: str) -> None:
    path = votes(tmp_path / "ferplus.csv.gz", {"happy/1.jpg": {"happiness": 10}})
    change(pd.read_csv(path)).to_csv(path, index=False)
    with pytest.raises(InputError, match=said):
        with_votes(faces("happy/1.jpg"), path)


def test_the_table_lies_beside_the_images_or_in_their_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no ferplus\.csv\.gz beside it"):
        votes_beside(tmp_path / "fer2013.tar")
    table = votes(tmp_path / "ferplus.csv.gz", {"happy/1.jpg": {"happiness": 10}})
    assert votes_beside(tmp_path / "fer2013.tar") == votes_beside(tmp_path) == table


@pytest.mark.shared
def test_the_shared_votes_fit_the_shared_images(shared_dir: Path) -> None:
    from facs_pipeline.datasets.open_faces import open_faces

    data = shared_dir / "data" / "fer2013" / "fer2013.tar"
    named = with_votes(open_faces(data), votes_beside(data))
    assert 28_000 < len(named) < 32_298
    kept = named.emotions != ""
    assert kept.mean() > 0.8
    assert set(named.emotions[kept]) == set(FERPLUS_EMOTIONS)

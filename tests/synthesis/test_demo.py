"""`facs demo`, end to end: real encoded videos through the pipeline that users run."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from extraction_runs import facs

from facs_pipeline.demo import agreement_with_truth


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """Output folder and what was printed, of two synthetic people."""
    out = tmp_path_factory.mktemp("demo") / "facs demo"
    done = facs("demo", "--out", out, "--identities", 2, "--jobs", 2)
    assert done.returncode == 0, done.stderr
    return out, done.stdout


def test_says_plainly_that_it_is_synthetic_and_what_to_do_next(demo):
    out, printed = demo
    assert "SYNTHETIC" in printed.splitlines()[0]
    assert "nothing about real people" in printed
    assert f"facs extract-features '{out / 'videos'}'" in printed


def test_every_frame_has_a_face_where_it_was_drawn(demo):
    out, _ = demo
    tables = sorted((out / "results" / "action_units").glob("*.csv"))
    assert len(tables) == 2 * 3 * 2
    for path in tables:
        table = pd.read_csv(path)
        truth = pd.read_csv(out / "videos" / "truth" / path.name)
        assert table["success"].eq(1).all()
        assert np.allclose(table["timestamp"], truth["timestamp"], atol=1e-3)
        columns = [f"{axis}_{i}" for axis in "xy" for i in range(17, 68)]
        distance = table[columns].sub(truth[columns]).abs().to_numpy().mean()
        # The eyes' outer corners are about 110 px apart: within 5 % of that, on each axis.
        assert distance < 5.5, path.name


def test_found_action_units_follow_the_curves_that_drove_them(demo):
    out, printed = demo
    stems = [path.stem for path in (out / "videos").glob("*.mp4")]
    pairs = [(out / "results/action_units" / f"{s}.csv", out / "videos/truth" / f"{s}.csv") for s in stems]
    agreement = agreement_with_truth(pairs)
    for au in (1, 2, 12, 26, 45):
        assert agreement["r"][au] > 0.7, (au, agreement)
        assert f"AU{au:02d}" in printed


def test_descriptors_carry_the_metadata(demo):
    out, _ = demo
    descriptors = pd.read_csv(out / "results" / "descriptors.csv")
    metadata = pd.read_csv(out / "videos" / "metadata.csv")
    assert sorted(descriptors["video"]) == sorted(name.removesuffix(".mp4") for name in metadata["video"])
    for column in ("subject", "emotion", "label"):
        assert sorted(descriptors[column]) == sorted(metadata[column])


def test_again_computes_nothing_twice_and_changes_nothing(demo):
    out, printed = demo
    paths = [
        out / "results" / "descriptors.csv",
        *sorted((out / "results" / "action_units").iterdir()),
        *sorted((out / "videos").glob("*.mp4")),
    ]
    before = [path.read_bytes() for path in paths]
    again = facs("demo", "--out", out, "--identities", 2, "--jobs", 1)
    assert again.returncode == 0, again.stderr
    # The rate of a run is printed only if it decoded something.
    assert "frames/s" in printed
    assert "frames/s" not in again.stdout
    assert [path.read_bytes() for path in paths] == before


def test_agreement_is_the_correlation_and_passes_over_what_stands_still(tmp_path):
    frames = np.arange(1, 21)
    driven = np.sin(frames / 3) + 1
    truth = pd.DataFrame({"frame": frames, "AU01": driven, "AU02": 0.1, "AU04": driven})
    found = pd.DataFrame({"frame": frames, "success": 1, "AU01_r": 3 - driven, "AU02_r": driven, "AU04_r": 1.0})
    found.loc[4, ["success", "AU01_r"]] = [0, 50.0]
    truth.to_csv(tmp_path / "truth.csv", index=False)
    found.to_csv(tmp_path / "found.csv", index=False)
    pair = (tmp_path / "found.csv", tmp_path / "truth.csv")
    agreement = agreement_with_truth([pair, pair, (tmp_path / "absent.csv", tmp_path / "truth.csv")])
    assert agreement.index.tolist() == [1, 4]
    assert agreement.loc[1, "r"] == pytest.approx(-1)
    assert agreement.loc[1, "videos"] == 2
    assert agreement.loc[4, "r"] == 0

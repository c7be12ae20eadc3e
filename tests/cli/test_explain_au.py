"""`facs explain-au`: stills and videos, good and bad, with the table and the pictures."""

from __future__ import annotations

import cv2
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from facs_cli.explain_au import command
from skimage.data import astronaut

from facs_pipeline.action_units.model import ActionUnitModel
from facs_pipeline.tables.schema import EXPLANATIONS

GREY = cv2.cvtColor(astronaut(), cv2.COLOR_RGB2GRAY)
MODEL = ActionUnitModel.load_default()


def explain(folder, *arguments):
    out = folder / "why"
    called = [str(folder), "--out", str(out), "--jobs", "1", *map(str, arguments)]
    result = CliRunner().invoke(command, called, catch_exceptions=False, standalone_mode=False)
    return result, pd.read_csv(out / "explanations.csv") if (out / "explanations.csv").is_file() else None


def test_stills_good_and_bad(tmp_path):
    cv2.imwrite(str(tmp_path / "smile.png"), cv2.cvtColor(astronaut(), cv2.COLOR_RGB2BGR))
    cv2.imwrite(str(tmp_path / "nobody.png"), np.tile(np.arange(250, dtype=np.uint8)[None], (200, 1)))
    (tmp_path / "text.png").write_text("hello")
    result, table = explain(tmp_path)
    assert result.return_value == 1
    assert "nobody.png: no face found" in result.output
    assert "text.png: not an image" in result.output
    assert list(table.columns) == list(EXPLANATIONS.names)
    assert table["action_unit"].unique().tolist()[0] == 12
    assert (table["against"] == "average").all()
    assert table["frame"].isna().all()
    assert table["intensity"].min() >= 1
    sums = table.groupby("picture")
    moved = sums["score"].first() - sums["against_score"].first()
    np.testing.assert_allclose(sums["contribution"].sum(), moved, atol=1e-9)
    for picture in table["picture"].unique():
        assert cv2.imread(str(tmp_path / "why" / picture)) is not None


def test_nothing_usable_writes_nothing(tmp_path):
    (tmp_path / "text.png").write_text("hello")
    result, table = explain(tmp_path)
    assert result.return_value == 2
    assert table is None
    assert "nothing was written" in result.output


def test_no_action_unit_is_strong_enough(tmp_path):
    cv2.imwrite(str(tmp_path / "smile.png"), GREY)
    weak = tmp_path / "weak.npz"
    ActionUnitModel([12], MODEL.weights[:, [6]] * 0, [0.5], MODEL.card).save(weak)
    result, table = explain(tmp_path, "--au-model", weak)
    assert result.return_value == 0
    assert table.empty
    assert "No action unit reaches 1" in result.output
    result, table = explain(tmp_path, "--au-model", weak, "--au", "12")
    assert (table["contribution"] == 0).all()
    assert len(table) == 24


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--au", "22"], "AU22: the model measures 1, 2, 4"),
        (["--against", "yesterday"], "expected rest, average or the number of a frame"),
        (["--against", "0"], "expected rest, average or the number of a frame"),
        (["--against", "3"], "a still has no other frame"),
        (["--against", "rest"], "a still has no other frame"),
        (["--frame", "3"], "a still has no frames"),
    ],
)
def test_wrong_usage(tmp_path, arguments, said):
    cv2.imwrite(str(tmp_path / "smile.png"), GREY)
    called = [str(tmp_path), "--out", str(tmp_path / "why"), *arguments]
    result = CliRunner().invoke(command, called)
    assert result.exit_code == 2
    assert said in " ".join(result.output.split())
    assert not (tmp_path / "why").exists()


class TestVideos:
    def test_the_apex_against_the_calmest_frame(self, clips, results, tmp_path):
        table = pd.read_csv(results / "action_units" / "anna.csv")
        called = [str(clips / "anna.mp4"), "--au", "12", "--out", str(tmp_path), "--cache", str(results / "cache")]
        result = CliRunner().invoke(command, called, catch_exceptions=False, standalone_mode=False)
        assert result.return_value == 0
        assert "computed" not in result.output
        rows = pd.read_csv(tmp_path / "explanations.csv")
        assert rows["frame"].unique() == [table["frame"].iloc[table["AU12_r"].argmax()]]
        calm = table.set_index("frame").loc[rows["against_frame"].iloc[0]]
        units = table.filter(like="_r").columns
        assert calm[units].mean() <= table[units].mean(axis=1).quantile(0.2)
        # The tables' intensities are averaged with their neighbours.
        assert rows["intensity"].iloc[0] == pytest.approx(table["AU12_r"].max(), abs=0.5)
        assert rows["contribution"].sum() == pytest.approx(rows["score"].iloc[0] - rows["against_score"].iloc[0])
        assert (tmp_path / rows["picture"].iloc[0]).is_file()

    def test_a_frame_against_a_frame(self, clips, tmp_path):
        called = [str(clips / "gap.mp4"), "--au", "45", "--frame", "30", "--against", "2", "--out", str(tmp_path)]
        result = CliRunner().invoke(command, called, catch_exceptions=False, standalone_mode=False)
        assert result.return_value == 0
        rows = pd.read_csv(tmp_path / "explanations.csv")
        assert rows["frame"].unique() == [30]
        assert rows["against_frame"].unique() == [2]

    def test_a_frame_without_a_face_costs_its_video_only(self, clips, tmp_path):
        called = [str(clips), "--au", "45", "--frame", "17", "--out", str(tmp_path), "--jobs", "1"]
        result = CliRunner().invoke(command, called, catch_exceptions=False, standalone_mode=False)
        assert result.return_value == 1
        assert "gap.mp4: frame 17: no face 0 there" in result.output
        assert pd.read_csv(tmp_path / "explanations.csv")["input"].nunique() == 2

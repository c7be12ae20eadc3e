"""Explanations of action units: contributions that sum exactly, the right places and frames, pictures and tables."""

from __future__ import annotations

import cv2
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from facs_cli.explain_au import command
from skimage.data import astronaut

from facs_pipeline.action_units.model import ActionUnitModel
from facs_pipeline.explanations.action_units import (
    Face,
    apex_row,
    average,
    draw_explanation,
    explain_action_unit,
    reasons,
    resting_row,
)
from facs_pipeline.features import shape_modes
from facs_pipeline.features.vector import BLOCKS
from facs_pipeline.landmarks.model import default_landmarks
from facs_pipeline.landmarks.points import INNER_49
from facs_pipeline.tables.schema import EXPLANATIONS

GREY = cv2.cvtColor(astronaut(), cv2.COLOR_RGB2GRAY)
MODEL = ActionUnitModel.load_default()


@pytest.fixture(scope="module")
def smile() -> Face:
    return Face.at(GREY, default_landmarks().find(GREY, (170.0, 80.0, 110.0, 110.0)).points)


def explain(folder, *arguments):
    out = folder / "why"
    called = [str(folder), "--out", str(out), "--jobs", "1", *map(str, arguments)]
    result = CliRunner().invoke(command, called, catch_exceptions=False, standalone_mode=False)
    return result, pd.read_csv(out / "explanations.csv") if (out / "explanations.csv").is_file() else None


@pytest.mark.parametrize("au", MODEL.aus)
def test_contributions_sum_exactly_to_the_difference(smile, au):
    found = explain_action_unit(MODEL, au, smile, average())
    moved = found.score - found.reference_score
    assert abs(moved) > 0
    for shared in (found.contributions, found.heat, np.array([*found.parts.values()])):
        assert shared.sum() == pytest.approx(moved, abs=1e-9)
    shape = found.contributions[BLOCKS["landmarks"]].sum() + found.contributions[BLOCKS["products"]].sum()
    assert found.landmarks.sum() == pytest.approx(shape, abs=1e-9)
    assert found.by_kind()["landmarks"] == pytest.approx(shape, abs=1e-9)
    assert sum(found.by_region().values()) == pytest.approx(moved, abs=1e-9)
    assert found.intensity == pytest.approx(MODEL.predict(smile.features)[MODEL.aus.index(au)], abs=1e-4)


def test_a_smile_comes_from_the_mouth_and_its_corners(smile):
    found = explain_action_unit(MODEL, 12, smile, average())
    assert found.intensity > 4
    assert next(iter(found.by_region())) == "mouth"
    corners = [list(INNER_49).index(point) for point in (48, 54)]
    assert sorted(np.argsort(found.landmarks)[-2:]) == corners
    said = reasons(found, average())
    assert f"compared with the average face ({found.reference_intensity:.1f})" in said[0]
    assert found.score > 5
    assert "before both are limited to 0..5" in said[0]
    assert said[1].startswith("raised by mouth +")


def test_nothing_moves_a_face_away_from_itself(smile):
    found = explain_action_unit(MODEL, 12, smile, smile)
    assert not found.heat.any()
    assert not found.contributions.any()
    assert not any(found.parts.values())
    assert reasons(found, smile)[1:3] == ["raised by nothing", "lowered by nothing"]


def test_products_of_shape_modes_count_for_the_landmark_that_moved(smile):
    """The two faces differ in the position of one mouth corner, and in nothing but what follows from it."""
    other = smile.features.copy()
    where = BLOCKS["landmarks"]
    corner = 2 * list(INNER_49).index(54)
    other[where][corner : corner + 2] += 12
    other[BLOCKS["products"]] = shape_modes.shape_products(other[where])
    found = explain_action_unit(MODEL, 12, smile, smile._replace(features=other))
    assert found.contributions[BLOCKS["products"]].any()
    assert found.landmarks[corner // 2]
    assert not np.delete(found.landmarks, corner // 2).any()
    assert found.landmarks.sum() == pytest.approx(found.score - found.reference_score, abs=1e-9)


def test_an_action_unit_that_is_not_measured(smile):
    with pytest.raises(ValueError, match="AU9: the model measures 1, 2"):
        explain_action_unit(MODEL, 9, smile, average())


def test_frames_are_chosen_among_sure_ones():
    intensities, confidence = np.array([1.0, 5.0, 3.0, np.nan]), np.array([0.9, 0.2, 0.8, 1.0])
    assert apex_row(intensities, confidence) == 2
    assert apex_row(intensities, np.zeros(4)) == 1
    faces = np.array([[0.1, 0.1], [4.0, 0.0], [0.2, 0.1], [0.0, 3.0]])
    assert resting_row(faces, np.array([0.1, 1, 1, 1])) == 2


def test_the_picture_is_orange_where_the_intensity_is_raised(smile):
    found = explain_action_unit(MODEL, 12, smile, average())
    drawn = draw_explanation(found, smile, average())
    assert drawn.dtype == np.uint8
    assert drawn.shape[1] == 2 * 310 + 10
    heat = drawn[10:310, 320:620].astype(int)
    redder = heat[..., 2] - heat[..., 0]
    mouth = (2.5 * smile.points[48:68]).astype(int)
    (left, top), (right, bottom) = mouth.min(axis=0), mouth.max(axis=0)
    assert redder[top:bottom, left:right].mean() > 20 > redder[:50].mean()
    # Beside another frame there are three faces.
    assert draw_explanation(found, smile, smile).shape[1] == 3 * 310 + 10


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
        (["--au", "9"], "AU9: the model measures 1, 2, 4"),
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

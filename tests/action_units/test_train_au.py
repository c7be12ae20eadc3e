"""`facs train-au`: honest folds, pseudo-labels, and whole runs on real faces."""

from __future__ import annotations

import importlib.util
import io
import json
import shutil
import tarfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from counted_progress import CountedProgress
from facs_cli.main import facs
from sklearn.metrics import roc_auc_score

from facs_pipeline.action_units.model import ActionUnitModel
from facs_pipeline.action_units.training.cross_validation import (
    RidgeFolds,
    SVRFolds,
    TrainingSet,
    cross_validate,
    make_folds,
    reasons_to_leave_out,
)
from facs_pipeline.action_units.training.features import clip_features
from facs_pipeline.action_units.training.measures import emotion_auc
from facs_pipeline.action_units.training.pseudo_labels import (
    BLENDSHAPES,
    USABLE_AUS,
    intensities,
    label_pictures,
    read_labels,
)
from facs_pipeline.datasets.coded import CodedClip
from facs_pipeline.datasets.pictures import open_pictures
from facs_pipeline.foundation.errors import InputError, VideoError
from facs_pipeline.foundation.evaluation import agreement
from facs_pipeline.foundation.regression.ridge import BatchedRidge

needs_teacher = pytest.mark.skipif(
    importlib.util.find_spec("mediapipe") is None, reason="MediaPipe, the teacher, is not installed"
)


@pytest.fixture(scope="module")
def rows():
    """12 persons, 3 action units: learnable, learnable but unknown for some, noise."""
    random = np.random.default_rng(4)
    X = random.normal(size=(600, 30)).astype(np.float32)
    subjects = np.repeat([f"p{i:02d}" for i in range(12)], 50)
    Y = np.column_stack([X[:, 0] + 2, X[:, 1] - X[:, 2] + 2, random.gamma(1, 1, 600)]) + random.normal(0, 0.3, (600, 3))
    Y = np.clip(Y, 0, 5)
    Y[:100, 1] = np.nan
    return TrainingSet(X, Y, subjects, (1, 2, 4))


def svr_folds(data, folds):
    return SVRFolds(data, folds, penalties=(1.0, 10.0), n_estimators=3, max_samples=150)


REGRESSORS = {"ridge": RidgeFolds, "svr": svr_folds}


def test_folds_keep_persons_together_and_need_three():
    subjects = np.repeat(list("abcdefg"), [5, 40, 3, 8, 9, 2, 7])
    folds = make_folds(subjects, 5)
    assert all(len(set(folds[subjects == s])) == 1 for s in "abcdefg")
    assert set(folds) == set(range(5))
    assert set(make_folds(subjects[subjects < "d"], 5)) == {0, 1, 2}
    with pytest.raises(InputError, match=r"2 persons.*at least 3"):
        make_folds(["a", "b", "b"])


@pytest.mark.parametrize("name", REGRESSORS)
def test_predictions_never_depend_on_the_labels_of_their_own_fold(rows, name):
    """Neither the weights nor the choice of the penalty may see them."""
    folds = make_folds(rows.subjects, 4)
    first = cross_validate(REGRESSORS[name](rows, folds), rows, folds)
    changed = TrainingSet(rows.X, rows.Y.copy(), rows.subjects, rows.aus)
    changed.Y[folds == 2] = np.random.default_rng(0).uniform(0, 5, (int((folds == 2).sum()), 3))
    second = cross_validate(REGRESSORS[name](changed, folds), changed, folds)
    np.testing.assert_allclose(second.predictions[folds == 2], first.predictions[folds == 2], atol=1e-4)
    np.testing.assert_array_equal(second.chosen[2], first.chosen[2])
    assert np.abs(second.predictions - first.predictions).max() > 0.05


@pytest.mark.parametrize("name", REGRESSORS)
def test_what_can_be_learnt_is_and_noise_is_left_out(rows, name):
    folds = make_folds(rows.subjects, 4)
    result = cross_validate(REGRESSORS[name](rows, folds), rows, folds)
    table = agreement.agreement(rows.Y, result.predictions, rows.subjects, rows.aus, n_bootstrap=0)
    assert table.loc[[1, 2], "r"].min() > 0.85
    assert table.loc[[1, 2], "ccc"].min() > 0.8
    assert list(reasons_to_leave_out(table, rows.Y)) == [4]
    assert "hardly vary" in reasons_to_leave_out(table, rows.Y * 0.01)[1]


def test_ridge_over_folds_is_ridge_on_the_rows(rows):
    folds = make_folds(rows.subjects, 4)
    coef, intercept = RidgeFolds(rows, folds, penalties=(0.1, 1.0)).path([0, 3])
    for k in range(3):
        inside = np.isin(folds, [0, 3]) & ~np.isnan(rows.Y[:, k])
        direct = BatchedRidge(alpha=1.0).fit(rows.X[inside], rows.Y[inside, k])
        np.testing.assert_allclose(coef[1, :, k], direct.coef_, atol=1e-4)
        assert intercept[1, k] == pytest.approx(direct.intercept_, abs=1e-4)


def test_svr_threads_change_nothing(rows):
    folds = make_folds(rows.subjects, 4)
    one, two = (SVRFolds(rows, folds, n_estimators=2, jobs=jobs).fit([0, 1], np.array([1, 1, 2])) for jobs in (1, 2))
    np.testing.assert_array_equal(one[0], two[0])


def test_pseudo_labels_are_means_of_scores_times_five():
    scores = np.zeros((2, 52), np.float32)
    scores[0, [BLENDSHAPES.index("mouthSmileLeft"), BLENDSHAPES.index("mouthSmileRight")]] = 0.6, 0.2
    scores[1] = np.nan
    labels = intensities(scores, BLENDSHAPES, (1, 12))
    np.testing.assert_allclose(labels[0], [0, 2], atol=1e-6)
    assert np.isnan(labels[1]).all()
    with pytest.raises(InputError, match="AU6: the teacher has no score"):
        intensities(scores, BLENDSHAPES, (6,))
    with pytest.raises(InputError, match="lack the blendshapes mouthSmileLeft"):
        intensities(scores, ["x"] * 52, (12,))
    # Twins would pass for two measurements.
    assert not {16, 25} <= set(USABLE_AUS)


def test_emotion_auc_is_the_area_under_the_curve():
    random = np.random.default_rng(2)
    emotions = random.choice(["angry", "happy", "sad"], 200)
    intensity = np.round(random.gamma(1, 1, (200, 2)) + (emotions == "happy")[:, None], 1)
    expected = [[roc_auc_score(emotions == e, column) for e in ("angry", "happy", "sad")] for column in intensity.T]
    np.testing.assert_allclose(emotion_auc(intensity, emotions), expected, atol=1e-12)


# --------------------------------------------------------------------------------------------------- with faces


@pytest.fixture(scope="module")
def small(stills, tmp_path_factory):
    """The drawn persons' images, and room for a cache beside them."""
    return shutil.copytree(stills, tmp_path_factory.mktemp("faces") / "stills")


def run(*arguments):
    return CliRunner().invoke(facs, ["train-au", *map(str, arguments)], catch_exceptions=True)


def test_a_tar_and_its_folder_are_the_same_pictures(small, tmp_path):
    with tarfile.open(small / "frames.tar") as archive:
        archive.extractall(tmp_path, filter="data")
    packed = open_pictures(small / "frames.tar", small / "frames.csv")
    loose = open_pictures(tmp_path, small / "frames.csv", under="frames")
    assert packed.names == loose.names
    assert packed.persons == loose.persons
    assert len(set(packed.persons)) == 12
    assert packed.digest() == loose.digest()
    assert packed.folder_of(0) == "frames"
    np.testing.assert_array_equal(packed.grey(7), loose.grey(7))
    for some in (packed.only([7, 2]), loose.only([7, 2])):
        assert some.names == (packed.names[7], packed.names[2])
        assert some.persons == (packed.persons[7], packed.persons[2])
        np.testing.assert_array_equal(some.grey(1), packed.grey(2))
    alone = open_pictures(small / "stills")
    assert not alone.persons_known
    assert len(set(alone.persons)) == len(alone)


def test_faulty_collections_are_named(small, tmp_path):
    with pytest.raises(InputError, match="no such folder or tar"):
        open_pictures(tmp_path / "none")
    with pytest.raises(InputError, match="no images under nowhere"):
        open_pictures(small / "frames.tar", under="nowhere")
    with tarfile.open(tmp_path / "packed.tar.gz", "w:gz") as archive:
        archive.addfile(tarfile.TarInfo("a.png"), io.BytesIO())
    with pytest.raises(InputError, match="not an uncompressed tar"):
        open_pictures(tmp_path / "packed.tar.gz")
    (tmp_path / "wrong.csv").write_text("image,person\nelsewhere.jpg,anna\n")
    with pytest.raises(InputError, match=r"wrong\.csv, row 2: elsewhere\.jpg: 0 images"):
        open_pictures(small / "frames.tar", tmp_path / "wrong.csv")
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "text.png").write_text("not a picture")
    with pytest.raises(InputError, match=r"text\.png: not an image"):
        open_pictures(tmp_path / "p").grey(0)


@pytest.mark.parametrize(
    ("regressor", "modes", "similar"), [("ridge", (), 0), ("svr", (), 0), ("ridge", (6, 4), 0), ("ridge", (6, 4), 50)]
)
def test_a_whole_run_from_scores_that_exist(small, tmp_path, regressor, modes, similar):
    # The teacher is not asked, for all labels exist.
    teacher = tmp_path / "face_landmarker.task"
    spec = f"{small / 'frames.tar'},persons={small / 'frames.csv'},labels={small / 'labels.npz'}"
    options = ["--teacher", teacher, "--images", spec, "--regressor", regressor, "--aus", "12,26,25", "--folds", "3"]
    options += ["--max-samples", "200", "--cache", small / "cache"]
    options += ["--modes", "6,4"] if modes else []
    options += ["--similar", "50"] if similar else []
    first = run(*options, "--out", tmp_path / "a.npz", "--jobs", "1")
    assert first.exit_code == 0, first.output + str(first.exception)
    assert "pseudo-labels" in first.output
    assert "AU12" in first.output
    assert "Lip corner puller" in first.output
    model = ActionUnitModel.load(tmp_path / "a.npz")
    card = json.loads((tmp_path / "a.json").read_text())
    # AU25 may be too hard for so few faces; then the card says that it was left out.
    assert set(model.aus) == {12, 25, 26} - {int(au) for au in card["left_out"]} >= {12, 26}
    assert (model.products and model.products.sizes) == (modes or None)
    assert card["recipe"]["modes"] == [*modes]
    assert card["recipe"]["similar"] == (len(model.correction.centres) if model.correction else 0) == similar
    assert card["persons"] >= 10
    assert card["sources"][0]["persons_known"]
    assert card["metrics_on_unseen_persons"]["26"]["r"] > 0.5
    assert card["metrics_on_unseen_persons"]["12"]["r"] > 0.3
    assert all(row["ccc_low"] <= row["ccc"] <= row["ccc_high"] for row in card["metrics_on_unseen_persons"].values())
    assert card["kind"] == "action-units"
    assert card["content_sha256"] == model.sha256
    assert card["train_s"] > 0
    assert 0 < card["predict_ms_per_face"] < 100
    assert set(card["scatter"]["counts"]) == {str(au) for au in model.aus}
    counts = np.array([list(map(int, line.split())) for line in card["scatter"]["counts"]["12"]])
    assert counts.shape == (10, 10)
    assert counts.sum() == card["metrics_on_unseen_persons"]["12"]["n"]
    assert run(*options, "--out", tmp_path / "b.npz", "--jobs", "2").exit_code == 0
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    shown = CliRunner().invoke(facs, ["model", "show", str(tmp_path / "a.npz")])
    assert shown.exit_code == 0
    assert model.sha256 in shown.output
    assert "no FACS coder" in shown.output
    own = CliRunner().invoke(facs, ["model", "show"])
    assert own.exit_code == 0
    assert "facs-pipeline" in own.output
    as_json = CliRunner().invoke(facs, ["model", "show", str(tmp_path / "a.npz"), "--json"])
    assert json.loads(as_json.output)["content_sha256"] == model.sha256


@pytest.mark.shared
@needs_teacher
def test_warped_copies_are_trained_on_and_not_measured_on(small, shared_dir, tmp_path):
    teacher = shared_dir / "data/teacher/face_landmarker.task"
    spec = f"{small / 'frames.tar'},persons={small / 'frames.csv'},labels={small / 'labels.npz'}"
    options = ["--teacher", teacher, "--regressor", "ridge", "--aus", "12,26", "--folds", "3"]
    options += ["--cache", small / "cache", "--jobs", "2"]
    cards = []
    for name, more in (("without", ""), ("with", ",warp=yes")):
        done = run(*options, "--images", spec + more, "--out", tmp_path / f"{name}.npz")
        assert done.exit_code == 0, done.output + str(done.exception)
        cards.append(json.loads((tmp_path / f"{name}.json").read_text()))
    without, copied = cards
    assert [card["sources"][0]["warped_copies"] for card in cards] == [0, 1]
    assert copied["sources"][0]["rows"] > 1.9 * without["sources"][0]["rows"]
    assert copied["images"] == without["images"]
    assert copied["persons"] == without["persons"]
    assert copied["metrics_on_unseen_persons"]["26"]["n"] == without["metrics_on_unseen_persons"]["26"]["n"]
    assert copied["content_sha256"] != without["content_sha256"]
    assert copied["metrics_on_unseen_persons"]["26"]["r"] > 0.5


@pytest.mark.shared
@needs_teacher
def test_the_teacher_labels_stills_once(small, shared_dir, tmp_path):
    teacher = shared_dir / "data/teacher/face_landmarker.task"
    pictures = open_pictures(small / "stills")
    told = CountedProgress()
    labels = label_pictures(pictures, teacher, tmp_path, progress=told)
    assert told.counts == [(len(pictures), len(pictures))]
    assert labels.found.mean() > 0.95
    smile = intensities(labels.blendshapes, labels.names, (12,))[:, 0]
    assert np.nanmin(smile) >= 0
    assert np.nanmax(smile) <= 5
    assert np.nanstd(smile) > 0.3
    before = {file: file.stat().st_mtime_ns for file in tmp_path.glob("*.joblib")}
    again = label_pictures(pictures, teacher, tmp_path, jobs=2)
    assert before
    assert before == {file: file.stat().st_mtime_ns for file in tmp_path.glob("*.joblib")}
    np.testing.assert_array_equal(labels.blendshapes, again.blendshapes)


@pytest.mark.shared
@needs_teacher
def test_the_names_are_in_the_teachers_order(small, shared_dir):
    from facs_pipeline.landmarks.training.teacher import Teacher

    pictures = open_pictures(small / "stills")
    with Teacher(shared_dir / "data/teacher/face_landmarker.task") as teacher:
        assert any(teacher.label_still(pictures.grey(number)) for number in range(5))
        assert teacher.names == BLENDSHAPES


def test_labels_are_matched_by_name(small, tmp_path):
    pictures = open_pictures(small / "frames.tar", small / "frames.csv")
    with np.load(small / "labels.npz") as stored:
        images, scores, names = stored["image"], stored["blendshapes"], stored["names"]
    labels = read_labels(small / "labels.npz", pictures)
    assert labels.names == BLENDSHAPES
    for number in (0, 100, len(pictures) - 1):
        row = list(images).index(Path(pictures.names[number]).name)
        np.testing.assert_array_equal(labels.blendshapes[number], scores[row].astype(np.float32))
    np.savez(tmp_path / "few.npz", image=images[:3], blendshapes=scores[:3], names=names)
    with pytest.raises(InputError, match=r"few\.npz: no labels for \d+ images"):
        read_labels(tmp_path / "few.npz", pictures)


def test_a_manifest_of_coded_frames(small, tmp_path):
    """FACS-coded data take the same road; here the codes are made up, and as noise they are refused."""
    random = np.random.default_rng(0)
    names = sorted((small / "stills").iterdir())
    lines = [f"{name},p{i % 7},{random.integers(0, 6)}" for i, name in enumerate(names)]
    (tmp_path / "coded.csv").write_text("\n".join(["image,subject,AU12", *lines]))
    options = ["--manifest", tmp_path / "coded.csv", "--out", tmp_path / "m.npz", "--regressor", "ridge"]
    answer = run(*options, "--cache", small / "cache")
    assert isinstance(answer.exception, InputError)
    assert "no action unit is usable" in str(answer.exception)
    assert not (tmp_path / "m.npz").exists()
    answer = run(*options, "--aus", "4")
    assert isinstance(answer.exception, InputError)
    assert "AU4 is not coded; there are 12" in str(answer.exception)


def test_clips_that_cannot_be_decoded_are_named_and_left_out(small, tmp_path):
    """A damaged photo and a damaged video cost themselves; where most are damaged, something is wrong with all."""
    stills = sorted((small / "stills").iterdir())[:3]
    for name in ("torn.png", "torn.mp4"):
        (tmp_path / name).write_bytes(stills[0].read_bytes()[:100])
    whole, torn = ([CodedClip(path, "p", np.array([1]), np.ones((1, 1), np.float32)) for path in paths]
                   for paths in (stills, [tmp_path / "torn.png", tmp_path / "torn.mp4"]))  # fmt: skip
    said = CountedProgress()
    features = clip_features([whole[0], *torn, *whole[1:]], tmp_path / "cache", progress=said)
    assert features.rows.tolist() == [0, 3, 4]
    assert [Path(text.split(": ")[1]).name for text in said.warnings] == ["torn.png", "torn.mp4"]
    with pytest.raises(VideoError, match=r"torn\.mp4"):
        clip_features([*torn, whole[0]], tmp_path / "cache")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "expected one of --disfa, --manifest, --teacher, --codes, --gaze; got none"),
        (["--disfa", "a", "--manifest", "b"], "got --disfa, --manifest"),
        (["--teacher", "t.task"], "--teacher and --images go together"),
        (["--disfa", "a", "--images", "b"], "--teacher and --images go together"),
        (["--teacher", "t", "--images", "a.tar,person=b"], "expected PATH, then any of persons="),
        (["--teacher", "t", "--images", "a.tar,weight=0"], "weight must be above 0"),
        (["--disfa", "a", "--aus", "1,x"], "expected FACS numbers"),
        (["--disfa", "a", "--similar", "2000"], "--similar needs --modes"),
        (["--teacher", "t", "--images", "i,warp=twice"], "warp must be yes"),
        (["--teacher", "t", "--images", "i", "--emotion-check", "i,warp=yes"], "expected PATH, then any of"),
        (["--disfa", "a", "--modes", "many"], "expected two numbers such as 50,40"),
    ],
)
def test_wrong_usage_says_what_is_right(arguments, message):
    answer = run(*arguments, "--out", "m.npz")
    assert answer.exit_code == 2
    assert message in answer.output


def test_coded_frames_of_a_folder_with_gaps_are_refused(tmp_path):
    """The n-th image is taken for frame n; behind a gap every code would belong to another face."""
    for number in (1, 2, 3, 5, 6):
        cv2.imwrite(str(tmp_path / f"{number:04d}.png"), np.zeros((40, 40), np.uint8))
    clip = CodedClip(tmp_path, "anna", np.array([1, 5]), np.zeros((2, 1), np.float32))
    with pytest.raises(InputError, match=r"jump from 0003\.png to 0005\.png, but the n-th image is taken for frame n"):
        clip_features([clip], tmp_path / "cache")

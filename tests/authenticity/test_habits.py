"""People's habits taken out: by the command, from training to new people."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ranking_data import failure, rank

from facs_pipeline.authenticity.habits import without_habits
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.tables.descriptor_table import DescriptorTable, table_from_frame


def clips(seed: int, habit: float = 4.0, people: int = 12, each: int = 8) -> pd.DataFrame:
    """Clips in which what is felt hides behind what is the person's own."""
    rng = np.random.default_rng(seed)
    subject = np.repeat(np.arange(people), each)
    felt = np.tile([True, False], people * each // 2)
    own = habit * rng.normal(size=people)[subject]
    return pd.DataFrame(
        {
            "video": [f"s{seed}_{i}" for i in range(len(felt))],
            "subject": [f"p{seed}_{number}" for number in subject],
            "emotion": "happy",
            "label": np.where(felt, "real", "fake"),
            "lift": own + felt + 0.5 * rng.normal(size=len(felt)),
            "noise": rng.normal(size=len(felt)),
        }
    )


def table(frame: pd.DataFrame) -> DescriptorTable:
    return table_from_frame(frame, source="t.csv")


def test_each_person_has_mean_0_and_labels_are_not_read() -> None:
    frame = clips(0)
    relative = without_habits(table(frame))
    assert relative.relative_to_person
    for subject in set(relative.subjects):
        assert np.abs(relative.values[relative.subjects == subject].mean(axis=0)).max() < 1e-12
    unlabelled = without_habits(table(frame.drop(columns="label")))
    assert unlabelled.values.tolist() == relative.values.tolist()


def test_too_few_clips_of_a_person_are_refused_by_name() -> None:
    with pytest.raises(InputError, match=r"subject 'p0_11' has 3 clips .* needs 4 or more"):
        without_habits(table(clips(0).iloc[:-5]))


def test_single_clips_gain_and_a_model_knows_what_it_takes(tmp_path: Path) -> None:
    for seed in (0, 1):
        clips(seed).to_csv(tmp_path / f"{seed}.csv", index=False)
    of_single = {}
    for options in ((), ("--relative-to-person",)):
        arguments = ("--descriptors", tmp_path / "0.csv", "--model", "pooled-logistic", *options)
        model = tmp_path / f"{len(options)}.npz"
        result = rank(*arguments, "--evaluate", "--train", "--save", model, "--out", tmp_path / "out")
        assert result.return_value == 0, result.output
        report = pd.read_json(tmp_path / "out" / "authenticity.json", typ="series")
        of_single[options] = report["models"]["pooled-logistic"]["videos"]["accuracy"]
        new = ("--descriptors", tmp_path / "1.csv", "--predict", model, "--out", tmp_path / "new")
        assert rank(*new, *options).return_value == 0
        other = () if options else ("--relative-to-person",)
        assert "--relative-to-person" in failure(*new, *other)
    assert of_single["--relative-to-person",] > of_single[()] + 0.15

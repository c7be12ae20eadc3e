"""The methods paragraph says what a real run did, and nothing that it did not do."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner
from extraction_runs import facs
from facs_cli.methods import command

from facs_pipeline.foundation.errors import InputError
from facs_pipeline.study.methods import describe_methods
from facs_pipeline.study.references import REFERENCES, as_bibtex, software
from facs_pipeline.study.results import read_results

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def run(clips, tmp_path_factory) -> Path:
    """Results of two clips and of a file that is none, with settings that are not the usual ones."""
    folder = tmp_path_factory.mktemp("methods")
    (folder / "broken.mp4").write_bytes(b"no video")
    videos = [clips / "anna.mp4", clips / "ben.mp4", folder / "broken.mp4"]
    done = facs("extract-features", *videos, "--out", folder / "results", "--baseline", "video", "--faces", "all",
                "--jobs", 1)  # fmt: skip
    assert done.returncode == 1, done.stderr
    return folder / "results"


def text_of(folder: Path) -> str:
    return describe_methods(read_results(folder)).text


def test_what_the_run_wrote_down(run):
    text = text_of(run)
    record = json.loads((run / "run.json").read_text())
    videos = pd.read_csv(run / "videos.csv")
    assert f"facs {record['facs']} (Python {record['python']}; NumPy {record['packages']['numpy']}" in text
    assert f"3 videos with {int(videos['frames'].sum()):,} frames" in text
    assert "Every face was followed." in text
    assert "The resting face of each video was subtracted." in text
    assert record["models"]["action_units"]["sha256"][:12] in text
    assert "its labels: coded by FACS coders" in text
    assert "research only" in text
    aus = record["stage_settings"]["action_units"].get("aus") or record["stage_settings"]["descriptors"]["aus"]
    assert f"{len(aus)} action units (AU{aus[0]}, " in text
    assert "Of 3 videos, 1 video could not be read." in text
    assert "emotion" not in text
    verdicts = videos["verdict"].value_counts()
    assert f"(use: {verdicts.get('use', 0)}, check: {verdicts.get('check', 0)}, " in text


def test_every_citation_is_a_reference_and_the_other_way_round(run):
    methods = describe_methods(read_results(run))
    cited = set(re.findall(r"[A-Z][\w, .]+?, \d{4}", methods.text))
    for reference in methods.references[1:]:
        assert reference.cited in methods.text
        assert any(reference.cited in one for one in cited)
    assert len({one.key for one in methods.references}) == len(methods.references)


def test_settings_change_the_text(run, tmp_path):
    folder = tmp_path / "results"
    shutil.copytree(run, folder)
    record = json.loads((folder / "run.json").read_text())
    record["options"] |= {"faces": "one", "baseline": "/data/rest.mp4", "emotion": True, "au_model": "/gone/own.npz"}
    record["environments"]["2"] = {"libraries": {"numpy": "1.26.4"}}
    del record["stage_settings"]["descriptors"]
    (folder / "run.json").write_text(json.dumps(record))
    text = text_of(folder)
    assert "The main face was followed." in text
    assert "The resting face of rest.mp4 was subtracted." in text
    assert "how people would label a picture" in text
    assert f"NumPy {record['packages']['numpy']} and 1.26.4" in text
    assert "Butterworth" not in text
    # Of a model that is not there any more only the hash is known.
    assert "its labels" not in text


def test_folders_without_a_record(run, tmp_path):
    folder = tmp_path / "results"
    shutil.copytree(run, folder)
    (folder / "run.json").write_text("{}")
    with pytest.raises(InputError, match=r"run\.json: lacks the settings of the run"):
        text_of(folder)
    (folder / "run.json").unlink()
    with pytest.raises(InputError, match=r"run\.json: not there"):
        text_of(folder)


def test_bibtex_has_every_reference_once(run, tmp_path):
    done = CliRunner().invoke(command, [str(run), "--bibtex", str(tmp_path / "facs.bib")], standalone_mode=False)
    assert done.exception is None, done.output
    entries = re.findall(r"^@(\w+)\{(\w+),$", (tmp_path / "facs.bib").read_text(encoding="utf-8"), re.MULTILINE)
    assert [key for _, key in entries] == [one.key for one in describe_methods(read_results(run)).references]
    assert max(map(len, done.output.splitlines())) <= 100
    text = as_bibtex([REFERENCES["king2009dlib"], REFERENCES["king2009dlib"]])
    assert text.count("@article") == 1
    assert text.count("{") == text.count("}")


def test_the_entry_of_this_package_is_that_of_the_citation_file():
    cited = (ROOT / "CITATION.cff").read_text()
    entry = software("1.2")
    title = re.sub("[{}]", "", entry.fields["title"])
    assert f'title: "{title}"\n' in cited
    assert f'- name: "{entry.fields["author"].strip("{}")}"\n' in cited

"""What the report shows of videos, mistakes and provenance, of many videos and partial results, to every reader."""

from __future__ import annotations

import html
import json
import re
import shutil
import time
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from counted_progress import CountedProgress
from facs_cli.events import command as events_command
from report_checks import VALIDATOR, check_html, rows_of, searched, validate, write
from report_results import demo_results, emotion_results

from facs_pipeline.report.gather import gather
from facs_pipeline.report.page import write_report
from facs_pipeline.report.pictures import COUNTS, strips
from facs_pipeline.report.series import read_series


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> Path:
    return demo_results(tmp_path_factory)


@pytest.fixture
def own(demo, tmp_path) -> Path:
    """A copy to spoil, with its videos."""
    copy = Path(shutil.copytree(demo, tmp_path / "demo", ignore=shutil.ignore_patterns("cache")))
    about = json.loads((copy / "results/run.json").read_text())
    about["videos"] = {name: str(copy / "videos" / Path(place).name) for name, place in about["videos"].items()}
    (copy / "results/run.json").write_text(json.dumps(about))
    return copy


@pytest.fixture(scope="module")
def emotions(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("emotions")
    emotion_results(folder / "test")
    return folder


class TestVideos:
    def test_blinks_are_drawn_where_they_are(self, demo, tmp_path):
        text = write([demo / "results"], tmp_path / "r.html", pictures="none")
        found = 0
        for video in gather([demo / "results"]).videos:
            chart = searched(rf'<svg class="lanes"[^>]*aria-labelledby="{video.id}-plot-t.*?cursor', text, re.S)[0]
            marks = [float(x) for x in re.findall(r'class="mark" x="([\d.]+)%"', chart)]
            assert video.table is not None
            series = read_series(video.table)
            span = series.times_s[-1] - series.times_s[0]
            assert marks == pytest.approx([100 * (a - series.times_s[0]) / span for a, _b in series.blinks], abs=0.01)
            assert len(marks) == int(video.facts["blinks"])
            assert f"{len(marks)} blink" in chart
            assert ("Blinks at" in chart) == bool(marks)
            found += len(marks)
        assert found >= 12

    def test_movements_are_drawn_where_the_events_command_finds_them(self, demo, tmp_path):
        text = write([demo / "results"], tmp_path / "r.html", pictures="none")
        table = tmp_path / "events.csv"
        assert CliRunner().invoke(events_command, [str(demo / "results"), "--out", str(table)]).exit_code == 0
        events = pd.read_csv(table)
        assert len(events) > 10
        for video in gather([demo / "results"]).videos:
            chart = searched(rf'<svg class="lanes"[^>]*aria-labelledby="{video.id}-plot-t.*?cursor', text, re.S)[0]
            assert video.table is not None
            series = read_series(video.table)
            own = events[(events["video"] == video.name) & (events["action_unit"] != 45)]
            starts = 100 * (own["onset_s"] - series.times_s[0]) / (series.times_s[-1] - series.times_s[0])
            drawn = [float(x) for x in re.findall(r'class="event" x="([\d.]+)%"', chart)]
            assert drawn == pytest.approx(starts.tolist(), abs=0.01)

    def test_emotions_per_frame_are_drawn_with_their_means(self, own, tmp_path):
        video = gather([own / "results"]).videos[0]
        assert video.table is not None
        table = pd.read_csv(video.table)
        happy = np.linspace(0, 1, len(table))
        more = pd.DataFrame({"emotion": "happy", "emotion_confidence": 0.9, "emotion_happy": happy})
        pd.concat([table, more.assign(emotion_sad=1 - happy)], axis=1).to_csv(video.table, index=False)
        series = read_series(video.table)
        assert series.emotions == ("happy", "sad")
        assert series.probabilities[:, 0] == pytest.approx(happy)
        text = write([own / "results"], tmp_path / "r.html", pictures="none")
        check_html(text)
        card = searched(rf'<article class="card" id="{video.id}">.*?</article>', text, re.S)[0]
        assert "happy 0.50" in card
        assert "sad 0.50" in card
        assert "confidence" not in card
        assert card.count('<path class="c0"') == card.count('<path class="c1"') == 1
        assert text.count("Emotions, mean probability:") == 1

    def test_another_number_of_blinks_than_in_the_table_is_said(self, own, tmp_path):
        table = pd.read_csv(own / "results/videos.csv", dtype=str, keep_default_na=False)
        table.loc[0, "blinks"] = "9"
        table.to_csv(own / "results/videos.csv", index=False)
        assert "in this curve, 9 in videos.csv" in write([own / "results"], tmp_path / "r.html", pictures="none")

    def test_mistakes_say_what_the_features_saw(self, own, tmp_path):
        predictions = pd.read_csv(own / "ranking/predictions.csv", dtype=str, keep_default_na=False)
        wrong = predictions[predictions.label != predictions.decision]
        if not len(wrong):  # make the first pair a wrong one
            pair = set(predictions.loc[0, ["video", "partner"]])
            other = predictions.video.isin(pair)
            predictions.loc[other, "label"] = predictions.loc[other, "label"].map({"real": "fake", "fake": "real"})
            predictions.to_csv(own / "ranking/predictions.csv", index=False)
        write_report(gather([own]), tmp_path / "r.html")
        text = (tmp_path / "r.html").read_text(encoding="utf-8")
        mistakes = json.loads((tmp_path / "r.json").read_text())["tasks"][0]["models"][0]["mistakes"]
        assert mistakes
        assert all(row["partner"] for row in mistakes)
        assert len({frozenset((row["video"], row["partner"])) for row in mistakes}) == len(mistakes)
        reasons = pd.read_csv(own / "ranking/reasons.csv")
        for row in mistakes:
            assert row["predicted"] == "real"
            both = reasons[reasons.video_a.isin([row["video"], row["partner"]])
                           & reasons.video_b.isin([row["video"], row["partner"]])]  # fmt: skip
            for_it = (both.contribution > 0) == (both.video_a == row["video"])
            assert len(row["reasons"]) == min(3, for_it.sum())
            for text_of, (_i, reason) in zip(row["reasons"], both[for_it].iterrows(), strict=False):
                this, other = (reason.value_a, reason.value_b) if reason.video_a == row["video"] else (
                    reason.value_b, reason.value_a)  # fmt: skip
                assert text_of.endswith(f"({this:.3g} against {other:.3g})")
                assert ("in this video" in text_of) == (this > other)
        gallery = searched(r'<ul class="gallery">.*?</ul>\s*</details>', text, re.S)[0]
        assert gallery.count("<img") == 2 * len(mistakes)

    def test_a_strip_shows_eight_pictures_and_keeps_more_for_the_pointer(self, demo):
        place = gather([demo / "results"]).videos[0].place
        for mode in ("quick", "all"):
            strip = strips([place], [3.0], mode=mode)[0]
            times = [time for time, _uri in strip.pictures]
            assert len(times) == min(COUNTS[mode], 75)
            assert times == sorted(times)
            assert sum(strip.shown_at_once) == 8
            assert not strip.note
        # Every frame of a short video: what the pointer shows is that frame.
        assert np.diff(times) == pytest.approx(0.04, abs=1e-6)

    def test_what_is_too_long_to_decode_gives_key_frames(self, demo, monkeypatch):
        places = [video.place for video in gather([demo / "results"]).videos]
        monkeypatch.setattr("facs_pipeline.report.pictures.QUICK_WORK", 0.06)
        found = strips(places, [3.0] * len(places))
        whole = [len(strip.pictures) == COUNTS["quick"] for strip in found]
        assert 1 <= sum(whole) < len(places)
        assert all(strip.pictures for strip in found)
        assert all(("--pictures all" in strip.note) == (not one) for strip, one in zip(found, whole, strict=True))

    def test_results_from_another_current_folder_find_their_videos(self, own, tmp_path, monkeypatch):
        about = json.loads((own / "results/run.json").read_text())
        about["videos"] = {name: f"demo/videos/{Path(place).name}" for name, place in about["videos"].items()}
        (own / "results/run.json").write_text(json.dumps(about))
        (tmp_path / "elsewhere").mkdir()
        monkeypatch.chdir(tmp_path / "elsewhere")
        assert all(Path(video.place).is_file() for video in gather([own / "results"]).videos)

    def test_metadata_that_fit_no_video_are_said_to(self, demo, tmp_path):
        (tmp_path / "people.csv").write_text("video,gender\nnobody,f\n")
        notes = gather([demo], metadata=tmp_path / "people.csv").notes
        assert any("people.csv: none of its 1 videos" in note and "expected names such as" in note for note in notes)


class TestProvenance:
    def test_machine_versions_hashes_and_time_per_stage(self, demo, tmp_path):
        text = html.unescape(write([demo / "results"], tmp_path / "r.html", pictures="none"))
        about = json.loads((demo / "results/run.json").read_text())
        assert about["machine"]["processor"] in text
        assert f"memory_mb <code>{about['machine']['memory_mb']}" in text
        stages = {row["Stage"]: row for row in rows_of(text, "stages-1")}
        assert stages["total"]["Seconds"] == f"{about['seconds']['total']:.2f}"
        each = 1000 * about["seconds"]["decode"] / about["frames"]
        assert stages["decode"]["ms a frame"] == f"{each:.3f}"
        assert about["models"]["landmarks"]["sha256"] in text
        assert about["packages"]["scipy"] in text
        hashes = {row["SHA-256"] for row in rows_of(text, "videos-1")}
        assert hashes == set(pd.read_csv(demo / "results/videos.csv").sha256)

    def test_an_older_run_without_a_machine_says_so(self, own, tmp_path):
        about = json.loads((own / "results/run.json").read_text())
        about.pop("machine")
        (own / "results/run.json").write_text(json.dumps(about))
        assert "not stated (an older version" in write([own / "results"], tmp_path / "r.html", pictures="none")

    def test_it_is_on_the_last_page(self, demo, tmp_path):
        written = write_report(gather([demo]), tmp_path / "r.html", pictures="none", per_page=5)
        texts = [page.read_text(encoding="utf-8") for page in written.pages]
        assert ['id="provenance"' in text for text in texts] == [False, False, True]
        assert '<a href="r-3.html#provenance">' in texts[0]
        assert '<a href="r-3.html#provenance">' in texts[1]


class TestManyVideos:
    def test_a_pair_on_two_pages_keeps_both_curves_and_pictures(self, demo, tmp_path):
        written = write_report(gather([demo]), tmp_path / "r.html", per_page=5)
        cards: dict[str, str] = {}
        for page in written.pages:
            text = page.read_text(encoding="utf-8")
            check_html(text)
            cards |= dict(re.findall(r'<article class="card" id="(p1-\d+)">(.*?)</article>', text, re.S))
        assert len(cards) == 6
        for id, card in cards.items():
            assert card.count('<path class="pair c0"') == card.count('<path class="pair c1"') > 0, id
        apart = [card for card in cards.values() if "has its card on another page" in card]
        assert apart
        assert all(card.count('<ul class="strip">') == 1 for card in apart)
        for card in apart:
            named = searched(r'data-strips="([^"]+)"', card)[1].split()
            assert searched(r'<div id="([^"]+)" data-first', card)[1] in named

    @pytest.mark.parametrize("count", [100])
    def test_a_hundred_videos_stay_below_ten_megabytes(self, demo, tmp_path, count):
        _multiply(demo / "results", tmp_path / "many", count)
        written = write_report(gather([tmp_path / "many", demo / "ranking"]), tmp_path / "r.html")
        text = written.pages[0].read_text(encoding="utf-8")
        assert len(written.pages) == 1
        assert text.count("data:image/jpeg") >= count * 8
        assert written.pages[0].stat().st_size < 10_000_000

    def test_thousands_of_videos_are_paged_without_growing_memory(self, tmp_path):
        count = 2500
        tables = tmp_path / "run" / "action_units"
        tables.mkdir(parents=True)
        times = np.arange(8) / 25
        table = pd.DataFrame({"frame": np.arange(1, 9), "face_id": 0, "timestamp": times, "success": 1})
        content = table.assign(AU12_r=np.linspace(0, 2, 8), AU45_r=0.0).to_csv(index=False)
        names = [f"video{number:04d}" for number in range(count)]
        for name in names:
            (tables / f"{name}.csv").write_text(content)
        rows = [f"{name},{'failed,broken' if k % 500 == 7 else 'ok,'},8" for k, name in enumerate(names)]
        (tmp_path / "run" / "videos.csv").write_text("video,status,reason,frames\n" + "\n".join(rows) + "\n")
        start = time.process_time()
        told = CountedProgress()
        written = write_report(gather([tmp_path / "run"]), tmp_path / "r.html", progress=told)
        # Of one core, so that a busy machine does not matter; five seconds a hundred would be 125.
        assert time.process_time() - start < 60
        assert len(written.pages) == 25
        assert told.counts == [(2 * count, 2 * count)]
        assert sum(page.stat().st_size for page in written.pages) / len(written.pages) < 1_500_000
        first, last = (page.read_text(encoding="utf-8") for page in (written.pages[0], written.pages[-1]))
        check_html(first)
        check_html(last)
        assert {row["Video"] for row in rows_of(last, "failed-1")} == {names[k] for k in range(7, count, 500)}
        assert f"{count}</dd>" in first
        assert "r-25.html" in first


def _multiply(results: Path, out: Path, count: int) -> None:
    """Copies of results under further names, up to `count` videos."""
    (out / "action_units").mkdir(parents=True)
    about = json.loads((results / "run.json").read_text())
    table = pd.read_csv(results / "videos.csv", dtype=str, keep_default_na=False)
    places, parts = {}, []
    for copy in range(-(-count // len(table))):
        part = table.head(count - copy * len(table)).copy()
        part["video"] += f"-{copy}"
        for name in part.video:
            old = name.rsplit("-", 1)[0]
            shutil.copy(results / "action_units" / f"{old}.csv", out / "action_units" / f"{name}.csv")
            places[name] = about["videos"][old]
        parts.append(part)
    pd.concat(parts).to_csv(out / "videos.csv", index=False)
    shutil.copy(results / "descriptors.csv", out)
    (out / "run.json").write_text(json.dumps(about | {"videos": places}))


if VALIDATOR:

    def test_the_nu_html_checker_finds_no_error(demo, emotions, tmp_path):
        written = write_report(gather([demo, emotions]), tmp_path / "r.html", per_page=5)
        assert validate(*written.pages) == ""
        (tmp_path / "bad.html").write_text("<!DOCTYPE html><title>x</title><ul><p>no</p></ul>")
        assert "not allowed as child" in validate(tmp_path / "bad.html")


def test_open_shows_it_in_the_browser(emotions, tmp_path, monkeypatch):
    from facs_cli.report import command

    opened: list[str] = []

    def record(url, *, answer):
        opened.append(url)
        return answer

    for answer, expected in ((True, ""), (False, "no browser could be opened")):
        monkeypatch.setattr("webbrowser.open", partial(record, answer=answer))
        result = CliRunner().invoke(command, [str(emotions), "--out", str(tmp_path / "r x.html"), "--open"])
        assert result.exit_code == 0
        assert expected in result.output
    assert opened == [(tmp_path / "r x.html").resolve().as_uri()] * 2


def test_partial_results_name_the_command_that_makes_the_rest(demo, emotions, tmp_path):
    def notes(*folders):
        return " ".join(write_report(gather(folders), tmp_path / "r.html", pictures="none").notes)

    assert "--evaluate --model all compares all" in notes(demo)
    assert "facs evaluate-emotion MODEL DATA" in notes(demo)
    assert "evaluate-emotion" not in notes(demo, emotions)
    assert "facs rank-authenticity --features" in notes(demo / "results")
    assert "facs extract-features makes one" in notes(emotions)


def test_failed_videos_name_the_command_that_tries_them_again(own, tmp_path):
    table = pd.read_csv(own / "results/videos.csv", dtype=str, keep_default_na=False)
    table.loc[0, ["status", "reason"]] = ["failed", "broken"]
    table.to_csv(own / "results/videos.csv", index=False)
    notes = " ".join(write_report(gather([own]), tmp_path / "r.html", pictures="none").notes)
    assert "1 of 12 videos failed" in notes
    assert f"facs extract-features VIDEOS --out {own / 'results'}" in notes


# Machado, Oliveira, Fernandes, IEEE TVCG 15 (2009), severity 1: what dichromats see of linear RGB.
DICHROMATS = {
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


@pytest.mark.parametrize("sight", DICHROMATS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_lines_differ_in_dashes_or_in_what_colour_blind_people_see(sight, scheme):
    from skimage.color import deltaE_ciede2000, rgb2lab

    style = (Path(__file__).parents[2] / "facs_pipeline/report/templates/style.css").read_text(encoding="utf-8")
    parts = style.split("@media (prefers-color-scheme: dark)")
    palette = dict(re.findall(r"--(c[0-6]): (#\w{6})", parts[0] if scheme == "light" else parts[1].split("}")[0]))
    dashes = dict(re.findall(r"\.(c\d) \{ stroke: var\(--c\d\);(?: stroke-dasharray: ([\d ]+);)? \}", style))
    assert len(palette) == 7
    assert set(palette) <= set(dashes)
    seen = {}
    for name, code in palette.items():
        rgb = np.array([int(code[i : i + 2], 16) for i in (1, 3, 5)]) / 255
        linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
        mixed = np.clip(np.array(DICHROMATS[sight]) @ linear, 0, 1)
        seen[name] = rgb2lab(np.where(mixed <= 0.0031308, 12.92 * mixed, 1.055 * mixed ** (1 / 2.4) - 0.055))
    for a in seen:
        for b in seen:
            if a < b and dashes[a] == dashes[b]:
                assert deltaE_ciede2000(seen[a], seen[b]) > 12, (a, b)

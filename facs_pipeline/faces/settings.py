"""Settings of finding and tracking faces: all that the results depend on, besides the landmark model."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class TrackerSettings:
    """How faces are found and tracked.

    Attributes
    ----------
    version : int
        Raised when tracking changes in a way that no other setting tells.
    search_sides : tuple of int
        Longer sides in pixels at which a picture is searched, coarse to fine; dlib's detector finds faces from 80 px.
    patch_side : int
        Side in pixels of the patch round a known face that the detector searches; the face fills about half of it.
    search_every : tuple of int
        While nobody is there, each of `search_sides` is searched once in so many frames.
    search_again_s : float
        With ``faces="all"`` the whole picture is searched once in so many seconds.
    recheck_s : float
        The detector searches for a tracked face once in so many seconds, unless the landmark model is certain.
    just_lost_frames : int
        For so many frames a lost face is searched for in its last place, too.
    blank_levels : int
        A picture with less contrast, in grey levels, shows nobody.
    sure_confidence : float
        Below it the detector searches again.
    lost_confidence : float
        Below it a face that the detector does not find either is lost.
    surer_by : float
        So much more confidence makes the detector's place better than the tracked one.
    same_person : float
        Correlation of portraits above which a face that comes back keeps its id.
    new_portrait : float
        A portrait is stored if its correlation with all stored ones is below this.
    portraits : int
        Stored portraits of a person; one does not show the same head turned or laughing.
    portrait_every_s : float
        A person's portraits are at least so far apart, in seconds.
    back_soon_s : float
        Whoever comes back to the same place within so many seconds is most likely the same person.
    back_soon_bonus : float
        What that adds to the correlation of portraits.
    cut_levels : float
        A mean difference of so many grey levels between frames is a cut.
    thumbnail : int
        Side in pixels of the thumbnails that are compared for cuts.
    trigger_threshold : float
        The score of `facs_pipeline.faces.trigger` above which a picture without a known face is searched.
    trigger_step : float
        Its scales are so far apart.
    look_again_every : int
        While nobody is there, a second look is taken once in so many frames.
    look_again_after : int
        The first of them comes so many frames after a loss or a cut.
    weak_threshold : float
        The detector's score that an answer must exceed in a second look, see `facs_pipeline.faces.second_look`.
    weak_answers : int
        So many of the surest answers of a second look are verified.
    turns : tuple of float
        Degrees by which a second look turns a picture; the detector itself finds heads that are tilted by 20.
    margin : float
        Share of its longer side by which a second look widens a picture that a face may fill.
    verified_confidence : float
        Least confidence of an answer, in its mirror image and in the picture itself; their mean is `sure_confidence`.
    same_place : float
        Up to so many eye distances a face and its mirror image are the same face.
    """

    version: int = 14
    search_sides: tuple[int, ...] = (400, 800, 1600)
    patch_side: int = 192
    search_every: tuple[int, ...] = (5, 20, 100)
    search_again_s: float = 1.0
    recheck_s: float = 1.0
    just_lost_frames: int = 15
    blank_levels: int = 10
    sure_confidence: float = 0.5
    lost_confidence: float = 0.1
    surer_by: float = 0.2
    same_person: float = 0.5
    new_portrait: float = 0.9
    portraits: int = 12
    portrait_every_s: float = 0.2
    back_soon_s: float = 3.0
    back_soon_bonus: float = 0.2
    cut_levels: float = 28.0
    thumbnail: int = 32
    trigger_threshold: float = -0.6
    trigger_step: float = 1.44
    look_again_every: int = 100
    look_again_after: int = 25
    weak_threshold: float = -1.0
    weak_answers: int = 4
    turns: tuple[float, ...] = (-35.0, 35.0)
    margin: float = 0.15
    verified_confidence: float = 0.4
    same_place: float = 0.05

    def as_json(self) -> dict[str, int | float | list[int] | list[float]]:
        """The settings just as JSON gives them back."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}


SETTINGS = TrackerSettings()
"""Those of this version."""

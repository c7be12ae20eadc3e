"""The literature and software that a run builds on, as BibTeX."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Reference:
    """One work.

    Attributes
    ----------
    key : str
        Of BibTeX.
    kind : str
        ``article``, ``inproceedings``, ``book`` or ``software``.
    cited : str
        As in a text, such as ``King, 2009``.
    fields : dict of str to str
        Of BibTeX.
    """

    key: str
    kind: str
    cited: str
    fields: dict[str, str]

    def as_bibtex(self) -> str:
        """The entry."""
        lines = [f"  {name} = {{{text}}}," for name, text in self.fields.items()]
        return "\n".join([f"@{self.kind}{{{self.key},", *lines, "}"])

    def as_text(self) -> str:
        """One line of a list of references."""
        place = next(
            (self.fields[name] for name in ("journal", "booktitle", "publisher", "note") if name in self.fields), ""
        )
        number = ", ".join(self.fields[name] for name in ("volume", "pages") if name in self.fields).replace("--", "-")
        authors = self.fields["author"].replace(" and ", "; ").replace("{", "").replace("}", "")
        year = f" ({self.fields['year']})" if "year" in self.fields else ""
        title = self.fields["title"].replace("{", "").replace("}", "")
        return f"{authors}{year}. {title}. {place}{f', {number}' if number else ''}."


def software(version: str) -> Reference:
    """The entry of this package, in the version that a run used."""
    title = "facs: facial action units on an ordinary {CPU}, every number explainable"
    return Reference(
        "facs",
        "software",
        f"facs {version}",
        {"author": "{facs contributors}", "title": title, "note": f"Version {version}"},
    )


_ALL = (
    Reference("ekman2002facs", "book", "Ekman, Friesen and Hager, 2002", {
        "author": "Ekman, Paul and Friesen, Wallace V. and Hager, Joseph C.",
        "title": "Facial Action Coding System: The Manual",
        "publisher": "Research Nexus, Salt Lake City", "year": "2002",
    }),
    Reference("king2009dlib", "article", "King, 2009", {
        "author": "King, Davis E.", "title": "Dlib-ml: A Machine Learning Toolkit",
        "journal": "Journal of Machine Learning Research", "volume": "10", "pages": "1755--1758", "year": "2009",
    }),
    Reference("xiong2013sdm", "inproceedings", "Xiong and De la Torre, 2013", {
        "author": "Xiong, Xuehan and De la Torre, Fernando",
        "title": "Supervised Descent Method and Its Applications to Face Alignment",
        "booktitle": "IEEE Conference on Computer Vision and Pattern Recognition", "pages": "532--539", "year": "2013",
    }),
    Reference("ojala2002lbp", "article", "Ojala et al., 2002", {
        "author": "Ojala, Timo and Pietikäinen, Matti and Mäenpää, Topi",
        "title": "Multiresolution gray-scale and rotation invariant texture classification with local binary patterns",
        "journal": "IEEE Transactions on Pattern Analysis and Machine Intelligence", "volume": "24",
        "pages": "971--987", "year": "2002",
    }),
    Reference("dalal2005hog", "inproceedings", "Dalal and Triggs, 2005", {
        "author": "Dalal, Navneet and Triggs, Bill", "title": "Histograms of Oriented Gradients for Human Detection",
        "booktitle": "IEEE Conference on Computer Vision and Pattern Recognition", "pages": "886--893", "year": "2005",
    }),
    Reference("lucey2010ckplus", "inproceedings", "Lucey et al., 2010", {
        "author": "Lucey, Patrick and Cohn, Jeffrey F. and Kanade, Takeo and Saragih, Jason and Ambadar, Zara and "
                  "Matthews, Iain",
        "title": "The Extended Cohn-Kanade Dataset ({CK+}): A complete dataset for action unit and emotion-specified "
                 "expression",
        "booktitle": "IEEE Conference on Computer Vision and Pattern Recognition Workshops", "pages": "94--101",
        "year": "2010",
    }),
    Reference("kulkarni2021sasefe", "article", "Kulkarni et al., 2021", {
        "author": "Kulkarni, Kaustubh and Corneanu, Ciprian A. and Ofodile, Ikechukwu and Escalera, Sergio and "
                  "Baró, Xavier and Hyniewska, Sylwia and Allik, Jüri and Anbarjafari, Gholamreza",
        "title": "Automatic Recognition of Facial Displays of Unfelt Emotions",
        "journal": "IEEE Transactions on Affective Computing", "volume": "12", "pages": "377--390", "year": "2021",
    }),
    Reference("pedregosa2011sklearn", "article", "Pedregosa et al., 2011", {
        "author": "Pedregosa, Fabian and others", "title": "Scikit-learn: Machine Learning in {P}ython",
        "journal": "Journal of Machine Learning Research", "volume": "12", "pages": "2825--2830", "year": "2011",
    }),
    Reference("goodfellow2013challenges", "inproceedings", "Goodfellow et al., 2013", {
        "author": "Goodfellow, Ian J. and others",
        "title": "Challenges in Representation Learning: A report on three machine learning contests",
        "booktitle": "Neural Information Processing", "pages": "117--124", "year": "2013",
    }),
)  # fmt: skip
REFERENCES = {one.key: one for one in _ALL}
"""Every work by its key."""


def as_bibtex(references: Sequence[Reference]) -> str:
    """A file of entries, ordered as they are given, none twice."""
    return "\n\n".join(one.as_bibtex() for one in dict((one.key, one) for one in references).values()) + "\n"

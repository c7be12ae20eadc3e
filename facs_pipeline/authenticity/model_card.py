"""What the card of every authenticity model says beside its figures: what it must not be used for, and why."""

from __future__ import annotations

NOT_FOR = (
    "It is no lie detector: it was trained on felt and posed expressions in a laboratory, not on lies.",
    "It says nothing about one person's honesty, character or state of mind; posing a smile is no deceit.",
    "Its answer is a probability about a recording, wrong in many cases; no decision about a person may rest on it.",
    "It knows the people, emotions and recordings that it was trained on; elsewhere evaluate it first "
    "(facs rank-authenticity --evaluate), also for groups of people.",
)
"""When not to use it."""

LAW = (
    "European Union, Regulation 2024/1689, Article 5: inferring emotions of people at work or in education is "
    "forbidden, but for medical or safety reasons; Annex III counts other emotion recognition as high-risk; "
    "Article 50: people must be told.",
    "Recordings of faces are personal data; under the GDPR and laws like it their use needs a legal basis, in studies "
    "mostly consent that names this use.",
    "Ethics boards ask for consent to the recording and this analysis, for the error rate to be stated, and that "
    "nobody is judged singly; faces alone are no reliable sign of what is felt (Barrett et al. 2019, "
    "doi 10.1177/1529100619832930).",
)
"""What law and ethics boards say; no legal advice."""

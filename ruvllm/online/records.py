"""What the calls of a ranker take and return: rankings, results of feedback, decisions, gains, settings."""

from __future__ import annotations

from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from ruvllm.notebook import html_table, with_interval

__all__ = [
    "IDENTITY", "Action", "Decision", "EncoderMismatchError", "FeedbackResult", "Gain", "Guard", "History", "Id",
    "Learning", "Ranking", "Settings", "Status", "StoreError",
]  # fmt: skip

Id = str | int
"""What a user calls a candidate."""
Status = Literal["applied", "duplicate", "revised", "expired", "unknown", "quarantined"]
Action = Literal["promoted", "rolled_back", "rejected", "held", "frozen", "thawed", "created"]

IDENTITY = "identity"
"""Name of the state in which nothing was learned: queries stay as they are."""


class StoreError(ValueError):
    """A store is damaged, of another version or of other settings. The message is one line that names the defect.

    >>> from ruvllm.online import verify
    >>> try:
    ...     verify("no-such-folder")
    ... except StoreError as error:
    ...     print(error)
    no-such-folder is no store: it has no log.sqlite
    """


class EncoderMismatchError(ValueError):
    """The encoder is not the one that a store was made with: other vectors for the same texts.

    >>> import tempfile
    >>> from ruvllm.online import AdaptiveRanker
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     AdaptiveRanker(lambda texts: [[1, len(text), 0, 0] for text in texts], store=folder).close()
    ...     try:
    ...         AdaptiveRanker(lambda texts: [[len(text), 2, 0, 0] for text in texts], store=folder)
    ...     except EncoderMismatchError:
    ...         print("another encoder")
    another encoder
    """


class Ranking(msgspec.Struct, frozen=True, eq=False, gc=False):
    """Candidates in the order in which they should be shown, the best first. In a notebook it shows itself as a table.

    >>> from ruvllm.online import AdaptiveRanker
    >>> vectors = [[0, 1, 0, 0], [2, 0, 0, 0]]
    >>> ranking = AdaptiveRanker(dim=4).rank([1, 0, 0, 0], vectors=vectors, ids=["up", "along"])
    >>> ranking.ids, ranking.scores.tolist(), ranking.state
    (('along', 'up'), [1.0, 0.0], 'identity')
    """

    id: str
    """Feedback names it. It is random: who does not know it cannot give feedback."""
    ids: tuple[Id, ...]
    """What was shown: texts, or the user's ids, or places in `vectors`."""
    scores: NDArray[np.float32]
    """Cosines of the adapted query with the candidates, float32 (m,), in the order of `ids`."""
    propensities: NDArray[np.float64]
    """Probability that each candidate stood where it stands, (m,) in (0, 1], read-only: 1 without exploration."""
    state: str
    """Hash of the state that ranked, or "identity"."""

    def _repr_html_(self) -> str:
        columns = ["Place", "Candidate", "Cosine", "Propensity"]
        cells = [range(1, len(self.ids) + 1), self.ids, [f"{score:.3f}" for score in self.scores.tolist()]]
        if (self.propensities < 1).any():  # only where places were swapped at random
            cells.append([f"{share:.3g}" for share in self.propensities.tolist()])
        rows = zip(*cells, strict=True)
        return html_table(f"Ranking by state {self.state[:12]}", columns, rows, f"id {self.id}" if self.id else "")


class FeedbackResult(msgspec.Struct, frozen=True, gc=False):
    """What became of a feedback.

    - applied: recorded, and learned from by the process that learns
    - duplicate: known already; nothing changed
    - revised: it takes the place of an earlier one on the same ranking
    - expired: its ranking is no longer kept; nothing changed
    - unknown: no such ranking, or no such candidate in it; nothing changed
    - quarantined: recorded, but not learned from: its source holds too large a share of the recent feedback

    >>> from ruvllm.online import AdaptiveRanker
    >>> result = AdaptiveRanker(dim=4).feedback("no such ranking", accepted=0, event_id="click 1")
    >>> result.status, result.event
    ('unknown', 'click 1')
    """

    status: Status
    ranking: str
    event: str
    """The event id: the one given, else one that was made."""
    reason: str = ""
    """One line, unless the status is applied."""


class Decision(msgspec.Struct, frozen=True, gc=False):
    """What a review, a rollback or a freeze came to. Decisions that change what is served stand in the audit log.

    >>> from ruvllm.online import AdaptiveRanker
    >>> decision = AdaptiveRanker(dim=4).review(dry_run=True)
    >>> decision.action, decision.feedbacks
    ('held', 0)
    """

    action: Action
    reason: str
    state_before: str
    state_after: str
    evidence: float
    """e-value in favour of the action: 20 and more happens with probability 1/20 at most if there is no effect."""
    feedbacks: int
    """Number of the last feedback that it rests on."""
    number: int = 0
    """Place in the audit log; 0 for a decision to leave all as it is, which is not written down."""
    at: float = 0.0
    """Seconds since 1970."""

    def _repr_html_(self) -> str:
        return History([self])._repr_html_()


class History(list[Decision]):
    """Decisions in their order: a list, which a notebook shows as a table.

    >>> from ruvllm.online import AdaptiveRanker
    >>> [decision.action for decision in AdaptiveRanker(dim=4).history()]
    ['created']
    """

    def _repr_html_(self) -> str:
        rows = [
            (each.action.replace("_", " "), each.feedbacks, each.state_after[:12], f"{each.evidence:.3g}", each.reason)
            for each in self
        ]
        columns = ("Decision", "After feedback", "Served from then on", "Evidence", "Reason")
        return html_table("Decisions", columns, rows)


class Gain(msgspec.Struct, frozen=True, gc=False):
    """Mean reward of what was served less that of the frozen encoder, over all feedback that counts so far.

    >>> print(Gain(mean=0.12, low=0.05, high=0.19, feedbacks=400, served=0.62, frozen=0.5))
    gain over the frozen encoder +0.120 (95% confidence sequence +0.050 to +0.190, 400 feedbacks)
    """

    mean: float
    low: float
    high: float
    """Ends of a 95% confidence sequence: valid at every look, however often one looks."""
    feedbacks: int
    served: float
    """Mean reward of what was served, in [0, 1]."""
    frozen: float
    """Mean reward of the frozen encoder."""

    def __str__(self) -> str:
        if not self.feedbacks:
            return "no feedback yet"
        return (
            f"gain over the frozen encoder {self.mean:+.3f} (95% confidence sequence {self.low:+.3f} to "
            f"{self.high:+.3f}, {self.feedbacks} feedback{'' if self.feedbacks == 1 else 's'})"
        )

    def _repr_html_(self) -> str:
        numbers = (with_interval(self.mean, (self.low, self.high)), f"{self.served:.3f}", f"{self.frozen:.3f}")
        row = (self.feedbacks, *(numbers if self.feedbacks else ("", "", "")))
        columns = ("Feedbacks", "Gain, 95% confidence sequence", "Served", "Frozen encoder")
        return html_table("Gain over the frozen encoder, mean reward", columns, [row])


class Learning(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the challenger learns. The defaults were chosen on synthetic streams with seeds of 100 and above.

    >>> from ruvllm.online import AdaptiveRanker
    >>> ranker = AdaptiveRanker(dim=8, learning=Learning(rank=2, loss="pairwise"))
    """

    rank: int = 8
    """Of the adapter, at most dim: more is taken as dim. With all-MiniLM-L6-v2 a rank of 4 learns three quarters as
    much, 16 a tenth more; each row makes a ranking and a step dearer."""
    learning_rate: float = 0.01
    temperature: float = 0.07
    momentum: float = 0.9
    scaling: float = 2.0
    loss: str = "infonce"
    """"infonce": against what was shown; "pairwise": against what was passed over; "unlikelihood": "infonce", and what
    is rejected beside something accepted is pushed down too. Rejections alone always are."""
    clip: float = 8.0
    """Longest gradient that counts. At 5 learning takes longer; at 12 bursts of hostile sources get through."""
    largest_change: float = 0.5
    """Of a query that was learned from, as a share of its length."""
    directions: int = 64
    """Feedbacks from whose queries it finds the directions in which queries differ most, to learn along them. Below 32
    it learns along random ones, which takes longer."""
    seed: int = 0


class Guard(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When what was learned may be served, and whose feedback is heard.

    >>> from ruvllm.online import AdaptiveRanker
    >>> careful = AdaptiveRanker(dim=8, guard=Guard(alpha=0.01, automatic=False))  # only review() promotes
    """

    alpha: float = 0.05
    """Largest probability that a state without any effect is ever promoted, or a harmless one ever rolled back."""
    automatic: bool = True
    """Whether evidence is looked at after each feedback. If not, only review() promotes and rolls back."""
    per_source: float = 0.05
    """Largest share that one source may hold of the last `window` feedbacks; twice its equal share if that is more."""
    window: int = 200
    left_out: float = 0.25
    """Share of the sources, those that like a challenger best, without which it must still be better: so many may say
    anything together. 0: the mean of all decides."""
    fewest_sources: int = 1
    """Sources that must have been heard before anything is promoted. With 1, hostile ones that come first decide until
    others are heard: 4 times the number of those that you fear keeps them out."""
    holdout: float = 0.1
    """Share of queries, by hash, that are scored and never learned from; and half as large a share of the sources."""
    coverage_floor: float = 0.5
    """A promoted state must put at least this share of the number of distinct candidates first that identity does."""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a store is made with. It does not change, because replay rests on it."""

    dim: int
    learning: Learning = Learning()
    guard: Guard = Guard()
    keep: int = 100_000
    """Rankings that are kept; the oldest are removed with their feedback."""
    keep_days: float = 90.0

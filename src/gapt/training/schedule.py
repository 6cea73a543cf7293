"""When GAPT's discriminator learns (Wu et al., arXiv 2511.17879, section 4.2).

Left to itself a discriminator wins, and its reward is flat where it has won. So it learns at fixed
intervals first, and after that only while the policy fools it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from gapt.models.transformer import Count


class TwoPhase(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The two-phase schedule. It holds no state: what it goes by is the run's log.

    Attributes:
        first: updates of the policy in the first phase.
        every: in the first phase, the discriminator learns at each `every`-th of them.
        threshold: tau; in the second phase it learns when the mean of the last `window`
            adversarial rewards, -log(1 - D), is above this: above 1, when the policy passes for
            real with a probability of more than 1 - 1/e, or 63 %.
        window: see `threshold`.
    """

    first: Annotated[int, Meta(ge=0)] = 200
    every: Count = 5
    threshold: Annotated[float, Meta(ge=-1e6, le=1e6)] = 1.0  # no NaN, which nothing is above
    window: Count = 3

    def learns(self, update: int, realism: Sequence[float]) -> bool:
        """Whether the discriminator learns in the policy's `update`, counted from 0.

        Args:
            update: the one that is being made.
            realism: the mean adversarial reward of every update so far, this one's last.
        """
        if update < self.first:
            return update % self.every == self.every - 1
        last = realism[-self.window :]
        return sum(last) / len(last) > self.threshold


ALWAYS = TwoPhase(first=0, threshold=0.0)
"""At every update: no adversarial reward is below 0."""

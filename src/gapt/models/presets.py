"""Named sizes. `paper` is the published one; `small` trains on a laptop; `tiny` is for tests."""

from __future__ import annotations

from gapt.models.transformer import TransformerConfig

POLICY_PRESETS = {
    "tiny": TransformerConfig(dim=32, layers=2, heads=2),
    "small": TransformerConfig(dim=192, layers=4, heads=6),
    "paper": TransformerConfig(dim=512, layers=8, heads=8, dropout=0.1),
}

"""Named sizes: `small` trains on a laptop, `tiny` is for tests, `paper` has the published ones.

Except that its policy attends to 192 frames, of windows of 256.
"""

from __future__ import annotations

from gapt.models.transformer import TransformerConfig

POLICY_PRESETS = {
    "tiny": TransformerConfig(dim=32, layers=2, heads=2),
    "small": TransformerConfig(dim=192, layers=4, heads=6),
    "paper": TransformerConfig(dim=512, layers=8, heads=8, dropout=0.1),
}

JUDGE_PRESETS = {
    "tiny": TransformerConfig(dim=32, layers=2, heads=2),
    "small": TransformerConfig(dim=128, layers=3, heads=4),
    "paper": TransformerConfig(dim=512, layers=6, heads=8, dropout=0.1),
}
"""Encoders of the judges. The published ones have 6 heads, which do not divide their width of 512
for rotary positions; ours have 8."""

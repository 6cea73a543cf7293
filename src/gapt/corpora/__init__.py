"""Corpora: a reader for each published one, all returning lead sheets; the cached one; batches.

Knows no model. Adding a corpus means adding one reader and naming it in `prepare.READERS`.
"""

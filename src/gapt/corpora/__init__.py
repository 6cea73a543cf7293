"""Corpora: one reader per published corpus, all returning lead sheets, and the cached corpus.

Knows no model. Adding a corpus means adding one reader and naming it in `prepare.READERS`.
"""

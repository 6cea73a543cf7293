"""Retrieval and classification, against cases worked out by hand."""

import pytest
import torch

from gapt.evaluation.judging import classification, retrieval


def test_retrieval_by_hand():
    # Row 0 finds its own second, row 1 first, row 2 third; columns: first, first, second... by
    # counting: column 0 holds 2, 1, 3 (own 2: second); column 1 holds 3, 5, 4 (own 5: first);
    # column 2 holds 1, 0, 2 (own 2: first).
    scores = torch.tensor([[2.0, 3.0, 1.0], [1.0, 5.0, 0.0], [3.0, 4.0, 2.0]])
    found = retrieval(scores)
    assert found["recall_at_1"] == pytest.approx(3 / 6)
    assert found["recall_at_5"] == 1
    assert found["map_at_10"] == pytest.approx((1 / 2 + 1 + 1 / 3 + 1 / 2 + 1 + 1) / 6)


def test_indifference_earns_nothing():
    found = retrieval(torch.zeros(20, 20))
    assert found == {"recall_at_1": 0, "recall_at_5": 0, "recall_at_10": 0, "map_at_10": 0}


def test_classification_by_hand():
    figures = classification(torch.tensor([0.9, 0.8, 0.2]), torch.tensor([0.7, 0.1, 0.3]))
    assert figures["precision"] == pytest.approx(2 / 3)
    assert figures["recall"] == pytest.approx(2 / 3)
    assert figures["f1"] == pytest.approx(2 / 3)
    nothing = classification(torch.zeros(3), torch.zeros(3))
    assert nothing == {"precision": 0, "recall": 0, "f1": 0}

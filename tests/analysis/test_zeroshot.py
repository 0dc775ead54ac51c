"""From scores to words: worked out by hand."""

from __future__ import annotations

import numpy as np

from reelmill.analysis.tagging.fitting import fitting_tags, softmax
from reelmill.analysis.tagging.labels import Label, LabelSet

PLACE = LabelSet("place", (Label("beach", "a beach"), Label("forest", "a forest"), Label(None, "elsewhere")))
TIME = LabelSet("time", (Label("night", "at night"), Label("beach", "sand")))


def test_probabilities_sum_to_one_however_large_the_logits() -> None:
    rows = softmax(np.array([[1000.0, 1000.0], [0.0, np.log(3.0)]], np.float32))
    np.testing.assert_allclose(rows, [[0.5, 0.5], [0.25, 0.75]], rtol=1e-6)


def test_a_word_needs_to_fit_a_quarter_of_the_frames() -> None:
    """Eight frames; two are sure to be of a beach, one of a forest, the others of neither."""
    sure = {"beach": [9.0, 0.0, 0.0], "forest": [0.0, 9.0, 0.0], "else": [0.0, 0.0, 9.0]}
    shows = ["else", "beach", "else", "else", "forest", "beach", "else", "else"]
    logits = np.array([sure[what] for what in shows], np.float32)
    (tag,) = fitting_tags(logits, [float(second) for second in range(8)], [PLACE], "tiny")
    assert (tag.name, tag.confidence) == ("beach", 0.95)
    assert tag.evidence == {
        "back_end": "tiny", "looks_like": "a beach", "pictures": "2 of 8", "best_at_seconds": [1.0, 5.0]
    }  # fmt: skip


def test_confidence_is_the_mean_of_the_best_quarter() -> None:
    """Probabilities 0.9, 0.6, 0.5 and 0.5 of the first word, twice: the best two are 0.9."""
    shares = [0.9, 0.6, 0.5, 0.5] * 2
    logits = np.log(np.array([[share, 1 - share] for share in shares], np.float32))
    label_set = LabelSet("look", (Label("warm", "red"), Label("cold", "blue")))
    (warm, cold) = fitting_tags(logits, list(map(float, range(8))), [label_set], "tiny")
    assert (warm.name, warm.confidence, warm.evidence["best_at_seconds"]) == ("warm", 0.9, [0.0, 4.0])
    assert (cold.name, cold.confidence) == ("cold", 0.5)


def test_a_word_of_two_sets_is_named_once_with_the_surer_score() -> None:
    logits = np.log(np.array([[0.6, 0.2, 0.2, 0.2, 0.8]], np.float32))
    (tag,) = fitting_tags(logits, [0.0], [PLACE, TIME], "tiny")
    assert (tag.name, tag.confidence, tag.evidence["looks_like"]) == ("beach", 0.8, "sand")

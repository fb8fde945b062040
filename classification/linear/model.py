"""What training a linear machine found, and how it judges texts."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from classification.linear.planes import Opinion, Planes
from classification.shared.calibration import Logistic, softmax
from classification.shared.parts import Judgement, PartsJudge
from classification.shared.tfidf import Vocabulary, count, weigh


@dataclass(frozen=True)
class LinearModel:
    """What training found."""

    classes: tuple[str, ...]
    vocabulary: Vocabulary
    planes: Planes
    temperature: float
    selector: Logistic
    parts_judge: PartsJudge
    floor: float

    def features(self, texts: Sequence[str]) -> csr_array:
        """TF-IDF of texts: float32 [texts, grams]."""
        counts = count(self.vocabulary, texts)
        weighed = weigh(counts, self.planes.rarities, self.vocabulary.words_end)
        return weighed.astype(np.float32)

    def judge(self, texts: Sequence[str]) -> Judgement:
        opinion = self.planes.opinion(
            self.features(texts), self.vocabulary.words_end, len(self.classes)
        )
        return self.judge_opinion(opinion)

    def judge_opinion(self, opinion: Opinion) -> Judgement:
        probabilities = softmax(opinion.scores, self.temperature)
        evidence = opinion.evidence(probabilities, len(self.classes))
        return Judgement(probabilities, self.selector.probability(evidence))

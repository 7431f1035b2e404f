"""Sub-words: pieces of words that training texts have in common, learnt by byte-pair encoding.

Sennrich, Haddow, Birch: Neural machine translation of rare words with subword units. ACL 2016. The
pieces are learnt by the library ``tokenizers``; a word is then cut into the longest known pieces
from its beginning on (Wu et al., arXiv:1609.08144, 2016), which needs the list of pieces alone, so
that a finished model needs no library.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence

from sequela.batches.notes import frequent
from sequela.errors import MissingDependencyError, install_line

__all__ = ["BLANK", "Cutter", "learnt"]

#: The mark of a word's beginning.
BLANK = "▁"
# Words whose pieces are kept at hand.
_CACHED = 100_000


class Cutter:
    """The pieces of words, the longest known one first.

    Args:
        known: pieces; a character that is none of them is a piece of its own.
    """

    def __init__(self, known: Collection[str]) -> None:
        self._known = frozenset(known)
        self._longest = max(map(len, known), default=1)
        self._seen: dict[str, list[str]] = {}

    def __call__(self, word: str) -> list[str]:
        """Its pieces in order; joined they are the word, with its mark if it has one."""
        if word not in self._seen:
            if len(self._seen) >= _CACHED:
                self._seen.clear()
            self._seen[word] = self._cut(word)
        return self._seen[word]

    def _cut(self, word: str) -> list[str]:
        found, start = [], 0
        while start < len(word):
            stops = range(min(len(word), start + self._longest), start + 1, -1)
            stop = next((stop for stop in stops if word[start:stop] in self._known), start + 1)
            found.append(word[start:stop])
            start = stop
        return found


def learnt(texts: Iterable[Sequence[str]], most: int, min_texts: int) -> list[str]:
    """The pieces that are used in enough texts, the most frequent first.

    Args:
        texts: of the TRAINING part only, each as its words.
        most: pieces that are learnt, the characters included.
        min_texts: pieces of fewer texts are left out, and words are cut into smaller ones.

    Raises:
        MissingDependencyError: ``tokenizers`` is not installed.
    """
    try:
        from tokenizers import Tokenizer, models, trainers
    except ImportError:
        raise MissingDependencyError(
            "sub-words", wanted="the library tokenizers", todo=install_line("subwords")
        ) from None
    texts = [list(words) for words in texts]
    counts = Counter(word for words in texts for word in words)
    tokenizer = Tokenizer(models.BPE())
    trainer = trainers.BpeTrainer(vocab_size=most, show_progress=False)
    # Each word as often as it stands there, in an order that does not depend on that of the texts.
    tokenizer.train_from_iterator(sorted(counts.elements()), trainer)
    cut = Cutter(tokenizer.get_vocab())
    pieces = {word: {*cut(word), *word} for word in counts}
    used: Counter[str] = Counter()
    for words in texts:
        used.update({piece for word in words for piece in pieces[word]})
    return frequent(used, min_texts)

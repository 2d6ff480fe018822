"""Meaning as numbers: the sentence model all-MiniLM-L6-v2 in numpy alone, no framework and no hub.

Six layers of BERT with 12 heads of 32, read from the model's own weights; a sentence is the mean of its tokens' last
states, brought to length 1. What it has to do like the original: words are cut as `bert-base-uncased` cuts them (lower
case, without accents, greedy pieces), GELU is the exact one, the variance is kept above 1e-12.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from runner.errors import AuditRefused
from runner.store.process import environment

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[np.float32]

NAME, DIMENSION = "all-MiniLM-L6-v2", 384
WEIGHTS, VOCABULARY = "model.safetensors", "vocab.txt"
_LAYERS, _HEADS, _TINY = 6, 12, 1e-12
#: Pieces of one sentence that are looked at; the model was trained with half as many.
_PIECES = 256
#: Characters of the longest word that is cut into pieces.
_LONGEST = 100
#: Sentences whose vectors are remembered: many events say the same.
_REMEMBERED = 4096


class MiniLm:
    """The model whose files are in `folder`; they are read at the first sentence."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._model: _Model | None = None
        self._one = lru_cache(_REMEMBERED)(self._vector)

    @property
    def name(self) -> str:
        """The model's name, as collections record it."""
        return NAME

    @property
    def dimension(self) -> int:
        """The numbers of one vector."""
        return DIMENSION

    def embed(self, sentences: Sequence[str]) -> list[list[float]]:
        """A vector of length 1 for each sentence. Raises AuditRefused when the model is not installed."""
        return [list(self._one(sentence)) for sentence in sentences]

    def _vector(self, sentence: str) -> tuple[float, ...]:
        if self._model is None:
            self._model = _read(self._folder)
        return tuple(self._model.vector(sentence))


def packed(vector: Sequence[float]) -> bytes:
    """A vector as it is kept: 32-bit numbers in the machine's order."""
    import numpy as np

    return np.asarray(vector, dtype=np.float32).tobytes()


def cosines(vectors: Sequence[bytes], wanted: Sequence[float]) -> list[float]:
    """How near packed vectors of length 1 are to another one: 1 for the same direction, 0 for nothing in common."""
    import numpy as np

    matrix = np.frombuffer(b"".join(vectors), dtype=np.float32).reshape(len(vectors), len(wanted))
    return [float(value) for value in matrix @ np.asarray(wanted, dtype=np.float32)]


def _read(folder: Path) -> _Model:
    try:
        # More threads gain nothing on one sentence, and lose much on a machine that is busy.
        with environment("OPENBLAS_NUM_THREADS", "1"):
            import numpy  # noqa: F401 - said here, where the remedy is known
    except ImportError as error:
        raise AuditRefused("the numpy package is missing", "pip install 'runner[semantic]'") from error
    try:
        words = (folder / VOCABULARY).read_text(encoding="utf-8").split("\n")
        return _Model(_tensors(folder / WEIGHTS), {word: number for number, word in enumerate(words) if word})
    except (OSError, ValueError, KeyError) as error:
        raise AuditRefused(f"no model {NAME} in {folder}", "Fetch it once: runner audit setup-semantic") from error


def _tensors(path: Path) -> dict[str, Array]:
    """The arrays of a safetensors file: the length of a JSON header, the header, the numbers."""
    import numpy as np

    data = path.read_bytes()
    size = int.from_bytes(data[:8], "little")
    header: dict[str, Any] = json.loads(data[8 : 8 + size])
    found = {}
    for name, about in header.items():
        if about.get("dtype") == "F32":
            start, end = (8 + size + offset for offset in about["data_offsets"])
            found[name] = np.frombuffer(data[start:end], dtype="<f4").reshape(about["shape"])
    return found


class _Model:
    def __init__(self, tensors: dict[str, Array], words: dict[str, int]) -> None:
        self._t = tensors
        self._words = words
        self._unknown, self._first, self._last = (words[name] for name in ("[UNK]", "[CLS]", "[SEP]"))

    def vector(self, sentence: str) -> list[float]:
        """The mean of the last states, of length 1."""
        import numpy as np

        mean = self._states(self.numbers(sentence)).mean(axis=0)
        return [float(value) for value in mean / max(float(np.linalg.norm(mean)), _TINY)]

    def numbers(self, sentence: str) -> list[int]:
        """The pieces of a sentence, between its first and its last mark."""
        found = [number for word in _words(sentence) for number in self._pieces(word)]
        return [self._first, *found[: _PIECES - 2], self._last]

    def _pieces(self, word: str) -> list[int]:
        """The longest known beginning, then the longest known continuation of it, and so on."""
        found: list[int] = []
        start = 0
        while start < len(word) <= _LONGEST:
            end = len(word)
            mark = "##" if start else ""
            while end > start and mark + word[start:end] not in self._words:
                end -= 1
            if end == start:
                return [self._unknown]
            found.append(self._words[mark + word[start:end]])
            start = end
        return found or [self._unknown]

    def _states(self, numbers: list[int]) -> Array:
        t = self._t
        x = (
            t["embeddings.word_embeddings.weight"][numbers]
            + t["embeddings.position_embeddings.weight"][: len(numbers)]
            + t["embeddings.token_type_embeddings.weight"][0]
        )
        x = self._normed(x, "embeddings.LayerNorm")
        for layer in range(_LAYERS):
            at = f"encoder.layer.{layer}."
            x = self._normed(x + self._attention(x, f"{at}attention."), f"{at}attention.output.LayerNorm")
            inner = _gelu(self._dense(x, f"{at}intermediate.dense"))
            x = self._normed(x + self._dense(inner, f"{at}output.dense"), f"{at}output.LayerNorm")
        return x

    def _attention(self, x: Array, at: str) -> Array:
        import numpy as np

        def heads(name: str) -> Array:
            return self._dense(x, f"{at}self.{name}").reshape(len(x), _HEADS, -1).swapaxes(0, 1)

        query, key, value = heads("query"), heads("key"), heads("value")
        scores = query @ key.swapaxes(1, 2) / np.sqrt(np.float32(query.shape[-1]))
        weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
        mixed = (weights / weights.sum(axis=-1, keepdims=True)) @ value
        return self._dense(mixed.swapaxes(0, 1).reshape(x.shape), f"{at}output.dense")

    def _dense(self, x: Array, at: str) -> Array:
        return x @ self._t[f"{at}.weight"].T + self._t[f"{at}.bias"]

    def _normed(self, x: Array, at: str) -> Array:
        import numpy as np

        away = x - x.mean(axis=-1, keepdims=True)
        spread = np.sqrt((away * away).mean(axis=-1, keepdims=True) + np.float32(_TINY))
        return np.asarray(away / spread * self._t[f"{at}.weight"] + self._t[f"{at}.bias"], dtype=np.float32)


def _gelu(x: Array) -> Array:
    """Every x times the normal distribution up to it; erf by formula 7.1.26 of Abramowitz and Stegun, to 1.5e-7."""
    import numpy as np

    z = np.abs(x) / np.float32(2**0.5)
    t = 1 / (1 + np.float32(0.3275911) * z)
    factors = (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592)
    polynomial = np.zeros_like(t)
    for factor in factors:
        polynomial = (polynomial + np.float32(factor)) * t
    erf = 1 - polynomial * np.exp(-z * z)
    return np.asarray(x * (1 + np.sign(x) * erf) / 2, dtype=np.float32)


def _words(sentence: str) -> Iterator[str]:
    """Words and signs: lower case, no accents, no control characters; each sign and each CJK character alone."""
    spaced = "".join(map(_spaced, unicodedata.normalize("NFD", sentence.lower())))
    return iter(spaced.split())


@lru_cache(4096)
def _spaced(char: str) -> str:
    kind = unicodedata.category(char)
    if char.isspace():
        return " "
    if kind == "Mn" or kind.startswith("C"):
        return ""
    alone = kind.startswith("P") or (char.isascii() and not char.isalnum()) or _CJK.match(char)
    return f" {char} " if alone else char


_CJK = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0002fa1f]")

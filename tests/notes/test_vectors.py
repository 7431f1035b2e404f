from __future__ import annotations

import numpy as np
import pytest

from sequela.errors import DataError
from sequela.notes import read_vectors


def test_glove_and_word2vec(tmp_path):
    path = tmp_path / "glove.txt"
    path.write_bytes("the 1 2.5\né -1 0\r\n. . 3 4\nthe 9 9\n".encode())
    words, values = read_vectors(path)
    assert words == ["the", "é", ". ."]
    assert values.dtype == np.float32
    assert values.tolist() == [[1, 2.5], [-1, 0], [3, 4]]
    assert read_vectors(path, keep={"é"}).words == ["é"]
    path.write_text("2 2\na 1 2\nb 3 4 \n")
    assert read_vectors(path).values.tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"a 1 2\ncanary 1\n", "line 2 of .*wanted a word and 2 finite numbers"),
        (b"a 1 2\nb 1 canary\n", "line 2 "),
        (b"a 1 nan\n", "line 1 "),
        (b"a\n", "line 1 "),
        (b"", "none of the wanted words"),
        (b"a 1 \xff\n", "no UTF-8"),
    ],
)
def test_other_files(tmp_path, content, words):
    path = tmp_path / "x.txt"
    path.write_bytes(content)
    with pytest.raises(DataError, match=words) as caught:
        read_vectors(path)
    assert "canary" not in str(caught.value).replace(str(tmp_path), "")
    with pytest.raises(DataError, match="no such file"):
        read_vectors(tmp_path / "none")

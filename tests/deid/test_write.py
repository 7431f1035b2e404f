"""What the writers of cleaned notes refuse."""

from __future__ import annotations

import pytest

from sequela.deid.write import FORMS, MARKED_FORMS, write_notes
from sequela.errors import DataError


def test_a_repeated_id_is_refused_in_each_form(tmp_path):
    rest = {"meds": {"code": "NOTE"}} | {form: {"spans": []} for form in MARKED_FORMS}
    for form in FORMS:
        twice = [{"id": "n", "text": "x", **rest.get(form, {})}] * 2
        (tmp_path / form).mkdir()
        with pytest.raises(DataError, match="note 2: got an id that stood before"):
            write_notes(form, tmp_path / form, twice)

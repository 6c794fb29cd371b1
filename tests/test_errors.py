"""Messages of errors: a sentence is not buried by a name in it."""

from core.errors import ProviderPaused, StudyError


def test_a_very_long_word_is_cut_and_the_sentence_around_it_is_whole() -> None:
    path = "/" + "folder/" * 40

    assert str(StudyError(f"The label {'x' * 5000!r} is unknown. Rename it.")) == (
        f"The label '{'x' * 199}… is unknown. Rename it."
    )
    assert str(StudyError(f"There is no file {path}.")) == f"There is no file {path}."
    assert len(str(ProviderPaused("y" * 900, seconds=1.0))) == 201

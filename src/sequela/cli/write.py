"""`sequela write`: text that a model writes of its own, or from another text."""

from __future__ import annotations

from pathlib import Path

__all__ = ["run"]


def run(
    model: Path,
    prompt: str,
    *,
    length: int,
    temperature: float,
    top_k: int | None,
    seed: int,
    picture: Path | None,
) -> None:
    """Prints the text; ``picture`` shows what a translator looked at, and only that."""
    from sequela import bundle
    from sequela.errors import BundleError, ConfigError

    kind = bundle.load(model).preparation.get("kind")
    if kind == "stream":
        from sequela.train.from_streams import written

        if picture is not None:
            raise ConfigError("option --map", got="a language model", wanted="one that translates")
        options = {"temperature": temperature, "top_k": top_k, "seed": seed}
        # A text begins where a line does.
        print(prompt + written(model, prompt or "\n", length, **options))
    elif kind == "pairs":
        _translate(model, prompt, picture)
    else:
        raise BundleError(f"model {model}", got=f"one of {kind}", wanted="one that writes")


def _translate(model: Path, text: str, picture: Path | None) -> None:
    from sequela.train.from_pairs import answered

    found = answered(model, text)
    if picture is not None:
        from sequela.files import atomic_write
        from sequela.report.figures import attention_figure, standalone

        svg = attention_figure(found.read, [*found.tokens, "(end)"], found.attention)
        atomic_write(picture, standalone(svg))
    print(found.text)

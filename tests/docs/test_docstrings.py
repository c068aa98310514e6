"""The examples in the docstrings of what is public do what they say."""

import doctest
import inspect
from collections.abc import Iterator

import pytest

import headrace

FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.IGNORE_EXCEPTION_DETAIL


def examples() -> Iterator[doctest.DocTest]:
    parser = doctest.DocTestParser()
    for name in headrace.__all__:
        thing = getattr(headrace, name)
        members = vars(thing).items() if inspect.isclass(thing) else ()
        for full, docstring in [(name, thing.__doc__), *((f"{name}.{key}", each.__doc__) for key, each in members)]:
            if isinstance(docstring, str) and ">>>" in docstring:
                yield parser.get_doctest(inspect.cleandoc(docstring), {}, full, None, None)


@pytest.mark.parametrize("example", sorted(examples()), ids=lambda example: example.name)
def test_the_example_of_a_docstring_does_what_it_says(example: doctest.DocTest) -> None:
    app = headrace.App("memory://", settings=headrace.Settings())

    @app.task
    def resize(path: str, width: int = 100) -> str:
        return f"{path} at {width}"

    example.globs.update(headrace=headrace, app=app, resize=resize)
    said: list[str] = []
    with app:
        outcome = doctest.DocTestRunner(optionflags=FLAGS).run(example, out=said.append)
    assert outcome.attempted
    assert not outcome.failed, "".join(said)

"""The query language: what is understood, what is refused with what advice, and that text and value are one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.core.errors import BadQuery
from headrace.core.jobs import STATES
from headrace.core.query import KEYS_MAX, QUERY_MAX, TERMS_MAX, WILDCARDS_MAX, Query, parse
from headrace.core.terms import NUMBERS, TEXTS, Data, Number, States, Text, compares, fits

texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)
patterns = st.lists(texts, min_size=1, max_size=4).map(tuple)
whole = st.integers(0, 1 << 40)
signs = st.sampled_from(("=", "<", "<=", ">", ">="))
paths = st.lists(st.one_of(texts, texts.map("[{}]".format), st.integers(0, 10**9 - 1)), min_size=1, max_size=3).map(
    tuple
)
terms = st.one_of(
    st.builds(States, st.lists(st.sampled_from(STATES), min_size=1, unique=True).map(tuple), st.booleans()),
    st.builds(Text, st.sampled_from(TEXTS), patterns, st.booleans()),
    st.builds(Number, st.sampled_from([name for name in NUMBERS if name != "age"]), signs, whole, st.booleans()),
    st.builds(Number, st.just("age"), st.sampled_from(("<", ">=")), st.integers(0, 10**11), st.booleans()),
    st.builds(Data, paths, st.just("="), patterns, st.booleans()),
    st.builds(
        Data,
        paths,
        st.sampled_from(("<", ">=")),
        st.integers(-(10**30), 10**30).map(lambda number: (str(number),)),  # longer ones are no numbers to it
        st.booleans(),
    ),
)


@given(st.lists(terms, max_size=6).map(tuple))
def test_the_text_of_a_query_is_that_query(found: tuple[States | Text | Number | Data, ...]) -> None:
    query = Query(found)
    assert parse(str(query)) == query


@given(st.one_of(st.text(), st.text('statenmdigeyx:<=>*.,-"\\ \t15\0', max_size=40)))
def test_any_text_is_a_query_or_is_refused_with_a_place_and_advice(text: str) -> None:
    query, bad = read(text)
    if query is None:
        assert bad is not None
        assert isinstance(bad.position, int)
        assert 1 <= bad.position <= max(len(text), 1)
        assert bad.problem
    else:
        assert parse(str(query)) == query


def read(text: str) -> tuple[Query | None, BadQuery | None]:
    try:
        return parse(text), None
    except BadQuery as bad:
        return None, bad


@pytest.mark.parametrize(
    ("text", "term"),
    [
        ("state:failed", States(("failed",))),
        ("failed", States(("failed",))),
        ("failed,delayed,failed", States(("failed", "delayed"))),
        ("-state:waiting-children", States(("waiting-children",), is_negated=True)),
        ("mail", Text("queue", ("mail",))),
        ("name:send*", Text("name", ("send", ""))),
        (r"name:a\*b", Text("name", ("a*b",))),
        ('name:"a * b"', Text("name", ("a * b",))),
        ('name:"a b"*', Text("name", ("a b", ""))),
        ('name:""', Text("name", ("",))),
        ("name:<b", Text("name", ("<b",))),
        ("id:a:b:c", Text("id", ("a:b:c",))),
        ("-error:Timeout", Text("error", ("Timeout",), is_negated=True)),
        ("age:>1h", Number("age", ">", 3_600_000)),
        ("age:<=1.5h", Number("age", "<=", 5_400_000)),
        ("priority:5", Number("priority", "=", 5)),
        ("attempts:>=3", Number("attempts", ">=", 3)),
        ("data.user:42", Data(("user",), "=", ("42",))),
        ("data.user.name:A*", Data(("user", "name"), "=", ("A", ""))),
        (r"data.user\.name:x", Data(("user.name",), "=", ("x",))),
        ("data.items[0].sku:x*", Data(("items", 0, "sku"), "=", ("x", ""))),
        ("-data.grid[1][02]:<3", Data(("grid", 1, 2), "<", ("3",), is_negated=True)),
        ("data[7]:x", Data((7,), "=", ("x",))),
        ("data.[7]:x", Data(("", 7), "=", ("x",))),
        ('data."items[0]":x', Data(("items[0]",), "=", ("x",))),
        (r"data.items\[0]:x", Data(("items[0]",), "=", ("x",))),
        ("data.items.0:x", Data(("items", "0"), "=", ("x",))),
        ('data."a b".c:>=-1.5', Data(("a b", "c"), ">=", ("-1.5",))),
    ],
)
def test_terms(text: str, term: object) -> None:
    assert parse(text).terms == (term,)
    assert parse(f"  {text}\n mail ").terms == (term, Text("queue", ("mail",)))


@pytest.mark.parametrize(
    ("text", "position", "problem"),
    [
        ("mail sate:failed", 6, "asks for 'sate'; did you mean state?"),
        ("x:1", 1, "asks for 'x'; there is state, queue, name, id, error, priority, attempts, age, data"),
        ("state:faild", 1, "names the unknown state 'faild'; did you mean failed?"),
        ("name:", 1, 'has no value; for an empty text write ""'),
        ('  name:"a b', 3, "has a quote that does not end; close it"),
        ("name:a\\", 1, "ends with a backslash; write two for one"),
        ("name:a\0", 7, "is no text; leave it out"),
        ("--limit", 1, "begins with two minus signs; one is enough to say not"),
        ('""', 1, "is empty; leave it out"),
        ("priority:high", 1, "compares with 'high'; write a whole number, as in priority:>=3"),
        ("priority:>", 1, "compares with ''; write a whole number, as in priority:>=3"),
        ("attempts:-1", 1, "compares with '-1'; write a whole number, as in attempts:>=3"),
        ("age:1h", 1, "fits one millisecond only; write age:>1h or age:<1h"),
        ("age:>long", 1, 'is no span of time; write "30s", "15m", "7d" or a number of seconds'),
        ("data:5", 1, f"needs 1 to {KEYS_MAX} keys, as in data.user:42"),
        ("data.list[*].a:5", 1, "has a bracket that is no index; write data.list[0], or quote the key"),
        ("data.list[-1]:5", 1, "has a bracket that is no index; write data.list[0], or quote the key"),
        ("data.list[0]x:5", 1, "has a bracket that is no index; write data.list[0], or quote the key"),
        ("data.list[1000000000]:5", 1, "has a bracket that is no index; write data.list[0], or quote the key"),
        ("data.a" + "[0]" * KEYS_MAX + ":5", 1, f"needs 1 to {KEYS_MAX} keys, as in data.user:42"),
        ("name[0]:a", 1, "has keys after 'name'; only data has them, as in data.user:42"),
        ("data.size:>big", 1, "compares with what is no number; write one, as in data.size:>100"),
        ("name.first:a", 1, "has keys after 'name'; only data has them, as in data.user:42"),
        ("name:" + "*" * (WILDCARDS_MAX + 1), 1, f"has more than {WILDCARDS_MAX} stars; leave some out"),
        ("a " * (TERMS_MAX + 1), 1, f"has more than {TERMS_MAX} terms; ask for less"),
        ("a" * (QUERY_MAX + 1), 1, f"is longer than {QUERY_MAX} signs; ask for less"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(text: str, position: int, problem: str) -> None:
    with pytest.raises(BadQuery) as bad:
        parse(text)
    assert (bad.value.position, bad.value.problem) == (position, problem)


def test_a_query_says_where_to_look() -> None:
    assert parse("").states() == STATES
    assert parse("failed,delayed -delayed").states() == ("failed",)
    assert parse("failed delayed").states() == ()
    query = parse("queue:mail* -queue:mail-dead name:x")
    assert [query.admits(queue) for queue in ("mail", "mail-dead", "post")] == [True, False, False]
    assert parse("mail queue:post* -queue:x").names_queues() == ("mail",)


@pytest.mark.parametrize(
    ("pattern", "text", "is_like"),
    [
        (("a",), "a", True),
        (("a",), "ab", False),
        (("a", ""), "ab", True),
        (("", "b"), "ab", True),
        (("", ""), "", True),
        (("a", "a"), "a", False),
        (("a", "b", "c"), "a-b-c", True),
        (("a", "b", "b", "c"), "a-b-c", False),
        (("ab", "ba"), "aba", False),
        (("[a]", ""), "[a]b", True),
    ],
)
def test_a_star_stands_for_any_text(pattern: tuple[str, ...], text: str, is_like: bool) -> None:
    assert fits(pattern, text) is is_like


@pytest.mark.parametrize(("sign", "fitting"), [("=", {2}), ("<", {1}), ("<=", {1, 2}), (">", {3}), (">=", {2, 3})])
def test_numbers_compare(sign: str, fitting: set[int]) -> None:
    assert {number for number in (1, 2, 3) if compares(number, sign, 2)} == fitting  # type: ignore[arg-type]

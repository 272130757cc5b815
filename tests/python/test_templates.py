"""Key templates: two memoized functions of one cache never get each other's results."""

from __future__ import annotations

import itertools
import uuid
from typing import Any
from urllib.parse import quote

import pytest
import terrace
from hypothesis import given, settings
from hypothesis import strategies as st
from terrace import _templates, patterns


def function_of(template: str) -> Any:
    """A new function whose parameters are the fields a, b and c of the template, and which returns itself and its arguments."""
    names = [name for name in "abc" if "{" + name + "}" in template]
    scope: dict[str, Any] = {}
    exec(f"def f({', '.join(names)}): return ({template!r}, {', '.join(names)})", scope)
    return scope["f"]


def decorated(cache: terrace.Cache[Any], template: str) -> Any:
    """None: refused, with the way out."""
    try:
        return cache.memoize(key=template)(function_of(template))
    except terrace.ConfigError as refused:
        assert template in str(refused)
        return None


def test_a18_an_argument_cannot_continue_into_another_template() -> None:
    cache: terrace.Cache[Any] = terrace.Cache("users")

    @cache.memoize(key="user:{user_id}")
    def user(user_id: str) -> str:
        return f"public {user_id}"

    @cache.memoize(key="user:{user_id}:secrets")
    def secrets(user_id: str) -> str:
        return f"secret {user_id}"

    for user_id in ("42", "42:secrets", "42%3Asecrets", ":secrets", "", "Zoë", "a b", "a@b.c"):
        assert secrets(user_id) == f"secret {user_id}" and user(user_id) == f"public {user_id}"


PIECES = ["", "u", ":", "-", "{a}", "{b}", ":{a}", "-{b}", "%", "A", "é", "all", "user", "3A", "/", "%2D"]
ARGUMENTS = ["", "a", ":", "-", "1:2", "1-2", "%3A", "%253A", "3A", "A", "é", "è:", "all", "u", "s", "/", "%", "a%", "-%", "\0"]
templates = st.lists(st.sampled_from(PIECES), min_size=1, max_size=5).map("".join).filter(
    lambda text: text.count("{a}") <= 1 and text.count("{b}") <= 1 and text != "")
texts = st.one_of(st.sampled_from(ARGUMENTS), st.text("a1:-%3AéDu", max_size=4), st.text(st.characters(exclude_categories=["Cs"]), max_size=4))


@settings(max_examples=1500, deadline=None)
@given(st.lists(templates, min_size=1, max_size=4, unique=True), st.lists(texts, min_size=1, max_size=5, unique=True))
def test_a18_calls_of_one_cache_never_meet(chosen: list[str], words: list[str]) -> None:
    check(chosen, words)


@pytest.mark.parametrize("name, weaker, chosen, words", [
    ("ALWAYS_RESERVED", frozenset(b"%"), ["u:{a}", "u:{a}:u"], ["x", "x:u"]),
    ("meeting", lambda one, two: None, ["u{a}", "us{a}"], ["sx", "x"]),
], ids=["arguments that are not escaped", "templates that are not compared"])
def test_a18_without_either_rule_calls_would_meet(monkeypatch: pytest.MonkeyPatch, name: str, weaker: Any, chosen: list[str],
                                              words: list[str]) -> None:
    check(chosen, words)
    monkeypatch.setattr(_templates, "meeting", lambda one, two: None)
    monkeypatch.setattr(_templates, name, weaker)
    with pytest.raises(AssertionError):
        check(chosen, words)


def check(chosen: list[str], words: list[str]) -> None:
    cache: terrace.Cache[Any] = terrace.Cache("any")
    seen: dict[bytes, Any] = {}
    for template in chosen:
        function = decorated(cache, template)
        if function is None:
            continue
        fields = sum("{" + name + "}" in template for name in "abc")
        for arguments in itertools.product(words, repeat=fields):
            key = function.key(*arguments)
            assert seen.setdefault(key, (template, arguments)) == (template, arguments)
    cache.close()


@pytest.mark.parametrize("one, two", [
    ("user{a}", "users{a}"), ("u:{a}-{b}", "u:{a}"), ("{a}", "user"), ("u:{a}:x", "u:y:{a}"), ("u:all", "u:{a}"), ("u{a}", "u"),
    ("user:{a}", "user:{b}"), ("{a}x", "y{a}"), ("é{a}", "éé{a}"),
])
def test_a18_templates_that_can_meet_are_refused_in_either_order(one: str, two: str) -> None:
    for first, second in ((one, two), (two, one)):
        cache: terrace.Cache[Any] = terrace.Cache("refused")
        cache.memoize(key=first)(function_of(first))
        with pytest.raises(terrace.ConfigError, match="can make the key"):
            cache.memoize(key=second)(function_of(second))
        assert terrace.Cache("other").memoize(key=second)(function_of(second)) is not None
        del cache


@pytest.mark.parametrize("one, two", [
    ("u:{a}", "u:{a}:x"), ("u:{a}", "u:{a}:{b}"), ("u:{a}", "v:{a}"), ("u-{a}", "u:{a}"), ("{a}", "u:{a}"), ("u:{a}:x", "u:{a}:y"),
    ("page/{a}", "page/{a}/meta"), ("user:{a}", "users"),
])
def test_usual_templates_live_side_by_side(one: str, two: str) -> None:
    cache: terrace.Cache[Any] = terrace.Cache("side by side".replace(" ", "-"))
    assert decorated(cache, one) is not None and decorated(cache, two) is not None


def test_a_refusal_does_not_depend_on_the_garbage_collector() -> None:
    cache: terrace.Cache[Any] = terrace.Cache("gone")
    cache.memoize(key="user{a}")(function_of("user{a}"))  # gone at once; its entries would not be
    assert decorated(cache, "users{a}") is None


def test_two_functions_of_one_template_share_entries_only_when_both_say_so() -> None:
    def one(x: int) -> str:
        return "one"

    def two(x: int) -> str:
        return "two"

    for first, second in ((one, two), (two, one)):
        for shares in ((False, False), (True, False), (False, True)):
            cache: terrace.Cache[Any] = terrace.Cache("twins")
            cache.memoize(key="twin:{x}", shared=shares[0])(first)
            with pytest.raises(terrace.ConfigError, match="shared=True"):
                cache.memoize(key="twin:{x}", shared=shares[1])(second)
            cache.memoize(key="twin:{x}")(first)  # the same again
    cache = terrace.Cache("twins")
    assert cache.memoize(key="twin:{x}", shared=True)(one)(1) == cache.memoize(key="twin:{x}", shared=True)(two)(1) == "one"


def test_the_methods_of_two_classes_or_objects_do_not_meet_in_one_template() -> None:
    cache: terrace.Cache[Any] = terrace.Cache("twins")

    class One:
        def __init__(self, name: str) -> None:
            self.name = name

        def get(self, x: int) -> str:
            return f"one {self.name}"

        twin = cache.memoize(key="twin:{self.name}")(get)

    with pytest.raises(terrace.ConfigError, match="shared=True"):
        class Two(One):
            def get(self, x: int) -> str:
                return f"two {self.name}"

            twin = cache.memoize(key="twin:{self.name}")(get)

    ada, bob = One("ada"), One("bob")
    cache.memoize(key="of:{x}")(ada.get)
    with pytest.raises(terrace.ConfigError, match="self.name"):
        cache.memoize(key="of:{x}")(bob.get)
    named = [cache.memoize(key="named:{self.name}:{x}")(one.get) for one in (ada, bob)]
    assert [function(1) for function in named] == ["one ada", "one bob"] and named[0].key(1) == b"named:ada:1"


def test_closures_of_one_template_differ_when_their_plain_variables_do() -> None:
    def taxed(rate: float, function: Any) -> Any:
        return lambda x: rate * function(x)

    def cost(x: int) -> int:
        return 2 * x

    def app(database: object) -> Any:
        def row(x: int) -> tuple[object, int]:
            return database, x

        return row

    cache: terrace.Cache[Any] = terrace.Cache("closures")
    for _ in range(2):
        cache.memoize(key="taxed:{x}")(taxed(1.2, cost))
    for other in (taxed(1.5, cost), taxed(1.2, abs), taxed(1.2, taxed(1.2, cost))):
        with pytest.raises(terrace.ConfigError, match="shared=True"):
            cache.memoize(key="taxed:{x}")(other)
    by_default = [lambda x, y=number: y for number in (1, 2)]
    cache.memoize(key="default:{x}")(by_default[0])
    with pytest.raises(terrace.ConfigError, match="shared=True"):  # the template leaves it out
        cache.memoize(key="default:{x}")(by_default[1])
    for _ in range(3):  # an application's factory: the program says that the database does not count
        assert cache.memoize(key="row:{x}", shared=True)(app(object()))(1)[1] == 1
    cache.memoize(key="own:{x}")(app(object()))
    with pytest.raises(terrace.ConfigError, match="shared=True"):
        cache.memoize(key="own:{x}")(app(object()))


def test_a_former_definition_does_not_give_its_results_to_the_new_one() -> None:
    cache: terrace.Cache[Any] = terrace.Cache("notebook")
    cell = "@cache.memoize(key='rate:{x}')\ndef rate(x): return x * FACTOR"
    scope: dict[str, Any] = {"cache": cache, "__name__": "notebook"}
    for _ in range(2):  # the same again
        exec(cell.replace("FACTOR", "2"), scope)
        assert scope["rate"](1) == 2
    with pytest.raises(terrace.ConfigError, match="former definition"):
        exec(cell.replace("FACTOR", "3"), scope)


def test_a_template_cannot_imitate_a_function_without_one() -> None:
    cache: terrace.Cache[Any] = terrace.Cache("imitated")

    @cache.memoize
    def plain(x: str) -> str:
        return x

    name = f"{plain.__module__}.{plain.__qualname__}"
    assert decorated(cache, name + "~{a}") is None and decorated(cache, name + "{a}") is not None
    assert decorated(cache, plain.key("").decode()[:-4] + "({a})") is None
    assert decorated(cache, "{a}") is not None


def test_simple_values_stand_in_the_key_as_they_are() -> None:
    cache: terrace.Cache[Any] = terrace.Cache("plain")
    one = decorated(cache, "user:{a}")
    for value in (42, -1, 1.5, "ada", "Zoë Ω", "a-b_c.d@e+f", uuid.UUID(int=7)):
        assert one.key(value) == f"user:{value}".encode()
        one(value)
        assert cache.get(f"user:{value}") == ("user:{a}", value) and cache.delete(f"user:{value}")
    assert one.key("a:b/c%") == b"user:" + quote("a:b/c%", safe="").encode()
    one("42:x"), one("43")
    assert one.invalidate("42:x") is True and cache.invalidate(prefix="user:4") == 1


def test_a_template_without_fields_is_for_functions_without_parameters() -> None:
    cache: terrace.Cache[Any] = terrace.Cache("const")

    @cache.memoize(key="config")
    def config() -> int:
        return 1

    assert config() == 1 and cache["config"] == 1
    for function in (lambda x: x, lambda x=1: x, lambda *rest: 1, lambda **named: 1, lambda self: 1):
        with pytest.raises(terrace.ConfigError, match="names no parameter"):
            cache.memoize(key="const")(function)
    with pytest.raises(terrace.ConfigError, match="names parameters"):
        cache.memoize(key=5)(lambda x: x)  # type: ignore[call-overload]


def named(module: str, qualname: str, result: Any) -> Any:
    """A function of that module and name."""
    scope: dict[str, Any] = {"__name__": module}
    exec(f"def f(x): return {result!r}", scope)
    scope["f"].__qualname__ = qualname
    return scope["f"]


@pytest.mark.parametrize("one, two", [
    (("app.", "users", "get"), ("", "app.users", "get")), (("", "users.x", "get"), ("", "users", "x.get")),
    (("a.", "b", "get"), ("a.b.", "x", "get")), (("", "m", "f"), ("m.f(1:", "m", "f")), (("", "m", "f"), ("m.f#", "m", "f")),
])
def test_functions_whose_names_make_one_text_are_told_apart(one: tuple[str, str, str], two: tuple[str, str, str]) -> None:
    for pair in ((one, two), (two, one)):
        cache: terrace.Cache[Any] = terrace.Cache("prefixes")
        functions = [patterns.CacheDecorator(cache, key_prefix=prefix)(named(module, qualname, number))
                     for number, (prefix, module, qualname) in enumerate(pair)]
        assert [function(1) for function in functions] == [0, 1]


def test_a_function_may_be_memoized_again() -> None:
    cache: terrace.Cache[Any] = terrace.Cache("again")
    for prefix in ("", "app."):
        for _ in range(2):  # as importlib.reload does
            function = patterns.CacheDecorator(cache, key_prefix=prefix)(named("users", "get", prefix))
            assert function(1) == prefix

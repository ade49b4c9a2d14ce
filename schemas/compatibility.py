"""What a change of a schema breaks: today's readers of older records, or older readers of what is written today."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Schema = Mapping[str, Any]

# Keywords that bound a value, and whether a larger number allows more.
_BOUNDS = {
    "minimum": False, "exclusiveMinimum": False, "minLength": False, "minItems": False,
    "maximum": True, "exclusiveMaximum": True, "maxLength": True, "maxItems": True,
}  # fmt: skip
# What a schema says to people only.
_PROSE = {"description", "title", "examples", "$schema"}


@dataclass(frozen=True, slots=True)
class Break:
    """One change that somebody stumbles over: the field, what has become of it, and what to do instead.

    `old_readers` tells that only whoever reads with the older schema is hurt.
    """

    field: str
    what: str
    instead: str
    old_readers: bool = False


def plain(schema: Any) -> Any:
    """Give a schema without what it says to people only: where this is the same, nothing has changed."""
    if isinstance(schema, dict):
        # A property may well be called `title`.
        named = {"properties", "$defs", "mapping"}
        return {
            key: {name: plain(each) for name, each in value.items()} if key in named and isinstance(value, dict) else plain(value)
            for key, value in schema.items()
            if key not in _PROSE
        }  # fmt: skip
    return [plain(each) for each in schema] if isinstance(schema, list) else schema


def breaks(old: Schema, new: Schema) -> Iterator[Break]:
    """Find every breaking change between two JSON Schemas of one message, as pydantic writes them."""
    return _Comparison(old, new).nodes(old, new, "")


class _Comparison:
    def __init__(self, old: Schema, new: Schema) -> None:
        self._old = old
        self._new = new
        self._open: set[tuple[int, int]] = set()

    def nodes(self, old: Schema, new: Schema, at: str) -> Iterator[Break]:
        old, new = _resolved(old, self._old), _resolved(new, self._new)
        # A model that holds itself is compared once.
        here = (id(old), id(new))
        if here in self._open:
            return
        self._open.add(here)
        before, after = _alternatives(old, self._old), _alternatives(new, self._new)
        place = at or "the message"
        if "null" in before and "null" not in after:
            yield Break(place, "may no longer be null", "allow null: older records hold it")
        if "null" in after and "null" not in before:
            yield Break(
                place,
                "may now be null",
                "put it into a new field: older readers refuse null",
                old_readers=True,
            )
        before, after = _without_null(before), _without_null(after)
        if len(before) == len(after) == 1:
            yield from self._values(next(iter(before.values())), next(iter(after.values())), at)
        else:
            yield from self._choices(before, after, at)
        self._open.discard(here)  # fmt: skip

    def _choices(self, before: Mapping[str, Schema], after: Mapping[str, Schema], at: str) -> Iterator[Break]:
        for name, schema in before.items():
            inside = f"{at}[{name}]"
            if name not in after:
                yield Break(inside, "is gone", "keep it: older records hold it")
            else:
                yield from self._values(schema, after[name], inside)
        for name in after:
            if name not in before:
                yield Break(f"{at}[{name}]", "is new", "make it a message of its own", old_readers=True)

    def _values(self, old: Schema, new: Schema, at: str) -> Iterator[Break]:
        old, new = _resolved(old, self._old), _resolved(new, self._new)
        place = at or "the message"
        words, today = _words(old), _words(new)
        if words is not None and today is not None:
            yield from _enum(words, today, place)
            return
        if words is None and today is not None:
            yield Break(place, "may now be a few words only", "allow any: older records hold others")
            return
        if words is not None:
            yield Break(place, "may now be any word", "put it into a new field: older readers know a few words only",
                        old_readers=True)  # fmt: skip
            return
        if (was := _kind(old)) != (now := _kind(new)):
            wider = (was, now) == ("integer", "number")
            yield Break(place, f"was {was} and is {now}", "put it into a new field", old_readers=wider)
            return
        yield from _narrowed(old, new, place)
        yield from self._fields(old, new, at)
        if isinstance(old.get("items"), dict) and isinstance(new.get("items"), dict):
            yield from self.nodes(old["items"], new["items"], f"{at}[]")

    def _fields(self, old: Schema, new: Schema, at: str) -> Iterator[Break]:
        before, after = old.get("properties", {}), new.get("properties", {})
        needed, needs = set(old.get("required", ())), set(new.get("required", ()))
        for name in before:
            field = f"{at}.{name}" if at else name
            if name not in after:
                yield Break(field, "is gone", "keep it, beside what replaces it")
                continue
            if name in needs - needed:
                yield Break(field, "must now be there", "give it a default: older records may lack it")
            if name in needed - needs:
                yield Break(
                    field, "may now be left out", "keep it required: older readers need it", old_readers=True
                )
            yield from self.nodes(before[name], after[name], field)
        for name in sorted(needs - set(before)):
            field = f"{at}.{name}" if at else name
            yield Break(field, "is new and must be there", "give it a default: older records lack it")  # fmt: skip


def _resolved(node: Schema, root: Schema) -> Schema:
    while "$ref" in node:
        found: Any = root
        for step in str(node["$ref"]).removeprefix("#/").split("/"):
            found = found[step]
        node = found
    return node


def _alternatives(node: Schema, root: Schema) -> dict[str, Schema]:
    """What a value may be, by a name that survives a change of the rest."""
    if "discriminator" in node:
        return {word: {"$ref": ref} for word, ref in node["discriminator"]["mapping"].items()}
    choices = node.get("anyOf") or node.get("oneOf")
    if not choices:
        return {"null" if node.get("type") == "null" else "": node}
    found = [(_resolved(choice, root), choice) for choice in choices]
    return {str(whole.get("title") or _kind(whole)): choice for whole, choice in found}


def _without_null(alternatives: Mapping[str, Schema]) -> dict[str, Schema]:
    return {name: schema for name, schema in alternatives.items() if name != "null"}


def _words(schema: Schema) -> set[str] | None:
    if "const" in schema:
        return {str(schema["const"])}
    return {str(word) for word in schema["enum"]} if "enum" in schema else None


def _enum(old: set[str], new: set[str], place: str) -> Iterator[Break]:
    if gone := sorted(old - new):
        yield Break(place, f"may no longer be {', '.join(gone)}", "keep the word: older records hold it")
    if added := sorted(new - old):
        yield Break(place, f"may now be {', '.join(added)}", "put it into a new field: older readers refuse the word",
                    old_readers=True)  # fmt: skip


def _kind(schema: Schema) -> str:
    kind = schema.get("type", "any value")
    return f"{kind} ({schema['format']})" if "format" in schema else str(kind)


def _narrowed(old: Schema, new: Schema, place: str) -> Iterator[Break]:
    for keyword, larger_allows_more in _BOUNDS.items():
        was, now = old.get(keyword), new.get(keyword)
        if was == now:
            continue
        narrower = was is None or (now is not None and (now < was) == larger_allows_more)
        what = f"has {keyword} {'no more' if now is None else now} and had {'none' if was is None else was}"
        instead = (
            "take the wider bound: older records may not fit"
            if narrower
            else "keep it: older readers refuse more"
        )
        yield Break(place, what, instead, old_readers=not narrower)
    if (pattern := new.get("pattern")) != (before := old.get("pattern")):
        yield Break(place, "has another pattern" if pattern else "has no pattern any more", "put it into a new field",
                    old_readers=pattern is None and before is not None)  # fmt: skip

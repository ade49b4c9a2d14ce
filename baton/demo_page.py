"""The pages of the demo inbox as HTML: every text of a message is escaped."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

Message = dict[str, Any]
ENDED = {"resolved": "resolved", "retracted": "withdrawn"}


def page(messages: Sequence[Message], summary: str) -> str:
    return _whole(
        "Inbox",
        f'<main id="received">{received(messages, summary)}</main>\n<script src="/inbox.js"></script>'
        '<noscript><p class="note">Without scripts: reload to see what is new.</p></noscript>',
    )


def case(number: str, story: str) -> str:
    """What a link in a page leads to: the story of the case, as `baton why` tells it."""
    head = f'<p class="back"><a href="/">← inbox</a></p><h1>Case {escape(number)}</h1>'
    return _whole(f"Case {number}", f"<main>{head}<pre>{escape(story)}</pre></main>")


def received(messages: Sequence[Message], summary: str) -> str:
    """The part of the page that changes."""
    pages = [each for each in messages if each["by"] == "webhook"]
    mails = [each for each in messages if each["by"] == "mail"]
    return (
        f'<p class="summary">{escape(summary or "starting")}</p><div class="columns">'
        f"{_column('Pager', 'signed webhook, team care-coordination', pages, _pager_thread)}"
        f"{_column('Mail', 'SMTP, team north', mails, _mail_thread)}</div>"
    )


def _column(title: str, about: str, messages: Sequence[Message], show: Any) -> str:
    threads: dict[str, list[Message]] = {}
    for message in messages:
        threads.setdefault(message["alert"] or message["id"], []).append(message)
    newest_first = sorted(threads.values(), key=lambda thread: str(thread[-1]["at"]), reverse=True)
    cards = "".join(map(show, newest_first)) or '<p class="empty">Nothing yet.</p>'
    head = f"<h2>{title} <small>{escape(about)} · {_count(len(messages), 'message')}</small></h2>"
    return f"<section>{head}{cards}</section>"


def _pager_thread(thread: Sequence[Message]) -> str:
    last = thread[-1]
    status = str(last.get("status"))
    facts = " · ".join(escape(str(last[name])) for name in ("team", "unit") if last.get(name))
    head = (
        f'<header><b class="severity">{escape(str(last.get("severity")))}</b>'
        f'<span class="status">{escape(ENDED.get(status, status))}</span><span class="facts">{facts}</span></header>'
    )
    return _card(
        status,
        str(last.get("severity")),
        head + f'<p class="text">{_linked(str(last["text"]))}</p>' + _steps(thread),
    )


def _mail_thread(thread: Sequence[Message]) -> str:
    last = thread[-1]
    ended = last["reason"] == "resolve"
    severity = next((each for each in ("P1", "P2", "P3", "P4") if f"[{each}]" in last["subject"]), "P3")
    head = (
        f'<header><b class="severity">{severity}</b><span class="status">{"ended" if ended else "open"}</span>'
        f'<span class="facts">{escape(last["from"])} → {escape(last["to"])}'
        f"{' · important' if last['importance'] == 'high' else ''}</span></header>"
    )
    body = f'<p class="text">{escape(last["subject"])}</p><details><summary>the mail</summary><pre>{_linked(last["text"])}</pre></details>'
    return _card("resolved" if ended else "firing", severity, head + body + _steps(thread))


def _card(status: str, severity: str, inside: str) -> str:
    return f'<article class="{escape(status)} {escape(severity)}">{inside}</article>'


def _steps(thread: Iterable[Message]) -> str:
    steps = "".join(
        f"<li><time>{escape(str(each['at'])[11:19])}</time> <b>{escape(each['reason'])}</b> {escape(_state(each))}</li>"
        for each in thread
    )
    return f"<ol>{steps}</ol>"


def _state(message: Message) -> str:
    """What changes from one message of a thread to the next, without the link."""
    said = str(message.get("text") if message["by"] == "webhook" else message["subject"])
    return said.partition(" case ")[0].removeprefix("DEMO ").split(" http", 1)[0]


def _linked(text: str) -> str:
    """Escape a text; links that lead to this inbox can be followed."""
    return "\n".join(" ".join(map(_link, line.split(" "))) for line in text.split("\n"))


def _link(word: str) -> str:
    if not word.startswith("http://127.0.0.1:"):
        return escape(word)
    path = "/" + word.removeprefix("http://").partition("/")[2]
    return f'<a href="{escape(path)}">{escape(word)}</a>'


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _whole(title: str, body: str) -> str:
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>DEMO · {escape(title)} · Baton</title><link rel="stylesheet" href="/inbox.css"></head>
<body><div class="banner"><strong>DEMO</strong> invented people, hours shortened to seconds; times are UTC</div>
{body}
</body></html>
"""

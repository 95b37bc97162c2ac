"""The story of a request in words: a chapter for each execution, the gaps between them named; pure."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from opskit.logs.levels import Level
from opskit.logs.story import Chapter, Story
from opskit.render.canvas import Output
from opskit.render.figures import counted, duration
from opskit.render.logs import Look, fenced, ndjson, shown, styled
from opskit.render.safe import clean
from opskit.render.safe import markdown as escaped

LATER_MS = 1000
"""A pause between two executions that is worth a line."""


def told(story: Story, look: Look) -> str:
    """Return a story that has chapters; as JSON its lines, each with its execution's request id."""
    if look.output is Output.JSON:
        return "\n".join(
            ndjson(replace(event, request_id=chapter.request_id))
            for chapter in story.chapters
            for event in chapter.events
        )
    return "\n".join(_lines(story, look))


def _lines(story: Story, look: Look) -> Iterator[str]:
    heading = "### " if look.output is Output.MARKDOWN else ""
    say = escaped if heading else clean
    yield say(_opening(story))
    ended_ms = story.chapters[0].start_ms
    for place, chapter in enumerate(story.chapters, 1):
        yield ""
        if chapter.start_ms - ended_ms >= LATER_MS:
            yield say(f"... {duration((chapter.start_ms - ended_ms) / 1000)} without a line")
        asked = " (asked for)" if chapter.request_id == story.request_id else ""
        yield heading + styled(say(f"{place}. {_heading(chapter, asked, look)}"), "bold", look)
        # The heading has the request's id.
        lines = [shown(replace(event, request_id=""), look) for event in chapter.events]
        yield (
            fenced(lines)
            if heading
            else "\n".join(f"  {line}" for text in lines for line in text.split("\n"))
        )
        ended_ms = max(ended_ms, chapter.end_ms)
    if story.silent:
        yield ""
        yield say(f"no line of it in {', '.join(story.silent)}")


def _opening(story: Story) -> str:
    linked = f", linked by {', '.join(story.linked)}" if story.linked else ""
    count = counted(len(story.chapters), "execution", "executions")
    return f"request {story.request_id}: {count}{linked}"


def _heading(chapter: Chapter, asked: str, look: Look) -> str:
    at = datetime.fromtimestamp(chapter.start_ms // 1000, look.zone)
    request = f", request {chapter.request_id}{asked}" if chapter.request_id else ""
    when = f"{at:%H:%M:%S}.{chapter.start_ms % 1000:03d}"
    return f"{chapter.worker} at {when}{request}: {_ending(chapter)}{_missing(chapter)}"


def _ending(chapter: Chapter) -> str:
    report = chapter.report
    if report is None:
        spoken = duration((chapter.end_ms - chapter.start_ms) / 1000)
        return f"{_failure(chapter) or 'how it ended is unknown'}, lines over {spoken}"
    took_ms = report.fields.get("durationMs")
    took = f"took {duration(took_ms / 1000)}" if isinstance(took_ms, (int, float)) else "took unknown"
    if report.fields.get("status") == "timeout":
        return f"{took}, timed out"
    if report.level is Level.ERROR:
        return f"{took}, {_failure(chapter) or 'failed'}"
    return f"{took}, {_failure(chapter) or 'no error'}"


def _failure(chapter: Chapter) -> str:
    return f"error: {chapter.error}" if chapter.error else ""


def _missing(chapter: Chapter) -> str:
    """Name the ends that were not found: an execution may still run, or its log level drops these lines."""
    missing = [
        name
        for name, there in (("START", chapter.has_start), ("REPORT", chapter.report is not None))
        if not there
    ]
    return f" (no {' or '.join(missing)} line)" if missing else ""

"""Every case file: what must be found, how bad, since when, what is said of it, and what stays unknown."""

import pytest
from stream_cases import END, Case, cases

from opskit.judge import Judgement


def _told(judgement: Judgement) -> str:
    texts = []
    for finding in judgement.findings:
        texts += [finding.summary, *(item.text for item in finding.evidence), *finding.fix, *finding.avoid]
    return "\n".join(texts)


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_case(case: Case) -> None:
    judgement, expect = case.judged(), case.expect

    found = [f"{f.cause} {f.role} {f.severity} {f.chain}" for f in judgement.findings]
    assert found == expect["findings"]
    assert judgement.verdict == expect["verdict"]
    assert judgement.severity == expect.get("severity", judgement.severity)
    since = {f.cause: (f.since - END) // 60 for f in judgement.findings if f.since is not None}
    assert {cause: since.get(cause) for cause in expect.get("since", {})} == expect.get("since", {})
    for text in expect.get("says", ()):
        assert text in _told(judgement)
    for text in expect.get("says_not", ()):
        assert text not in _told(judgement)
    for text in expect.get("facts", ()):
        assert text in "\n".join(fact.text for fact in judgement.facts)
    gaps = [gap.signal for gap in judgement.gaps]
    assert set(expect.get("gaps", ())) <= set(gaps)
    assert gaps == [] or expect.get("gaps", gaps) != []
    for text in expect.get("gap_says", ()):
        assert text in "\n".join(gap.reason for gap in judgement.gaps)

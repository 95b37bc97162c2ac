"""Asynchronous dead letters and destination records, handed to the function that they are of."""

import dataclasses
import json
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from opskit.aws import session
from opskit.aws.session import Aws
from opskit.redrive.foreseen import Foreseen
from opskit.redrive.kinds import request_of
from opskit.redrive.letter import Letter
from opskit.redrive.outcome import Status
from opskit.redrive.to_function import ToFunction
from tests import faults
from tests import redrive_letters as write
from tests.conftest import REGION, EmbeddedAws

QUEUE = f"arn:aws:sqs:{REGION}:{write.ACCOUNT}:score-failures"


class Lambda:
    """Lambda's Invoke, which answers what it is told and keeps what it was sent."""

    def __init__(self, server: HTTPServer) -> None:
        self.status, self.body, self.headers = 202, b"", {"x-amzn-RequestId": "new-1"}
        self.sent: list[bytes] = []
        self.asked: list[Request] = []
        server.expect_request("/2015-03-31/functions/scoreUsers/invocations").respond_with_handler(
            self._answer
        )

    def refuse(self, status: int, code: str, message: str = "no") -> None:
        self.status, self.body = status, json.dumps({"Type": "User", "message": message}).encode()
        self.headers = {"x-amzn-ErrorType": code}

    def _answer(self, request: Request) -> Response:
        self.sent.append(request.get_data())
        self.asked.append(request)
        return Response(self.body, self.status, self.headers)


@pytest.fixture
def scripted(httpserver: HTTPServer) -> Lambda:
    return Lambda(httpserver)


@pytest.fixture
def function(httpserver: HTTPServer, scripted: Lambda) -> Iterator[ToFunction]:
    aws = Aws(REGION, endpoint_url=httpserver.url_for("").rstrip("/"))
    yield ToFunction(aws, QUEUE, "scoreUsers")
    aws.close()


def test_the_event_is_sent_once_asynchronously_and_confirmed_by_its_request_id(
    scripted: Lambda, function: ToFunction
) -> None:
    (outcome,) = function.deliver([write.async_letter()], "run")
    assert (outcome.status, outcome.new_id) == (Status.CONFIRMED, "new-1")
    assert [one.headers["X-Amz-Invocation-Type"] for one in scripted.asked] == ["Event"]


def test_a_letter_that_comes_back_is_known_by_that_request_id(scripted: Lambda, function: ToFunction) -> None:
    scripted.headers = {"x-amzn-RequestId": "request-5"}
    (outcome,) = function.deliver([write.async_letter()], "run")
    assert request_of(write.async_letter(number=5)) == outcome.new_id


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    deadline=None,
    max_examples=30,
)
@given(body=st.text(min_size=1))
def test_a_dead_letter_s_body_reaches_the_function_byte_by_byte(
    scripted: Lambda, function: ToFunction, body: str
) -> None:
    function.deliver([write.async_letter(body)], "run")
    assert scripted.sent[-1] == body.encode()


def test_a_record_s_payload_reaches_the_function_as_it_stands_there(
    scripted: Lambda, function: ToFunction
) -> None:
    payload = '{ "rate": 1.0, "name":"Zürich \\u2713",\n "twice":1, "twice":2 }'
    function.deliver([Letter("m", write.invocation(payload))], "run")
    assert scripted.sent == [payload.encode()]


@pytest.mark.parametrize(
    ("status", "code", "fate"),
    [
        (429, "TooManyRequestsException", Status.RETRY),
        (403, "AccessDeniedException", Status.RETRY),
        (403, "ExpiredTokenException", Status.RETRY),
        (409, "ResourceConflictException", Status.RETRY),
        (413, "RequestTooLargeException", Status.REFUSED),
        (400, "InvalidRequestContentException", Status.REFUSED),
        (404, "ResourceNotFoundException", Status.REFUSED),
        (500, "ServiceException", Status.DOUBTFUL),
        (502, "ENINotReadyException", Status.DOUBTFUL),
    ],
)
def test_each_refusal_of_lambda_has_its_fate_and_is_not_tried_again(
    scripted: Lambda, function: ToFunction, status: int, code: str, fate: Status
) -> None:
    scripted.refuse(status, code)
    (outcome,) = function.deliver([write.async_letter()], "run")
    assert (outcome.status, outcome.code) == (fate, code)
    assert outcome.reason
    assert len(scripted.sent) == 1


def test_a_payload_that_is_too_large_is_refused_with_lambda_s_words(
    scripted: Lambda, function: ToFunction
) -> None:
    said = "1048588 byte payload is too large for the Event invocation type (limit 1048576 bytes)"
    scripted.refuse(413, "RequestTooLargeException", said)
    (outcome,) = function.deliver([write.async_letter()], "run")
    assert outcome.status is Status.REFUSED
    assert said in outcome.reason


def test_an_answer_that_says_neither_yes_nor_no_is_doubtful(scripted: Lambda, function: ToFunction) -> None:
    scripted.status = 200
    (outcome,) = function.deliver([write.async_letter()], "run")
    assert (outcome.status, outcome.reason) == (Status.DOUBTFUL, "Lambda answered 200, not 202")


def test_no_answer_in_time_is_doubtful(httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "READ_TIMEOUT_S", 0.2)
    with faults.FaultProxy(httpserver.url_for("").rstrip("/"), [faults.slow(2, "lambda", "Invoke")]) as proxy:
        slow = ToFunction(Aws(REGION, endpoint_url=proxy.endpoint), QUEUE, "scoreUsers")
        (outcome,) = slow.deliver([write.async_letter()], "run")
    assert (outcome.status, outcome.code) == (Status.DOUBTFUL, "ReadTimeoutError")


def test_an_endpoint_that_nobody_listens_at_got_nothing() -> None:
    nowhere = ToFunction(Aws(REGION, endpoint_url="http://127.0.0.1:1"), QUEUE, "scoreUsers")
    (outcome,) = nowhere.deliver([write.async_letter()], "run")
    assert (outcome.status, outcome.code) == (Status.RETRY, "EndpointConnectionError")


def test_letters_have_their_fates_in_their_order(scripted: Lambda, function: ToFunction) -> None:
    letters = [write.async_letter(), Letter("m", "{}"), Letter("m", write.invocation())]
    outcomes = function.deliver(letters, "run")
    assert [one.status for one in outcomes] == [Status.CONFIRMED, Status.REFUSED, Status.CONFIRMED]
    assert outcomes[1].reason == "a function takes no letter of kind queue as its event"


def test_a_record_whose_event_lambda_left_out_is_refused(scripted: Lambda, function: ToFunction) -> None:
    said = {key: value for key, value in json.loads(write.invocation()).items() if key != "requestPayload"}
    (outcome,) = function.deliver([Letter("m", json.dumps(said))], "run")
    assert (outcome.status, outcome.code) == (Status.REFUSED, "NoPayload")
    assert scripted.sent == []


# On the embedded AWS, which knows who may be invoked and whose queue it is.


@pytest.fixture
def aws(embedded_aws: EmbeddedAws) -> Iterator[Aws]:
    aws = Aws(REGION, endpoint_url=embedded_aws.endpoint)
    yield aws
    aws.close()


def test_the_one_function_whose_dead_letter_queue_it_is_is_invoked(
    embedded_aws: EmbeddedAws, aws: Aws
) -> None:
    queue = embedded_aws.queue("score-failures")
    embedded_aws.function("other")
    embedded_aws.function("scoreUsers", DeadLetterConfig={"TargetArn": queue})
    (outcome,) = ToFunction(aws, queue).deliver([write.async_letter()], "run")
    assert outcome.status is Status.CONFIRMED


def test_a_queue_that_is_no_function_s_asks_which_one(embedded_aws: EmbeddedAws, aws: Aws) -> None:
    (outcome,) = ToFunction(aws, QUEUE).deliver([write.async_letter()], "run")
    assert outcome.status is Status.REFUSED
    assert outcome.reason == "no function's dead-letter queue is score-failures: say --to-function NAME"


def test_a_queue_that_functions_share_names_them_and_invokes_none(
    embedded_aws: EmbeddedAws, aws: Aws
) -> None:
    queue = embedded_aws.queue("shared")
    for name in ("scoreUsers", "rankUsers"):
        embedded_aws.function(name, DeadLetterConfig={"TargetArn": queue})
    (outcome,) = ToFunction(aws, queue).deliver([write.async_letter()], "run")
    assert (outcome.status, outcome.code) == (Status.REFUSED, "ManyFunctions")
    assert "rankUsers, scoreUsers" in outcome.reason


def _with_destination(embedded_aws: EmbeddedAws, queue: str) -> str:
    arn = embedded_aws.function("scoreUsers")["FunctionArn"]
    embedded_aws.client("lambda").put_function_event_invoke_config(
        FunctionName="scoreUsers", DestinationConfig={"OnFailure": {"Destination": queue}}
    )
    return str(arn)


def test_a_record_s_function_is_invoked_if_its_failures_go_to_this_queue(
    embedded_aws: EmbeddedAws, aws: Aws
) -> None:
    queue = embedded_aws.queue("score-failures")
    record = write.invocation(function=_with_destination(embedded_aws, queue))
    (outcome,) = ToFunction(aws, queue).deliver([Letter("m", record)], "run")
    assert outcome.status is Status.CONFIRMED


def test_a_record_that_names_a_function_of_another_queue_is_not_believed(
    embedded_aws: EmbeddedAws, aws: Aws
) -> None:
    queue = embedded_aws.queue("score-failures")
    record = write.invocation(function=_with_destination(embedded_aws, f"{queue}-other"))
    letter = Letter("m", record)
    (outcome,) = ToFunction(aws, queue).deliver([letter], "run")
    assert (outcome.status, outcome.code) == (Status.REFUSED, "OtherFunction")
    (outcome,) = ToFunction(aws, queue, "scoreUsers").deliver([letter], "run")
    assert outcome.status is Status.CONFIRMED


def test_a_dry_run_names_the_function_with_its_qualifier_and_invokes_nothing(
    embedded_aws: EmbeddedAws, aws: Aws
) -> None:
    queue = embedded_aws.queue("score-failures")
    arn = _with_destination(embedded_aws, queue)
    to = ToFunction(aws, queue)
    asked: list[str] = []
    for client in (aws.client("lambda"), aws.client_once("lambda")):
        client.meta.events.register("before-call.lambda", lambda model, **_: asked.append(model.name))
    assert to.foresee(Letter("m", write.invocation(function=f"{arn}:live"))) == Foreseen(
        "function scoreUsers:live"
    )
    assert to.foresee(Letter("m", "{}")).problem == "a function takes no letter of kind queue as its event"
    assert asked == ["ListFunctionEventInvokeConfigs"]


def test_a_record_of_another_region_says_where_to_run(embedded_aws: EmbeddedAws, aws: Aws) -> None:
    record = write.invocation(function=write.FUNCTION_ARN.replace(REGION, "eu-west-1"))
    (outcome,) = ToFunction(aws, QUEUE).deliver([Letter("m", record)], "run")
    assert outcome.reason == "its function is in eu-west-1: run it there"


def test_a_function_that_is_switched_off_may_take_it_later(embedded_aws: EmbeddedAws, aws: Aws) -> None:
    embedded_aws.function("scoreUsers")
    client = embedded_aws.client("lambda")
    client.put_function_concurrency(FunctionName="scoreUsers", ReservedConcurrentExecutions=0)
    (outcome,) = ToFunction(aws, QUEUE, "scoreUsers").deliver([write.async_letter()], "run")
    assert outcome.status is Status.RETRY


def test_a_look_that_is_denied_leaves_the_letter_and_names_the_right(embedded_aws: EmbeddedAws) -> None:
    with faults.FaultProxy(embedded_aws.endpoint, [faults.denied("lambda", "ListFunctions")]) as proxy:
        denied = ToFunction(Aws(REGION, endpoint_url=proxy.endpoint), QUEUE)
        (outcome,) = denied.deliver([write.async_letter()], "run")
    assert (outcome.status, outcome.reason) == (Status.RETRY, "denied: needs lambda:ListFunctions")


def test_a_connection_that_breaks_is_doubtful_and_used_once(embedded_aws: EmbeddedAws) -> None:
    embedded_aws.function("scoreUsers")
    with faults.FaultProxy(embedded_aws.endpoint, [faults.reset("lambda", "Invoke")]) as proxy:
        broken = ToFunction(Aws(REGION, endpoint_url=proxy.endpoint), QUEUE, "scoreUsers")
        (outcome,) = broken.deliver([write.async_letter()], "run")
        assert outcome.status is Status.DOUBTFUL
        assert len(proxy.fired) == 1


def test_settings_are_asked_for_once(
    embedded_aws: EmbeddedAws, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = embedded_aws.queue("score-failures")
    embedded_aws.function("scoreUsers", DeadLetterConfig={"TargetArn": queue})
    to = ToFunction(aws, queue)
    asked: list[str] = []
    aws.client("lambda").meta.events.register(
        "before-call.lambda", lambda model, **_: asked.append(model.name)
    )
    to.deliver([dataclasses.replace(write.async_letter(), message_id=str(n)) for n in range(5)], "run")
    assert asked == ["ListFunctions"]

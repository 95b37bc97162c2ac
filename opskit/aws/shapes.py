"""What an answer of AWS looks like when nothing is set; from botocore's service models, without a call."""

from functools import cache
from typing import Any

import botocore.session
import jmespath
from jmespath.exceptions import JMESPathError

from opskit.model import Describe, Json


def emptiest(signal: Describe) -> Json:
    """Return what `select` keeps of an answer whose lists are empty and whose other members are null."""
    shape = _model(signal.service).operation_model(signal.operation).output_shape
    try:
        return jmespath.search(signal.select, _blank(shape, frozenset()))
    except JMESPathError:
        return None


@cache
def _model(service: str) -> Any:
    return botocore.session.Session().get_service_model(service)


def _blank(shape: Any, within: frozenset[str]) -> Json:
    """Return a shape's empty value; a structure inside itself is null."""
    if shape.type_name == "list":
        return []
    if shape.type_name != "structure" or shape.name in within:
        return None
    inner = within | {shape.name}
    return {name: _blank(member, inner) for name, member in shape.members.items()}

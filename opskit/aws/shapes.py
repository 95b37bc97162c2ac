"""What an answer of AWS looks like when nothing is set; from botocore's service models, without a call."""

from functools import cache
from typing import Any

import jmespath
from botocore.loaders import Loader
from botocore.model import ServiceModel
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
    # Not through a session: that reads the AWS profile, which may be wrong and is not needed.
    return ServiceModel(Loader().load_service_model(service, "service-2"), service)


def _blank(shape: Any, within: frozenset[str]) -> Json:
    """Return a shape's empty value; a structure inside itself is null."""
    if shape.type_name == "list":
        return []
    if shape.type_name != "structure" or shape.name in within:
        return None
    inner = within | {shape.name}
    return {name: _blank(member, inner) for name, member in shape.members.items()}

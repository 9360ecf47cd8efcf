"""What a view of the API takes and answers: written beside it, read by the OpenAPI document.

    @blueprint.get("/api/v1/block/<block_hash>/something")
    @describe(list[SomethingJson], query={"limit": Limit})
    def something(block_hash: str) -> Response:
        '''First line: the summary.

        The rest: the description.'''

Types are what pydantic understands: TypedDict, dataclass, `Annotated[str, Field(pattern=...)]`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, TypeVar

from pydantic import Field

View = TypeVar("View", bound=Callable[..., Any])

ATTRIBUTE = "api_description"
JSON = "application/json"
TEXT = "text/plain"
BINARY = "application/octet-stream"
CSV = "text/csv"

Hash = Annotated[str, Field(pattern="^[0-9a-f]{64}$", description="as displayed, in hexadecimal")]
Hex = Annotated[str, Field(pattern="^([0-9a-f]{2})*$")]
WholeNumber = Annotated[int, Field(ge=0)]
Day = Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$", description="a day, UTC")]


@dataclass(frozen=True, slots=True)
class Body:
    """What a POST takes."""

    type: Any
    media: str = JSON


@dataclass(frozen=True, slots=True)
class Description:
    """`errors` are statuses besides 200, 429 and 503, which every endpoint may answer with."""

    answer: Any
    media: str
    query: Mapping[str, Any] = field(default_factory=dict)
    required: frozenset[str] = frozenset()
    body: Body | None = None
    errors: tuple[int, ...] = ()


def describe(
    answer: Any,
    *,
    media: str = JSON,
    query: Mapping[str, Any] | None = None,
    required: tuple[str, ...] = (),
    body: Body | None = None,
    errors: tuple[int, ...] = (404,),
) -> Callable[[View], View]:
    """Attach a description to a view; put it below the route's decorator.

    `answer` is the type of a successful answer's body, `query` the query parameters' types by
    name, `required` those that must be given.
    """
    described = Description(answer, media, query or {}, frozenset(required), body, errors)

    def attach(view: View) -> View:
        setattr(view, ATTRIBUTE, described)
        return view

    return attach


def description_of(view: Callable[..., Any]) -> Description | None:
    """What `describe` attached."""
    found: Description | None = getattr(view, ATTRIBUTE, None)
    return found

"""The map of a library: its clips in two dimensions."""

from fastapi import APIRouter
from pydantic import BaseModel, Field

from indexer.paths import display_path
from service import examples, problems
from service.endpoints.libraries import LibraryPath
from service.endpoints.state import LibraryMaps, Service, WorkerThreads
from service.library_paths import decoded_name

router = APIRouter(prefix="/v1", tags=["libraries"])


class MapPoint(BaseModel):
    """A clip and its place."""

    clip_id: str
    title: str = Field(description="The clip's title, or the name of its file.")
    category: str | None = None
    x: float = Field(ge=0, le=1)
    y: float = Field(ge=0, le=1)


class MapOut(BaseModel):
    """A library in two dimensions; what sounds alike lies together. Of a large library it is a sample."""

    generation: int = Field(description="Of the index that it was made from.")
    points: list[MapPoint]


_EXAMPLE = {
    "generation": 17,
    "points": [{"clip_id": examples.CLIP_ID, "title": "Rain on a tin roof", "x": 0.31, "y": 0.74}],
}


@router.get(
    "/libraries/{name}/map",
    summary="A library as a map",
    response_model_exclude_none=True,
    responses={
        **examples.answer(_EXAMPLE),
        **problems.responses(
            problems.UNKNOWN_LIBRARY, problems.INVALID, problems.INTERNAL, *problems.NOT_READY
        ),
    },
)
async def library_map(
    name: LibraryPath, service: Service, threads: WorkerThreads, maps: LibraryMaps
) -> MapOut:
    """Takes some seconds when the library has changed."""
    generation, laid_out = await threads.draw(lambda: maps.of(service.store(), decoded_name(name)))
    points = [
        MapPoint(
            clip_id=each.clip.clip_id,
            title=each.clip.description.title or display_path(each.clip.path.name),
            category=each.clip.description.category,
            x=each.x,
            y=each.y,
        )
        for each in laid_out
    ]
    return MapOut(generation=generation, points=points)

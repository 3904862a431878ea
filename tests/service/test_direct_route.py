"""A route that is called without FastAPI's own preparations asks its dependencies all the same."""

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request, Response
from fastapi.testclient import TestClient

from service.endpoints.direct_route import DirectRoute


async def _refuse_strangers(request: Request) -> None:
    if request.headers.get("name") != "friend":
        raise HTTPException(403, "Not you.")


def test_its_dependencies_decide_who_passes() -> None:
    router = APIRouter(prefix="/v1", route_class=DirectRoute)

    @router.get("/thing", dependencies=[Depends(_refuse_strangers)], responses={403: {}})
    async def thing(request: Request) -> Response:
        return Response(f"for {request.headers['name']}")

    app = FastAPI()
    app.include_router(router)
    with TestClient(app) as client:
        assert client.get("/v1/thing").status_code == 403
        assert client.get("/v1/thing", headers={"name": "stranger"}).json() == {"detail": "Not you."}
        assert client.get("/v1/thing", headers={"name": "friend"}).text == "for friend"
        assert client.post("/v1/thing").status_code == 405
        assert set(app.openapi()["paths"]["/v1/thing"]["get"]["responses"]) == {"200", "403"}

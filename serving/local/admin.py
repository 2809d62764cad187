"""The admin routes: order faults, release the calls that they hold, and see which calls came.

In: HTTP requests. Out: JSON. Faults never apply here, so a broken server can still be repaired.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from serving.local.access import Access
from serving.local.call_log import Calls
from serving.local.errors import ApiError
from serving.local.faults import BadFault, BadRelease, Faults, read_plan, read_release


class Admin:
    def __init__(self, faults: Faults, calls: Calls, access: Access) -> None:
        self._faults = faults
        self._calls = calls
        self._access = access

    def routes(self) -> list[Route]:
        return [
            Route("/admin/faults", self.faults, methods=["GET", "PUT", "DELETE"]),
            Route("/admin/release", self.release, methods=["PUT"]),
            Route("/admin/calls", self.calls, methods=["GET", "DELETE"]),
        ]

    async def faults(self, request: Request) -> Response:
        self._access.check(request.headers.get("authorization"))
        if request.method == "PUT":
            try:
                self._faults.set(read_plan(await request.body()))
            except BadFault as error:
                raise ApiError(422, str(error), code="bad_fault") from None
        elif request.method == "DELETE":
            self._faults.clear()
        return JSONResponse(self._faults.view())

    async def release(self, request: Request) -> Response:
        self._access.check(request.headers.get("authorization"))
        try:
            released = self._faults.release(read_release(await request.body()))
        except BadRelease as error:
            raise ApiError(422, str(error), code="bad_release") from None
        return JSONResponse({"released": released} | self._faults.view())

    async def calls(self, request: Request) -> Response:
        self._access.check(request.headers.get("authorization"))
        if request.method == "DELETE":
            self._calls.reset()
        return JSONResponse(self._calls.view())

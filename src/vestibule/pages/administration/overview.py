"""`/admin`: how the service does at this moment."""

from __future__ import annotations

from collections import Counter

from starlette.responses import Response

from vestibule import __version__
from vestibule.audit.models import Result
from vestibule.identity.administration import DirectoryAdministration
from vestibule.mail.outbox import Outbox
from vestibule.metrics.history import STEP, History
from vestibule.pages.administration.charts import Chart, stacked
from vestibule.pages.administration.directories import Shown
from vestibule.pages.rooms import Here, Room
from vestibule.pages.routes import PageRouter
from vestibule.passwords.pool import HashPool
from vestibule.state.service import SharedState

PATH = "/admin"
MINUTE = 60


def router(
    *,
    room: Room,
    history: History,
    pool: HashPool,
    outbox: Outbox,
    shared: SharedState,
    directories: DirectoryAdministration,
) -> PageRouter:
    """The first page of administration."""
    routes = room.router()

    @routes.shows(PATH)
    async def show(here: Here) -> Response:
        slices = history.slices()
        total: Counter[str] = sum((item.logins for item in slices), Counter())
        found = await directories.directories(here.caller)

        def answers(key: str) -> Chart:
            return stacked(
                [
                    {
                        "answered": float(item.answers[key, True]),
                        "failed": float(item.answers[key, False]),
                    }
                    for item in slices
                ]
            )

        return here.page(
            "administration/overview.html",
            logins=stacked(
                [
                    {result.value: float(item.logins[result.value]) for result in Result}
                    for item in slices
                ]
            ),
            depths=stacked([{"depth": float(item.deepest)} for item in slices]),
            waits=stacked([{"wait": 1000 * item.longest_wait} for item in slices]),
            results=[(result.value, total[result.value]) for result in Result],
            hashes=sum(item.hashes for item in slices),
            minutes=len(slices) * STEP // MINUTE,
            pool=pool,
            mails=outbox.under_way,
            shared=shared.status() if shared.configured else None,
            directories=[(Shown(upstream, ""), answers(upstream.key)) for upstream in found],
            version=__version__,
        )

    return routes

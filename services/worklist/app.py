"""The worklist: what is owed, whom to call next, and why; a read model, the API and the pages on it.

Reads adt.encounters, care.transitions, care.alerts, care.actions and what was refused (adt.rejected, care.rejected);
writes care.actions.
"""

from fastapi import FastAPI
from starlette.routing import Mount

from services.chassis.service import Service, Subscription
from services.worklist import api, pages, pages_actions, problems, publish
from services.worklist.access import Access
from services.worklist.consumer import TOPICS, Door
from services.worklist.desk import Desk
from services.worklist.leases import Leases
from services.worklist.settings import Settings


def build(settings: Settings) -> Service:
    """Put the service together; raises SettingsError where a setting cannot work."""
    desk = Desk(settings)
    access = Access(settings, lambda: desk.pool)
    door = Door()
    service = Service(
        "worklist",
        settings,
        subscriptions=[Subscription(TOPICS, door.on_records, door.refuse)],
        outlets=[publish.outlet()],
        loops=[
            access.run,
            desk.live.run,
            desk.live.prune,
            Leases(desk).run,
            publish.counting().run,
        ],
        checks={"users": access.readiness},
        routes=[Mount("/", app=web(desk, access))],
        plan_anew=True,
    )
    desk.service = service
    return service


def web(desk: Desk, access: Access) -> FastAPI:
    """Everything served beside /healthz, /readyz and /metrics. A handler finds the desk at `request.app.state.desk`."""
    app = FastAPI(title="Baton worklist", version="1", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.desk = desk
    problems.install(app)
    app.include_router(api.router)
    access.install(app)
    app.include_router(pages.router)
    app.include_router(pages_actions.router)
    return app

"""The worklist: what is owed, whom to call next, and why; a read model, the API and the pages on it.

Reads adt.encounters, care.transitions and care.alerts; writes care.actions.
"""

from fastapi import FastAPI
from starlette.routing import Mount

from schemas import topics
from services.chassis.service import Service, Subscription
from services.worklist import problems
from services.worklist.consumer import Door
from services.worklist.desk import Desk
from services.worklist.settings import Settings


def build(settings: Settings) -> Service:
    """Put the service together; raises SettingsError where a setting cannot work."""
    desk = Desk(settings)
    door = Door()
    service = Service(
        "worklist",
        settings,
        subscriptions=[
            Subscription(
                [topics.ADT_ENCOUNTERS, topics.CARE_TRANSITIONS, topics.CARE_ALERTS],
                door.on_records,
                door.refuse,
            )
        ],
        routes=[Mount("/", app=web(desk))],
    )
    desk.service = service
    return service


def web(desk: Desk) -> FastAPI:
    """Everything served beside /healthz, /readyz and /metrics. A handler finds the desk at `request.app.state.desk`."""
    app = FastAPI(title="Baton worklist", docs_url=None, redoc_url=None, openapi_url="/api/v1/openapi.json")
    app.state.desk = desk
    problems.install(app)
    return app

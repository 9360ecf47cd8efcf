"""How often one client may ask for what is costly."""

from flask import Flask
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address

from webapp.context import settings

# Counted in each web process by itself: no store to run beside the database.
limiter = Limiter(get_remote_address, storage_uri="memory://")

# Decorates costly views. All of them draw on one allowance: settings.rate_limit.
costly = limiter.shared_limit(lambda: f"{settings().rate_limit} per minute", scope="costly")


def install(app: Flask) -> None:
    limiter.init_app(app)

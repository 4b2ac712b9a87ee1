"""One running sandbox: a world, its halves and the three addresses it is served at."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from sandbox.control import Control
from sandbox.middleware import App, OnlyLocalHost, Recorder
from sandbox.serve import Listener
from sandbox.world import World


class Sandbox:
    """Binds its addresses when made; :meth:`serve` answers until :meth:`stop`."""

    def __init__(self, world: World, ports: dict[str, int] | None = None) -> None:
        """``ports`` by ``control`` and by the names of the halves already added to the world; absent is a free one."""
        wanted = ports or {}
        self._world = world
        self._listeners = {half.name: Listener(wanted.get(half.name, 0)) for half in world.halves}
        self._control_listener = Listener(wanted.get("control", 0))
        self._control = Control(world, self.ready)
        self.ready()  # the halves learn their addresses before the first request

    def ready(self) -> dict[str, Any]:
        """What the ready file holds."""
        content: dict[str, Any] = {"control_url": self._control_listener.url + self._control.path}
        for half in self._world.halves:
            url = self._listeners[half.name].url
            if half.name == "stripe":
                content["stripe_url"] = url
            content[half.name] = half.ready(url)
        return content

    async def serve(self, when_ready: Callable[[dict[str, Any]], None]) -> None:
        """Serve; ``when_ready`` gets the ready file's content once all three addresses answer."""
        served: list[tuple[Listener, App]] = [(self._control_listener, self._control.app)]
        served += [(self._listeners[half.name], Recorder(self._world, half)) for half in self._world.halves]
        tasks = [asyncio.create_task(listener.serve(OnlyLocalHost(app))) for listener, app in served]
        for listener, _ in served:
            await listener.started()
        when_ready(self.ready())
        await asyncio.gather(*tasks)
        self._world.reset()  # ends the webhook deliveries that are still under way

    def stop(self) -> None:
        """End serving; to be called on the loop that serves."""
        for listener in (self._control_listener, *self._listeners.values()):
            listener.stop()

"""What the simulated world raises by itself. Each text names the thing and the next step."""


class SimulationError(Exception):
    """The test asks for something that can never come to an end, or does not exist."""


class NothingHappens(SimulationError):
    """A strategy waits without a timeout for an event that does not come.

    A real client would wait for ever.
    """

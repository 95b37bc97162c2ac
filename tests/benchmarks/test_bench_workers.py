"""How long a handler's cold import takes: the part of a cold start that is ours."""

from cold_imports import Cold, cold, handlers

ROUNDS = 7
"""Another load on the machine can spoil a round of measurements; a heavy import spoils them all."""


def measure() -> dict[str, Cold]:
    """Return each handler's fastest import, the handlers taken in turns."""
    rounds = [{folder: cold(folder) for folder in handlers()} for _ in range(ROUNDS)]
    return {
        folder: min((one[folder] for one in rounds), key=lambda run: run.took_ms) for folder in handlers()
    }


def test_cold_imports() -> None:
    fastest = measure()
    print(f"\ncold import of each handler, the fastest of {ROUNDS} processes")
    for folder, run in fastest.items():
        print(f"  {folder:16} {run.took_ms:5.0f} ms  {run.modules:3} modules  {', '.join(run.packages)}")
    assert fastest

"""Sensors in buildings: values that drift, heartbeats, alarms, and reports that arrive late."""

from collections.abc import Iterator
from random import Random

from pydantic import JsonValue

from traffic.scenarios.draft import Draft, interleave

DEVICES = 300
FIRMWARE = ("2.4.1", "2.4.1", "2.5.0", "3.0.0-rc.1")
ALARM_CELSIUS, CLEAR_CELSIUS = 26.0, 25.0


def iot(rng: Random) -> Iterator[Draft]:
    numbers = iter(range(1, DEVICES + 1))
    return interleave(rng, DEVICES, lambda: _device(rng, f"sensor-{next(numbers):04d}"))


def _device(rng: Random, name: str) -> Iterator[Draft]:
    """One sensor, for ever; what it could not send at once it sends late, in order."""
    about: dict[str, JsonValue] = {"firmware": rng.choice(FIRMWARE), "building": f"B{rng.randrange(1, 9)}"}
    temperature, humidity, battery = rng.gauss(22, 2), rng.gauss(45, 8), rng.uniform(20, 100)
    sequence, backlog, alarmed = rng.randrange(10_000), 0, False
    while True:
        temperature += rng.gauss((22 - temperature) * 0.02, 0.4)  # drifts, and is drawn back to 22
        humidity = min(100.0, max(0.0, humidity + rng.gauss(0, 0.5)))
        battery = battery - rng.uniform(0, 0.02) if battery > 1 else 100.0
        if not backlog and rng.random() < 0.01:
            backlog = rng.randrange(3, 12)  # it was out of reach, and now sends what it kept
        late, backlog = backlog * 30.0, max(0, backlog - 1)
        sequence += 1
        measured: dict[str, JsonValue] = {
            "sequence": sequence,
            "temperature_c": round(temperature, 2),
            "humidity_percent": round(humidity, 1),
            "battery_percent": round(battery, 1),
        }
        if alarmed != (temperature > (CLEAR_CELSIUS if alarmed else ALARM_CELSIUS)):
            alarmed = not alarmed
            kind = "alarm.raised" if alarmed else "alarm.cleared"
            yield Draft(kind, name, about | measured | {"rule": "temperature_high", "limit_c": ALARM_CELSIUS}, late)
        elif rng.random() < 0.15:
            alive: dict[str, JsonValue] = {"rssi_dbm": -rng.randrange(35, 95), "uptime_s": sequence * 30}
            yield Draft("device.heartbeat", name, about | alive, late)
        else:
            yield Draft("telemetry.reported", name, about | measured, late)

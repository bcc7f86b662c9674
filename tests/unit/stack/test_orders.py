import os
import subprocess
import sys
from pathlib import Path

from stack.home import ROOT, Home
from stack.orders import AS_USUAL, Condition, Order, given, standing

GIVE_AND_DIE = """
import os, sys
from pathlib import Path
from stack.home import Home
from stack.orders import Condition, Order, given
with given(Home(Path(sys.argv[1])), {"worker": Order(Condition.AWAY)}):
    print("given", flush=True)
    sys.stdin.readline()
    os.kill(os.getpid(), 9)
"""


def test_orders_stand_while_they_are_given(tmp_path: Path) -> None:
    order = Order(Condition.FROZEN, {"NAME": "value"})
    with given(Home(tmp_path), {"worker": order}):
        assert standing(Home(tmp_path)) == {"worker": order}
    assert standing(Home(tmp_path)) == {}


def test_orders_end_with_an_error(tmp_path: Path) -> None:
    try:
        with given(Home(tmp_path), {"worker": Order(Condition.AWAY)}):
            raise KeyboardInterrupt
    except KeyboardInterrupt:
        assert standing(Home(tmp_path)) == {}


def test_orders_end_with_the_process_that_gave_them(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", GIVE_AND_DIE, str(tmp_path)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as giver:
        assert giver.stdout
        assert giver.stdout.readline() == "given\n"
        assert standing(Home(tmp_path)) == {"worker": Order(Condition.AWAY)}
        giver.communicate("now\n")
    assert giver.returncode == -9
    assert Home(tmp_path).orders.exists()
    assert standing(Home(tmp_path)) == {}


def test_orders_of_an_earlier_process_of_the_same_number_do_not_stand(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with given(home, {"worker": Order(Condition.AWAY)}):
        text = home.orders.read_text()
    assert f'"giver":{os.getpid()}' in text
    home.orders.write_text(text.replace('"giver_began":', '"giver_began":1'))
    assert standing(home) == {}


def test_as_usual_nothing_is_wrong_and_nothing_is_added() -> None:
    assert Order(Condition.FINE, {}) == AS_USUAL

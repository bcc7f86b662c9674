from pathlib import Path

from stack.home import Home
from stack.ports import Ports
from stack.postgres import OUTSIDE, USER, database_url, enters, place


def test_the_address_is_the_one_everybody_knows() -> None:
    assert database_url(Ports()) == "postgresql://events:events@127.0.0.1:5432/events"


def test_an_account_enters_where_every_folder_above_is_open_to_all(open_folder: Path) -> None:
    assert enters(USER, open_folder / "data")
    assert enters(USER, open_folder / "not there yet" / "data")
    open_folder.chmod(0o700)
    assert not enters(USER, open_folder / "data")


def test_an_ordinary_user_runs_it_in_place(tmp_path: Path) -> None:
    cluster = place(Home(tmp_path), None)
    assert (cluster.user, cluster.data) == (None, tmp_path / "data" / "postgres")
    assert (cluster.programs / "initdb").exists()


def test_root_keeps_the_data_in_a_home_that_the_account_can_enter(open_folder: Path) -> None:
    cluster = place(Home(open_folder), USER)
    assert (cluster.user, cluster.data) == (USER, open_folder / "data" / "postgres")


def test_root_keeps_the_data_outside_a_home_that_is_closed_to_the_account(open_folder: Path) -> None:
    open_folder.chmod(0o700)
    data = place(Home(open_folder), USER).data
    assert OUTSIDE in data.parents
    assert place(Home(open_folder), USER).data == data


def test_two_homes_never_share_data_outside(open_folder: Path) -> None:
    open_folder.chmod(0o700)
    assert place(Home(open_folder / "a"), USER).data != place(Home(open_folder / "b"), USER).data

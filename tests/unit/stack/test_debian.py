"""Programs out of Debian's packages find the libraries that came with them."""

from pathlib import Path

from stack.debian import library_path


def test_a_program_finds_the_libraries_it_was_unpacked_with(tmp_path: Path) -> None:
    program = tmp_path / "usr" / "bin" / "program"
    libraries = tmp_path / "usr" / "lib" / "aarch64-linux-gnu"
    libraries.mkdir(parents=True)
    (tmp_path / "usr" / "lib" / "other").mkdir()
    assert library_path(program) == str(libraries)


def test_a_program_without_libraries_of_its_own_has_an_empty_path(tmp_path: Path) -> None:
    assert library_path(tmp_path / "usr" / "bin" / "program") == ""

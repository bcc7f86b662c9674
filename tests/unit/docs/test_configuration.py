from pathlib import Path

from docs import configuration


def test_the_page_of_settings_is_current() -> None:
    page = Path(configuration.__file__).with_name("configuration.md")
    assert page.read_text() == configuration.render()


def test_every_variable_of_the_example_environment_exists() -> None:
    root = Path(configuration.__file__).parents[1]
    compose = (root / "docker-compose.yml").read_text()
    rendered = configuration.render()
    for line in (root / ".env.example").read_text().splitlines():
        if line.startswith("#") and "=" in line and line[1:2].isupper():
            variable = line[1:].split("=")[0]
            assert f"`{variable}`" in rendered or variable in compose, f"{variable} is read by nothing"

"""`etp login-url`: a person's way from a CRM screen into ExactTarget.

What belongs here: options, and one call. What does not: the page and its token.
"""

import click

from et_platform.cli.common import configured, explained


@click.command("login-url")
@click.option("--entity", type=click.Choice(["email", "subscribers", "tracking", "admin"]), required=True)
@click.option("--id", "id_", help="Which one; without it, the screen of all of them.")
@click.option("--action", type=click.Choice(["create", "update"]), help="What is to be done there.")
@click.option("--user", help="Log in as another user of the account than that of the credentials.")
@click.option("--unit", default="default", help="The business unit.")
@click.option("--navigation/--no-navigation", default=None, help="Whether ExactTarget's own menus are shown.")
@click.option("--seconds", default=120, show_default=True, type=click.IntRange(1, 3600), help="How long to wait.")
@click.option("--form", "as_form", is_flag=True, help="Print the page itself, token and all: for a CRM that shows it.")
def login_url(
    entity: str,
    id_: str | None,
    action: str | None,
    user: str | None,
    unit: str,
    navigation: bool | None,
    seconds: int,
    as_form: bool,
) -> None:
    """Print an address on this machine that takes one browser, once, into a screen of ExactTarget.

    The user token is asked for when the browser comes, for it lives 30 seconds. It is in no address and no log.
    """
    from et_platform.exacttarget import direct_login
    from et_platform.login_page import NobodyCame, waiting
    from et_platform.resources import build_road

    try:
        screen = direct_login.Screen(entity=entity, id=id_, action=action, has_navigation=navigation)  # type: ignore[arg-type]
    except ValueError as error:
        raise click.UsageError(f"{error}: add --id") from None
    settings, _ = configured()
    with explained():
        settings = settings.of_unit(unit)
        settings.require("exacttarget")
        road = build_road(settings, run_id="etp login-url", tell=lambda line: click.echo(line, err=True))

        def page() -> direct_login.Page:
            with road.open_exacttarget() as exacttarget:
                return direct_login.page(token=exacttarget.user_token(user=user), screen=screen)

        if as_form:
            click.echo(page().html, nl=False)
            return
        with waiting(page) as login:
            click.echo(login.url)
            try:
                login.serve(seconds=seconds)
            except NobodyCame as nobody:
                raise click.ClickException(str(nobody)) from None
    click.echo("The browser has its page.", err=True)

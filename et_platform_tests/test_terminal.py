"""What a terminal tells of a run."""

import dagster as dg

from et_platform.terminal import undone


def test_what_was_not_made_or_is_not_as_it_should_be_is_undone_and_the_rest_is_not():
    checks = [dg.AssetCheckSpec(name, asset=key) for key, name in (("warned", "soft"), ("wrong", "hard"))]

    @dg.multi_asset(specs=[dg.AssetSpec(key) for key in ("fine", "warned", "wrong")], check_specs=checks)
    def models():
        yield dg.MaterializeResult(asset_key="fine")
        for key, name, severity in (("warned", "soft", "WARN"), ("wrong", "hard", "ERROR")):
            yield dg.MaterializeResult(asset_key=key)
            yield dg.AssetCheckResult(
                asset_key=key, check_name=name, passed=False, severity=dg.AssetCheckSeverity(severity)
            )

    @dg.asset(deps=["fine"])
    def failing():
        raise dg.Failure("not today")

    with dg.instance_for_test() as instance:
        result = dg.materialize([models, failing], instance=instance, raise_on_error=False)
        assert undone(result, [["fine"], ["warned"], ["wrong"], ["failing"]]) == ["wrong", "failing"]

"""The chosen scale: linear or log, clipped where, with which levels."""

import numpy as np
import pytest
from orograph.choosing import ScaleRequest, choose_scale
from orograph.errors import OrographError
from orograph.scales import number


def test_narrow_range_is_linear_and_whole():
    scale = choose_scale([np.linspace(1, 49, 30)], ScaleRequest())
    assert (scale.log, scale.low, scale.high, scale.extend()) == (False, 1, 49, "neither")
    assert scale.note() == ""


def test_wide_range_is_log():
    scale = choose_scale([np.geomspace(0.1, 90, 200)], ScaleRequest())
    assert scale.log and (scale.low, scale.high) == pytest.approx((0.1, 90))
    assert {0.2, 0.5, 1, 2, 5, 10, 20, 50} == {round(level, 12) for level in scale.levels}
    assert scale.note() == "log scale"


def test_outliers_are_clipped_and_said():
    values = np.concatenate([np.geomspace(0.1, 20, 97), [1e6, 1e8, np.inf]])
    scale = choose_scale([values], ScaleRequest())
    assert scale.log and 15 <= scale.high <= 21 and scale.extend() == "max"
    assert "clipped at" in scale.note() and "infinity" in scale.note()


def test_log_range_has_an_end():
    scale = choose_scale([np.geomspace(1e-3, 1e20, 100)], ScaleRequest())
    assert scale.high == 100


def test_accuracy_stays_linear_and_whole():
    scale = choose_scale([np.array([0.1, 10, 99.0])], ScaleRequest(), may_log=False)
    assert not scale.log and (scale.low, scale.high) == (0.1, 99.0)


def test_pooled_over_arrays_without_nan():
    scale = choose_scale([np.array([1.0, np.nan, 3]), np.array([0.5, 2, np.nan])], ScaleRequest())
    assert (scale.low, scale.high) == (0.5, 3)


@pytest.mark.parametrize(("clip", "high"), [("none", 1000), ("50%", 500), ("20", 20), ("1e9", 1000)])
def test_clip(clip, high):
    assert choose_scale([np.arange(0.0, 1001)], ScaleRequest(clip=clip, log=False)).high == high


def test_request_wins():
    scale = choose_scale([np.geomspace(0.1, 1e6, 50)], ScaleRequest(low=1, high=16, levels=3, log=True))
    assert scale.extend() == "both"
    np.testing.assert_allclose(scale.levels, [2, 4, 8])
    np.testing.assert_allclose(choose_scale([np.arange(9.0)], ScaleRequest(levels=3)).levels, [2, 4, 6])


def test_display_units():
    scale = choose_scale([np.array([0.0, 0.1, 1, 1000])], ScaleRequest(log=True, clip="none"))
    shown = scale.display([0.1, 100, 0.0, -1, np.inf, np.nan])
    np.testing.assert_allclose(shown[:2], [-1, 2])
    assert shown[2] == shown[3] < -1 and shown[4] > 3 and np.isnan(shown[5])
    assert scale.extend() == "min"


def test_one_value():
    for log in (False, True):
        scale = choose_scale([np.full(4, 2.0)], ScaleRequest(log=log))
        assert scale.low < 2 < scale.high


@pytest.mark.parametrize(
    ("values", "request_", "code"),
    [
        ([np.nan, np.inf], ScaleRequest(), 65),
        ([-1, -2.0], ScaleRequest(log=True), 64),
        ([1, 2.0], ScaleRequest(low=3, high=3), 64),
        ([1, 2.0], ScaleRequest(low=0, log=True), 64),
        ([1, 2.0], ScaleRequest(low=5), 64),
    ],
)
def test_scales_that_cannot_be(values, request_, code):
    with pytest.raises(OrographError) as caught:
        choose_scale([np.array(values)], request_)
    assert caught.value.exit_code == code


def test_numbers_are_short():
    assert [number(value) for value in (0.5, 200, 12345.678, 1e-7, 3e20)] == ["0.5", "200", "1.23e4", "1e-7", "3e20"]

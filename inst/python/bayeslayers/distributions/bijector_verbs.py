"""The functions of bijectors, under the names of the R package tfprobability."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bayeslayers.backend import distribution_library
from bayeslayers.contract import checks
from bayeslayers.contract.distribution_arguments import DISTRIBUTION_ARGUMENTS
from bayeslayers.contract.functions import public_function
from bayeslayers.distributions import values

_bijector_function = public_function(DISTRIBUTION_ARGUMENTS)


@_bijector_function
def tfb_forward(bijector: Any, x: Any, name: str = "forward") -> Any:
    """Value of a bijector.

        y = f(x)

    In a transformed distribution, draws of the base become draws of the whole.

    Returns:
        A tensor.

    Raises:
        ArgumentError: If `bijector` is none.

    Example:
        >>> from bayeslayers import tfb_exp, tfb_forward
        >>> round(float(tfb_forward(tfb_exp(), 1.0)), 4)
        2.7183

    R example:
        tfb_exp() %>% tfb_forward(1)

    Reference:
        Dillon et al. (2017).
    """
    return _method(bijector, "forward")(x, name=name)


@_bijector_function
def tfb_inverse(bijector: Any, y: Any, name: str = "inverse") -> Any:
    """Inverse of a bijector.

        x = f^(-1)(y)

    The inverse of `tfb_forward()`.

    Returns:
        A tensor.

    Raises:
        ArgumentError: If `bijector` is none.

    Example:
        >>> from bayeslayers import tfb_exp, tfb_inverse
        >>> float(tfb_inverse(tfb_exp(), 1.0))
        0.0

    R example:
        tfb_exp() %>% tfb_inverse(1)

    Reference:
        Dillon et al. (2017).
    """
    return _method(bijector, "inverse")(y, name=name)


@_bijector_function
def tfb_forward_log_det_jacobian(
    bijector: Any, x: Any, event_ndims: Any, name: str = "forward_log_det_jacobian"
) -> Any:
    """Logarithm of a bijector's derivative.

        log |det df(x) / dx|

    Summed over the last `event_ndims` dimensions of `x`.

    Returns:
        A tensor of the shape of `x` without its last `event_ndims` dimensions.

    Raises:
        ArgumentError: If `bijector` is none.

    Example:
        >>> from bayeslayers import tfb_exp, tfb_forward_log_det_jacobian
        >>> float(tfb_forward_log_det_jacobian(tfb_exp(), 1.0, 0))
        1.0

    R example:
        tfb_exp() %>% tfb_forward_log_det_jacobian(c(1, 2), event_ndims = 1)

    Reference:
        Dillon et al. (2017).
    """
    event_ndims = checks.whole_numbers("event_ndims", event_ndims)
    return _method(bijector, "forward_log_det_jacobian")(x, event_ndims, name=name)


@_bijector_function
def tfb_inverse_log_det_jacobian(
    bijector: Any, y: Any, event_ndims: Any, name: str = "inverse_log_det_jacobian"
) -> Any:
    """Logarithm of the derivative of a bijector's inverse.

        log |det df^(-1)(y) / dy|

    Summed over the last `event_ndims` dimensions of `y`.

    Returns:
        A tensor of the shape of `y` without its last `event_ndims` dimensions.

    Raises:
        ArgumentError: If `bijector` is none.

    Example:
        >>> from bayeslayers import tfb_exp, tfb_inverse_log_det_jacobian
        >>> round(float(tfb_inverse_log_det_jacobian(tfb_exp(), 2.0, 0)), 4)
        -0.6931

    R example:
        tfb_exp() %>% tfb_inverse_log_det_jacobian(c(1, 2), event_ndims = 1)

    Reference:
        Dillon et al. (2017).
    """
    event_ndims = checks.whole_numbers("event_ndims", event_ndims)
    return _method(bijector, "inverse_log_det_jacobian")(y, event_ndims, name=name)


def _method(bijector: Any, name: str) -> Callable[..., Any]:
    # On a backend without bijectors, this raises an error that says what there is.
    distribution_library()
    method: Callable[..., Any] = getattr(values.standard("bijector", "bijector", bijector), name)
    return method

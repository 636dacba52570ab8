"""A layer's kernel or bias as a random variable."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, ClassVar

import keras
import numpy as np
from keras import ops

from bayeslayers.backend import (
    SeedStream,
    Stream,
    at_least_single,
    draw_shape,
    foreign_variables,
    method_of,
    with_seeds,
)
from bayeslayers.base_layers.distribution_maker import DistributionMaker
from bayeslayers.contract import checks
from bayeslayers.contract.errors import ArgumentError, Described
from bayeslayers.distributions.checks import class_names, may_be, shape_of_draw
from bayeslayers.distributions.correlated_posteriors import CorrelatedMaker
from bayeslayers.distributions.defaults import exact_divergence, sample_posterior
from bayeslayers.distributions.fixed_priors import default_multivariate_normal_fn
from bayeslayers.distributions.makers import MeanFieldNormal, default_mean_field_normal_fn
from bayeslayers.distributions.mean_field import smallest_scale, untransformed_of
from bayeslayers.distributions.named import POSTERIORS, PRIORS, by_name
from bayeslayers.distributions.positive import HalfCauchyPrior
from bayeslayers.distributions.posteriors import (
    STANDARD_NORMAL,
    GeneralPosterior,
    MeanFieldPosterior,
    Posterior,
)
from bayeslayers.distributions.streams import FoldedStream, keeping_default_seeds

SIGNED = (MeanFieldNormal, CorrelatedMaker)
"""The makers of posteriors whose numbers may be negative."""
# Used for the mean absolute value of a weight where all entries are zero.
_SIZE_OF_ALL_ZEROS = 0.1
# softplus(-50) is negligible compared with the smallest scale.
_UNTRANSFORMED_ZERO = -50.0


WEIGHT_FUNCTIONS = ("posterior_fn", "posterior_tensor_fn", "prior_fn", "divergence_fn")
"""The arguments of each weight; in a layer, the weight's role begins their names."""


class RandomWeight:
    """Posterior, prior, draw and divergence of one weight; see `RandomKernel` and `RandomBias`.

    Args:
        role: Such as "kernel" or "bias", which begins the names of its arguments and variables.
        posterior_fn: Makes the posterior q, or its name. `None`, for a bias only: there is no such
            weight.
        posterior_tensor_fn: Draws a tensor from q.
        prior_fn: Makes the prior p, or its name. `None`: there is no prior, and no divergence from
            it.
        divergence_fn: Returns the divergence of q from p. `None`: none is added to the losses.
    """

    is_optional: ClassVar[bool]
    """Whether a layer can be made without this weight."""
    posteriors: ClassVar[Mapping[str, Callable[[], Any]]] = POSTERIORS
    """The posteriors that `posterior_fn` may name."""
    priors: ClassVar[Mapping[str, Callable[[], Any]]] = PRIORS
    """The priors that `prior_fn` may name."""

    def __init__(
        self,
        role: str,
        posterior_fn: Callable[..., Any] | str | None,
        posterior_tensor_fn: Callable[[Any], Any],
        prior_fn: Callable[..., Any] | str | None,
        divergence_fn: Callable[..., Any] | None,
    ) -> None:
        self.role = role
        make_posterior = by_name(f"{role}_posterior_fn", posterior_fn, self.posteriors)
        make_prior = by_name(f"{role}_prior_fn", prior_fn, self.priors)
        functions = (make_posterior, posterior_tensor_fn, make_prior, divergence_fn)
        names = [f"{role}_{name}" for name in WEIGHT_FUNCTIONS]
        self.functions = dict(zip(names, functions, strict=True))
        self._posterior_maker_if_any = self._new_maker(
            "posterior", make_posterior, optional=self.is_optional
        )
        self._prior_maker = self._new_maker("prior", make_prior, optional=True)
        argument = f"{role}_posterior_tensor_fn"
        self.posterior_tensor_fn = checks.function(
            argument, posterior_tensor_fn, optional=make_posterior is None
        )
        argument = f"{role}_divergence_fn"
        self.divergence_fn = checks.function(argument, divergence_fn, optional=True)
        self._check_signs()

    def _check_signs(self) -> None:
        """Refuse a prior of positive numbers whose posterior can be negative."""
        makers = [m and m.function for m in (self._posterior_maker_if_any, self._prior_maker)]
        is_positive = isinstance(makers[1], HalfCauchyPrior)
        if is_positive and self._is_estimated and isinstance(makers[0], SIGNED) and self.diverges:
            argument = f"{self.role}_prior_fn"
            rule = "must be a prior of positive and negative numbers where the posterior is normal"
            hint = f'`{self.role}_posterior_fn = "log_normal"` is a posterior of positive numbers.'
            raise ArgumentError(argument, rule, {argument: makers[1]}, hint)

    def _new_maker(
        self, kind: str, function: Callable[..., Any] | None, *, optional: bool
    ) -> DistributionMaker | None:
        argument = f"{self.role}_{kind}_fn"
        checks.function(argument, function, optional=optional)
        if function is None:
            return None
        return DistributionMaker(argument, function, f"{self.role}_{kind}")

    @property
    def exists(self) -> bool:
        """Whether the layer has this weight at all."""
        return self._posterior_maker_if_any is not None

    @property
    def _posterior_maker(self) -> DistributionMaker:
        """The maker of the posterior, of a weight that exists."""
        assert self._posterior_maker_if_any is not None
        return self._posterior_maker_if_any

    @property
    def posterior(self) -> Any:
        """The posterior at the variables' current values."""
        return self._posterior_maker.make() if self.exists else None

    @property
    def prior(self) -> Any:
        """The prior at the variables' current values."""
        return self._prior_maker.make() if self._prior_maker else None

    def mean(self) -> Any:
        """Return the mean of the posterior."""
        if self._posterior_maker.is_mean_field:
            return self._posterior_maker.parameters()[0]
        return method_of(self.posterior, "mean")()

    def centre_on(self, value: Any, delta: Any) -> None:
        """Centre posterior and prior on a value, the posterior with this relative spread.

        A number that is zero gets the spread of one of mean size, so that it can train. Where all
        are zero, the mean size is taken to be that at which new posteriors start.

        Args:
            value: The value, of the weight's shape.
            delta: The standard deviation of the posterior, as a part of the absolute value.
        """
        value = np.asarray(value, "float64")
        size = np.abs(value)
        size[size == 0] = size.mean() or _SIZE_OF_ALL_ZEROS
        self._posterior_maker.assign_if_present("loc", value)
        untransformed = untransformed_of(delta * size / self._relative_spread(), self._dtype)
        self._posterior_maker.assign_if_present("untransformed_scale", untransformed)
        if not self._posterior_maker.is_mean_field:
            self._check_mean(value)
        if self._prior_maker:
            self._prior_maker.assign_if_present("loc", value)

    def _relative_spread(self) -> Any:
        """Return the standard deviation of the posterior as a multiple of its scale."""
        if not self._posterior_maker.is_correlated:
            return 1.0
        variance = self.posterior.correlation.diagonal()
        return np.sqrt(ops.convert_to_numpy(variance).astype("float64")).reshape(self.shape)

    def move(self, by: np.ndarray) -> bool:
        """Move posterior and prior by an offset, as far as their locations are variables.

        Args:
            by: The offset, of the weight's shape.

        Returns:
            Whether the draws of the posterior have moved by it, and by nothing else.
        """
        before = self._fixed_draw()
        for maker in (self._posterior_maker, self._prior_maker):
            if maker is not None:
                maker.move(by)
        # Compared to half of the digits, as the sums are taken in another order.
        rounding = smallest_scale(self._dtype) ** 0.5
        return np.allclose(self._fixed_draw(), before + by, rtol=rounding, atol=rounding)

    @property
    def location_is_regularized_or_constrained(self) -> bool:
        """Whether the location of the posterior has a regularizer or a constraint."""
        location = self._posterior_maker.location
        if location is None:
            return False
        return location.regularizer is not None or location.constraint is not None

    def divergence_of_fixed_draw(self) -> float | None:
        """Return the divergence of a draw that stays the same as long as the distributions do."""
        posterior = self.posterior_for_call(SeedStream(0))
        value = self.divergence(posterior, posterior.sample_later())
        return None if value is None else float(ops.convert_to_numpy(value))

    def _fixed_draw(self) -> np.ndarray:
        """Return a draw that stays the same as long as the posterior does."""
        drawn = self.posterior_for_call(SeedStream(0)).sample()
        return ops.convert_to_numpy(ops.cast(drawn, "float64"))

    def keep_only(self, kept: Any) -> None:
        """Put the mass of the other entries on zero, as closely as the scale allows."""
        loc, untransformed_scale = (
            ops.convert_to_numpy(value) for value in self._posterior_maker.parameters()
        )
        self._posterior_maker.assign_if_present("loc", np.where(kept, loc, 0.0))
        scale = np.where(kept, untransformed_scale, _UNTRANSFORMED_ZERO)
        self._posterior_maker.assign_if_present("untransformed_scale", scale)

    def posterior_for_call(self, seeds: Stream, *, adds_divergence: bool = False) -> Posterior:
        """Return the posterior as it is during a call, which draws from this stream.

        Args:
            seeds: The stream.
            adds_divergence: Whether the call adds the divergence to the losses, where there is one.
        """
        if self._draws_mean_field:
            parameters = self._posterior_maker.parameters()
            diverges = adds_divergence and self._diverges_from_standard_normal
            return MeanFieldPosterior(*parameters, seeds, diverges=diverges)
        return GeneralPosterior(self.posterior, partial(self._sample, seeds))

    @property
    def is_independent_normal(self) -> bool:
        """Whether the posterior is certainly Independent(Normal), judged by its maker alone."""
        function = self._posterior_maker.function
        return type(function) is MeanFieldNormal and not function.is_singular

    @property
    def _draws_mean_field(self) -> bool:
        is_default = self.posterior_tensor_fn is sample_posterior
        return is_default and self._posterior_maker.is_mean_field

    def build(
        self, layer: keras.Layer, shape: tuple[int, ...], seed: int, start: np.ndarray | None = None
    ) -> None:
        """Add the variables of posterior and prior to the layer; see `DistributionMaker.build`."""
        if not self.exists:
            return
        self._dtype = layer.variable_dtype
        self.shape = shape
        self._posterior_maker.build(layer, shape, seed, start)
        if not self._posterior_maker.is_mean_field:
            shape_of_draw(f"{self.role}_posterior_fn", draw_shape(self.posterior), shape)
        if self._prior_maker:
            self._prior_maker.build(layer, shape, seed)
        with keeping_default_seeds():
            self._check_prior(shape)
            self._check_functions(layer)

    def _check_prior(self, shape: tuple[int, ...]) -> None:
        """Refuse a prior of another shape, which only a caller's own divergence could compare."""
        is_ours = self._prior_maker is None or self._prior_maker.fixed_normal is not None
        if self.has_exact_divergence and not is_ours:
            shape_of_draw(f"{self.role}_prior_fn", draw_shape(self.prior), shape)

    def _check_functions(self, layer: keras.Layer) -> None:
        """Refuse functions of the caller's that read variables which are not the layer's."""
        draws_its_own_way = self.posterior_tensor_fn is not sample_posterior
        if not draws_its_own_way and not self.has_own_divergence:
            return
        posterior = self.posterior_for_call(FoldedStream(ops.zeros(2, "int32")))
        if draws_its_own_way:
            self._check_variables(layer, "posterior_tensor_fn", posterior.sample)
        if self.has_own_divergence:
            sample = posterior.sample_later()
            call = partial(self.divergence, posterior, sample)
            self._check_variables(layer, "divergence_fn", call)

    def _check_variables(self, layer: keras.Layer, function: str, call: Callable[[], Any]) -> None:
        # Those of posterior and prior, and those that a derived layer has besides.
        foreign = foreign_variables(call, layer.variables)[1]
        if foreign:
            argument = f"{self.role}_{function}"
            rule = (
                "must use no variables but those of the layer: steps of training would neither "
                "train others nor follow them"
            )
            received = {argument: Described(f"a function of the variables {foreign}")}
            hint = (
                "The functions of posterior and prior make variables with `add_variable_fn`, and a "
                "class that is derived from the layer with `add_weight()`; `scale_kl()` sets the "
                "weight of the divergence."
            )
            raise ArgumentError(argument, rule, received, hint)

    def _sample(self, seeds: Stream, distribution: Any, *, of_weight: bool) -> Any:
        """Draw a tensor from a distribution, the way the caller chose."""
        assert self.posterior_tensor_fn is not None  # as the weight exists
        drawn = self.posterior_tensor_fn(with_seeds(distribution, seeds, of_weight=of_weight))
        expected = draw_shape(distribution)
        shape = getattr(drawn, "shape", ())
        if drawn is None or not may_be(shape, expected):
            received = "None" if drawn is None else f"a tensor of shape {tuple(shape)}"
            argument = f"{self.role}_posterior_tensor_fn"
            rule = f"must return a tensor of shape {expected}"
            raise ArgumentError(argument, rule, {argument: Described(received)})
        return ops.convert_to_tensor(drawn, dtype=self._dtype)

    def divergence(self, posterior: Posterior, sample: Callable[[], Any]) -> Any:
        """Return the divergence of the posterior from the prior, or `None` where there is none.

        Args:
            posterior: What `posterior_for_call` returned.
            sample: Returns a draw of the weight.
        """
        if not self.diverges:
            return None
        if isinstance(posterior, MeanFieldPosterior) and self._diverges_in_closed_form:
            assert self._prior_maker is not None
            assert self._prior_maker.fixed_normal is not None
            return posterior.divergence_from_normal(*self._prior_maker.fixed_normal)
        if self._is_estimated:
            return self._estimated_divergence(posterior, sample())
        if isinstance(posterior, GeneralPosterior):
            return self._general_divergence(posterior.distribution, self.prior, sample())
        drawn = ops.cast(sample(), self._dtype)
        return self._general_divergence(self.posterior, self.prior, drawn)

    @property
    def diverges(self) -> bool:
        """Whether there is a divergence at all."""
        return self.exists and self._prior_maker is not None and self.divergence_fn is not None

    @property
    def has_exact_divergence(self) -> bool:
        """Whether the divergence is known to have a closed form."""
        return self.divergence_fn is exact_divergence and not self._is_estimated

    @property
    def _is_estimated(self) -> bool:
        """Whether the default is an estimate, as a prior of ours has no closed form."""
        is_estimated = self._prior_maker is not None and self._prior_maker.is_estimated
        return is_estimated and self.divergence_fn is exact_divergence

    @property
    def _diverges_in_closed_form(self) -> bool:
        is_normal = self._prior_maker is not None and self._prior_maker.fixed_normal is not None
        is_exact = is_normal and self.has_exact_divergence
        return is_exact and self._draws_mean_field and self.is_independent_normal

    @property
    def _diverges_from_standard_normal(self) -> bool:
        if not (self.diverges and self._diverges_in_closed_form):
            return False
        assert self._prior_maker is not None  # as there is a divergence
        return self._prior_maker.fixed_normal == STANDARD_NORMAL

    @property
    def has_own_divergence(self) -> bool:
        """Whether a caller's function computes the divergence."""
        return self.diverges and self.divergence_fn is not exact_divergence

    def _estimated_divergence(self, posterior: Posterior, sample: Any) -> Any:
        """Return log q(w) - log p(w) at a draw w, the mean of which is the divergence."""
        assert self._prior_maker is not None
        # No less than single precision, as there is a term for each number of the weight.
        dtype = at_least_single(self._dtype)
        log_prior = method_of(self._prior_maker.make(dtype), "log_prob")(ops.cast(sample, dtype))
        try:
            return ops.cast(posterior.log_density(sample), dtype) - log_prior
        except NotImplementedError as error:
            rule = "must return a distribution that has a density where its prior is this one"
            argument, received = f"{self.role}_posterior_fn", {"prior": self._prior_maker.function}
            raise ArgumentError(argument, rule, received) from error

    def _general_divergence(self, posterior: Any, prior: Any, sample: Any) -> Any:
        argument = f"{self.role}_divergence_fn"
        assert self.divergence_fn is not None  # as there is a divergence
        try:
            value = self.divergence_fn(posterior, prior, sample)
        except NotImplementedError as error:
            rule = "must have a closed form, or estimate the divergence from the sample it is given"
            pair = Described(f"{class_names(posterior)} and {class_names(prior)}")
            raise ArgumentError(argument, rule, {"posterior and prior": pair}) from error
        rank = None if value is None else len(ops.shape(ops.convert_to_tensor(value)))
        if rank != 0:
            received = "None" if value is None else f"a tensor of shape {tuple(ops.shape(value))}"
            rule = "must return a single number"
            raise ArgumentError(argument, rule, {argument: Described(received)})
        return ops.convert_to_tensor(value, dtype=at_least_single(self._dtype))

    def _check_mean(self, value: np.ndarray) -> None:
        """Refuse a posterior of a caller's that could not be centred on a value."""
        rounding = smallest_scale(self._dtype) ** 0.5
        try:
            mean = ops.convert_to_numpy(ops.cast(self.mean(), "float64"))
        except NotImplementedError:
            mean = np.nan
        if not np.allclose(mean, value, rtol=rounding, atol=rounding):
            argument = f"{self.role}_posterior_fn"
            rule = "must have its mean in a variable named `name` followed by `_loc` under MOPED"
            raise ArgumentError(argument, rule, {argument: self._posterior_maker.function})


class RandomKernel(RandomWeight):
    """A weight that inputs are multiplied by, with the defaults of its arguments."""

    is_optional = False

    def __init__(
        self,
        role: str,
        posterior_fn: Callable[..., Any] | str = default_mean_field_normal_fn(),
        posterior_tensor_fn: Callable[[Any], Any] = sample_posterior,
        prior_fn: Callable[..., Any] | str | None = default_multivariate_normal_fn,
        divergence_fn: Callable[..., Any] | None = exact_divergence,
    ) -> None:
        super().__init__(role, posterior_fn, posterior_tensor_fn, prior_fn, divergence_fn)


class RandomBias(RandomWeight):
    """A weight that is added, with the defaults of its arguments."""

    is_optional = True

    def __init__(
        self,
        role: str,
        posterior_fn: Callable[..., Any] | str | None = default_mean_field_normal_fn(
            is_singular=True
        ),
        posterior_tensor_fn: Callable[[Any], Any] = sample_posterior,
        prior_fn: Callable[..., Any] | str | None = None,
        divergence_fn: Callable[..., Any] | None = exact_divergence,
    ) -> None:
        super().__init__(role, posterior_fn, posterior_tensor_fn, prior_fn, divergence_fn)

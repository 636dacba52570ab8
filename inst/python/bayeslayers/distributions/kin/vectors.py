"""Distributions of vectors: classes, counts, shares and directions."""

from __future__ import annotations

from bayeslayers.distributions.kin.spec import Kin, Spec

VECTORS = Kin(
    name="tfd_vectors",
    title="Distributions of vectors: classes, counts, shares and directions",
    about=(
        "Each function makes a distribution of one vector, or a batch of distributions where its "
        "arguments have further dimensions in front. Z is the constant with which a density "
        "integrates to 1."
    ),
    members={
        "tfd_one_hot_categorical": Spec(
            "distributions.OneHotCategorical",
            "logits=None, probs=None, dtype='int32', ...",
            "One-hot categorical distribution",
            "P(x = e[k]) = probs[k],   e[k] = (0, ..., 1, ..., 0), with its 1 at k",
            "probs=[0.2, 0.3, 0.5]",
        ),
        "tfd_relaxed_one_hot_categorical": Spec(
            "distributions.RelaxedOneHotCategorical",
            "temperature, logits=None, probs=None, ...",
            "Relaxed one-hot categorical distribution",
            "x = softmax((logits + g) / temperature),   g[k] ~ Gumbel(0, 1)",
            "temperature=0.5, probs=[0.2, 0.3, 0.5]",
            note="The lower the temperature, the nearer the draws are to one-hot vectors.",
        ),
        "tfd_exp_relaxed_one_hot_categorical": Spec(
            "distributions.ExpRelaxedOneHotCategorical",
            "temperature, logits=None, probs=None, ...",
            "Logarithm of the relaxed one-hot categorical distribution",
            "x = log softmax((logits + g) / temperature),   g[k] ~ Gumbel(0, 1)",
            "temperature=0.5, probs=[0.2, 0.3, 0.5]",
        ),
        "tfd_multinomial": Spec(
            "distributions.Multinomial",
            "total_count, logits=None, probs=None, ...",
            "Multinomial distribution",
            "P(x) = total_count! product over k of probs[k]^x[k] / x[k]!",
            "total_count=4.0, probs=[0.2, 0.3, 0.5]",
        ),
        "tfd_dirichlet": Spec(
            "distributions.Dirichlet",
            "concentration, ...",
            "Dirichlet distribution",
            "p(x) = product over k of x[k]^(concentration[k] - 1) / Z,   sum over k of x[k] = 1",
            "concentration=[1.0, 2.0, 3.0]",
        ),
        "tfd_dirichlet_multinomial": Spec(
            "distributions.DirichletMultinomial",
            "total_count, concentration, ...",
            "Dirichlet-multinomial distribution",
            "x ~ Multinomial(total_count, p),   p ~ Dirichlet(concentration)",
            "total_count=4.0, concentration=[1.0, 2.0, 3.0]",
        ),
        "tfd_plackett_luce": Spec(
            "distributions.PlackettLuce",
            "scores, dtype='int32', validate_args=False, allow_nan_stats=False,"
            " name='PlackettLuce'",
            "Plackett-Luce distribution of orders",
            "P(x) = product over i of scores[x[i]] / sum over j >= i of scores[x[j]]",
            "scores=[1.0, 2.0, 3.0]",
        ),
        "tfd_vector_deterministic": Spec(
            "distributions.VectorDeterministic",
            "loc, atol=None, rtol=None, ...",
            "Deterministic distribution of a vector",
            "P(x = loc) = 1",
            "loc=[0.0, 1.0]",
        ),
        "tfd_von_mises_fisher": Spec(
            "distributions.VonMisesFisher",
            "mean_direction, concentration, ...",
            "Von Mises-Fisher distribution",
            "p(x) = exp(concentration mean_direction'x) / Z,   |x| = 1",
            "mean_direction=[0.6, 0.8], concentration=2.0",
        ),
        "tfd_power_spherical": Spec(
            "distributions.PowerSpherical",
            "mean_direction, concentration, ...",
            "Power spherical distribution",
            "p(x) = (1 + mean_direction'x)^concentration / Z,   |x| = 1",
            "mean_direction=[0.6, 0.8], concentration=2.0",
        ),
        "tfd_spherical_uniform": Spec(
            "distributions.SphericalUniform",
            "dimension, batch_shape=(), dtype='float32', ...",
            "Uniform distribution on a sphere",
            "p(x) = 1 / (area of the sphere),   |x| = 1,   x of `dimension` numbers",
            "dimension=3.0, batch_shape=2.0",
        ),
    },
    arguments={
        "loc": "The vector.",
        "total_count": "Number of trials: number, array or tensor.",
        "concentration": (
            "Positive concentration: a vector for shares; for directions a number, which says how "
            "close they are to `mean_direction`."
        ),
        "temperature": "Positive number: the lower, the nearer the draws are to one-hot vectors.",
        "dimension": "Whole number: how many numbers a vector has.",
        "batch_shape": "Whole number, or several: how many distributions there are.",
    },
    references=(
        "Johnson, N. L., Kotz, S., and Balakrishnan, N. (1997). Discrete Multivariate "
        "Distributions. Wiley.",
        "Maddison, C. J., Mnih, A., and Teh, Y. W. (2017). The Concrete Distribution. "
        "https://arxiv.org/abs/1611.00712",
        "De Cao, N., and Aziz, W. (2020). The Power Spherical distribution. "
        "https://arxiv.org/abs/2006.04437",
    ),
    example="tfd_sample(made, 2)",
)

"""The layers as Keras classes.

Those that TensorFlow Probability has, too, have the names that it gave them.
"""

from bayeslayers.base_layers.base_layer import BaseLayer
from bayeslayers.base_layers.variational_layer import VariationalLayer
from bayeslayers.layers import util
from bayeslayers.layers.attention import (
    GroupQueryAttentionFlipout,
    GroupQueryAttentionRank1,
    GroupQueryAttentionReparameterization,
    MultiHeadAttentionFlipout,
    MultiHeadAttentionRank1,
    MultiHeadAttentionReparameterization,
)
from bayeslayers.layers.autoregressive import AutoregressiveNetwork
from bayeslayers.layers.autoregressive_transform import AutoregressiveTransform
from bayeslayers.layers.convolution import (
    Conv1DFlipout,
    Conv1DLocalReparameterization,
    Conv1DRank1,
    Conv1DReparameterization,
    Conv1DTransposeFlipout,
    Conv1DTransposeRank1,
    Conv1DTransposeReparameterization,
    Conv2DFlipout,
    Conv2DLocalReparameterization,
    Conv2DRank1,
    Conv2DReparameterization,
    Conv2DTransposeFlipout,
    Conv2DTransposeRank1,
    Conv2DTransposeReparameterization,
    Conv3DFlipout,
    Conv3DLocalReparameterization,
    Conv3DRank1,
    Conv3DReparameterization,
    Conv3DTransposeFlipout,
    Conv3DTransposeRank1,
    Conv3DTransposeReparameterization,
    DepthwiseConv1DFlipout,
    DepthwiseConv1DRank1,
    DepthwiseConv1DReparameterization,
    DepthwiseConv2DFlipout,
    DepthwiseConv2DRank1,
    DepthwiseConv2DReparameterization,
    SeparableConv1DFlipout,
    SeparableConv1DRank1,
    SeparableConv1DReparameterization,
    SeparableConv2DFlipout,
    SeparableConv2DRank1,
    SeparableConv2DReparameterization,
)
from bayeslayers.layers.dense import (
    DenseFlipout,
    DenseLocalReparameterization,
    DenseRank1,
    DenseReparameterization,
)
from bayeslayers.layers.dense_variational import DenseVariational
from bayeslayers.layers.distribution_lambda import DistributionLambda
from bayeslayers.layers.einsum_dense import (
    EinsumDenseFlipout,
    EinsumDenseRank1,
    EinsumDenseReparameterization,
)
from bayeslayers.layers.embedding import EmbeddingReparameterization
from bayeslayers.layers.gaussian_process import VariationalGaussianProcess
from bayeslayers.layers.independent import (
    HomoscedasticNormal,
    IndependentBernoulli,
    IndependentLogistic,
    IndependentNormal,
    IndependentPoisson,
)
from bayeslayers.layers.kl_divergence import KLDivergenceAddLoss, KLDivergenceRegularizer
from bayeslayers.layers.mixtures import (
    CategoricalMixtureOfOneHotCategorical,
    MixtureLogistic,
    MixtureNormal,
    MixtureSameFamily,
)
from bayeslayers.layers.recurrent import (
    GRUFlipout,
    GRURank1,
    GRUReparameterization,
    LSTMFlipout,
    LSTMRank1,
    LSTMReparameterization,
)
from bayeslayers.layers.util import (
    default_mean_field_normal_fn,
    default_multivariate_normal_fn,
    trainable_normal_fn,
)
from bayeslayers.layers.variable import VariableLayer
from bayeslayers.layers.vectors import MultivariateNormalTriL, OneHotCategorical

FAMILY: dict[str, type[BaseLayer]] = {
    layer.__name__: layer
    for layer in (
        Conv1DFlipout,
        Conv2DFlipout,
        Conv3DFlipout,
        Conv1DReparameterization,
        Conv2DReparameterization,
        Conv3DReparameterization,
        Conv1DLocalReparameterization,
        Conv2DLocalReparameterization,
        Conv3DLocalReparameterization,
        Conv1DRank1,
        Conv2DRank1,
        Conv3DRank1,
        Conv1DTransposeFlipout,
        Conv2DTransposeFlipout,
        Conv3DTransposeFlipout,
        Conv1DTransposeReparameterization,
        Conv2DTransposeReparameterization,
        Conv3DTransposeReparameterization,
        Conv1DTransposeRank1,
        Conv2DTransposeRank1,
        Conv3DTransposeRank1,
        DepthwiseConv1DFlipout,
        DepthwiseConv2DFlipout,
        DepthwiseConv1DReparameterization,
        DepthwiseConv2DReparameterization,
        DepthwiseConv1DRank1,
        DepthwiseConv2DRank1,
        SeparableConv1DFlipout,
        SeparableConv2DFlipout,
        SeparableConv1DReparameterization,
        SeparableConv2DReparameterization,
        SeparableConv1DRank1,
        SeparableConv2DRank1,
        DenseFlipout,
        DenseReparameterization,
        DenseLocalReparameterization,
        DenseRank1,
        EinsumDenseFlipout,
        EinsumDenseReparameterization,
        EinsumDenseRank1,
        EmbeddingReparameterization,
        LSTMFlipout,
        LSTMReparameterization,
        LSTMRank1,
        GRUFlipout,
        GRUReparameterization,
        GRURank1,
        MultiHeadAttentionFlipout,
        MultiHeadAttentionReparameterization,
        MultiHeadAttentionRank1,
        GroupQueryAttentionFlipout,
        GroupQueryAttentionReparameterization,
        GroupQueryAttentionRank1,
        DenseVariational,
        VariableLayer,
        DistributionLambda,
        HomoscedasticNormal,
        IndependentNormal,
        IndependentLogistic,
        IndependentBernoulli,
        IndependentPoisson,
        MultivariateNormalTriL,
        OneHotCategorical,
        MixtureSameFamily,
        MixtureNormal,
        MixtureLogistic,
        CategoricalMixtureOfOneHotCategorical,
        VariationalGaussianProcess,
        KLDivergenceAddLoss,
        AutoregressiveNetwork,
        AutoregressiveTransform,
    )
}
"""Every layer by its name, in the order of the documentation."""

REGULARIZERS = {KLDivergenceRegularizer.__name__: KLDivergenceRegularizer}
"""Classes that are not layers, but have functions named like those of layers."""

# TensorFlow Probability has its Flipout and reparameterization convolutions under two names. The
# local-reparameterization and the transposed ones, which it lacks, have two in the same way.
Convolution1DFlipout = Conv1DFlipout
Convolution2DFlipout = Conv2DFlipout
Convolution3DFlipout = Conv3DFlipout
Convolution1DReparameterization = Conv1DReparameterization
Convolution2DReparameterization = Conv2DReparameterization
Convolution3DReparameterization = Conv3DReparameterization
Convolution1DLocalReparameterization = Conv1DLocalReparameterization
Convolution2DLocalReparameterization = Conv2DLocalReparameterization
Convolution3DLocalReparameterization = Conv3DLocalReparameterization
Convolution1DTransposeFlipout = Conv1DTransposeFlipout
Convolution2DTransposeFlipout = Conv2DTransposeFlipout
Convolution3DTransposeFlipout = Conv3DTransposeFlipout
Convolution1DTransposeReparameterization = Conv1DTransposeReparameterization
Convolution2DTransposeReparameterization = Conv2DTransposeReparameterization
Convolution3DTransposeReparameterization = Conv3DTransposeReparameterization
_ALIASES = [name for name in globals() if name.startswith("Convolution")]

__all__ = [
    "FAMILY",
    "REGULARIZERS",
    "VariationalLayer",
    "default_mean_field_normal_fn",
    "default_multivariate_normal_fn",
    "trainable_normal_fn",
    "util",
    *FAMILY,
    *REGULARIZERS,
    *_ALIASES,
]

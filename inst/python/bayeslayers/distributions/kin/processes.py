"""Gaussian processes, models of time, and images."""

from __future__ import annotations

from bayeslayers.distributions.kin.spec import Kin, Spec

_LAST = ", validate_args=False, allow_nan_stats=False, name="

PROCESSES = Kin(
    name="tfd_processes",
    title="Gaussian processes, models of time, and images",
    about=(
        "Each function makes a distribution of the values of a function at given points, of a "
        "series in time, or of images. Below, "
        "m = mean_fn(index_points), K = kernel(index_points, index_points), and I is the identity."
    ),
    members={
        "tfd_gaussian_process": Spec(
            "distributions.GaussianProcess",
            "kernel, index_points, mean_fn=None, observation_noise_variance=0.0, jitter=1e-06"
            + _LAST
            + "'GaussianProcess'",
            "Gaussian process at a few points",
            "x ~ Normal(m, K + (observation_noise_variance + jitter) I)",
            "kernel=tfp.math.psd_kernels.ExponentiatedQuadratic(), index_points=[[0.0], "
            "[0.5], [1.0]], observation_noise_variance=0.1",
        ),
        "tfd_gaussian_process_regression_model": Spec(
            "distributions.GaussianProcessRegressionModel",
            "kernel, index_points=None, observation_index_points=None, observations=None,"
            " observation_noise_variance=0.0, predictive_noise_variance=None, mean_fn=None,"
            " jitter=1e-06" + _LAST + "'GaussianProcessRegressionModel'",
            "Gaussian process, given observations",
            "x ~ GaussianProcess at index_points, given that it had `observations` at\n"
            "    observation_index_points, with noise of observation_noise_variance",
            "kernel=tfp.math.psd_kernels.ExponentiatedQuadratic(), index_points=[[0.5]], "
            "observation_index_points=[[0.0], [1.0]], "
            "observations=[0.2, 0.8], observation_noise_variance=0.1",
        ),
        "tfd_variational_gaussian_process": Spec(
            "distributions.VariationalGaussianProcess",
            "kernel, index_points, inducing_index_points, variational_inducing_observations_loc,"
            " variational_inducing_observations_scale, mean_fn=None,"
            " observation_noise_variance=0.0, predictive_noise_variance=0.0, jitter=1e-06"
            + _LAST
            + "'VariationalGaussianProcess'",
            "Variational Gaussian process",
            "x = the process at index_points, given its values u at inducing_index_points,\n"
            "u ~ Normal(variational_inducing_observations_loc, A A'),\n"
            "A = variational_inducing_observations_scale",
            "kernel=tfp.math.psd_kernels.ExponentiatedQuadratic(), index_points=[[0.5]], "
            "inducing_index_points=[[0.0], [1.0]], "
            "variational_inducing_observations_loc=[0.2, 0.8], "
            "variational_inducing_observations_scale=[[1.0, 0.0], [0.0, 1.0]], "
            "observation_noise_variance=0.1, predictive_noise_variance=0.1",
        ),
        "tfd_student_t_process": Spec(
            "distributions.StudentTProcess",
            "df, kernel, index_points, mean_fn=None, jitter=1e-06" + _LAST + "'StudentTProcess'",
            "Student's t process at a few points",
            "x ~ multivariate t of df, m, with covariance K + jitter I,   df > 2",
            "df=4.0, kernel=tfp.math.psd_kernels.ExponentiatedQuadratic(), "
            "index_points=[[0.0], [0.5], [1.0]]",
        ),
        "tfd_linear_gaussian_state_space_model": Spec(
            "distributions.LinearGaussianStateSpaceModel",
            "num_timesteps, transition_matrix, transition_noise, observation_matrix,"
            " observation_noise, initial_state_prior, initial_step=0, ...",
            "Linear Gaussian state space model",
            "z[t + 1] = transition_matrix z[t] + transition_noise,   z[0] ~ initial_state_prior,\n"
            "x[t] = observation_matrix z[t] + observation_noise,   t = 0, ..., num_timesteps - 1",
            "num_timesteps=3.0, transition_matrix=[[0.9, 0.0], [0.1, 0.8]], "
            "transition_noise=tfd_multivariate_normal_diag(scale_diag=[0.5, 0.5]), "
            "observation_matrix=[[1.0, 0.0], [0.0, 1.0]], "
            "observation_noise=tfd_multivariate_normal_diag(scale_diag=[0.2, 0.2]), "
            "initial_state_prior=tfd_multivariate_normal_diag(scale_diag=[1.0, 1.0])",
        ),
        "tfd_hidden_markov_model": Spec(
            "distributions.HiddenMarkovModel",
            "initial_distribution, transition_distribution, observation_distribution, "
            "num_steps, ...",
            "Hidden Markov model",
            "z[0] ~ initial_distribution,   z[t + 1] ~ transition_distribution[z[t]],\n"
            "x[t] ~ observation_distribution[z[t]],   t = 0, ..., num_steps - 1",
            "initial_distribution=tfd_categorical(probs=[0.8, 0.2]), "
            "transition_distribution=tfd_categorical(probs=[[0.7, 0.3], [0.2, 0.8]]), "
            "observation_distribution=tfd_normal([0.0, 15.0], [5.0, 10.0]), num_steps=4.0",
        ),
        "tfd_pixel_cnn": Spec(
            "distributions.PixelCNN",
            "image_shape, conditional_shape=None, num_resnet=5, num_hierarchies=3,"
            " num_filters=160, num_logistic_mix=10, receptive_field_dims=(3, 3), dropout_p=0.5,"
            " resnet_activation='concat_elu', use_weight_norm=True, use_data_init=True, high=255,"
            " low=0, dtype='float32', name='PixelCNN'",
            "Distribution of images, pixel by pixel",
            "p(x) = product over pixels i of a mixture of logistics, of a network of x[:i]",
            example="image_shape=[4.0, 4.0, 1.0], num_resnet=1.0, num_hierarchies=1.0, "
            "num_filters=2.0, num_logistic_mix=1.0",
            everywhere=False,
            kinds={"low": "whole", "high": "whole"},
            note="It works on TensorFlow alone. Its network is of Keras 2 and needs `tf_keras`.",
        ),
    },
    arguments={
        "low": "Whole number: the smallest value of a pixel.",
        "high": "Whole number: the largest value of a pixel.",
    },
    references=(
        "Rasmussen, C. E., and Williams, C. K. I. (2006). Gaussian Processes for Machine Learning. "
        "MIT Press.",
        "Titsias, M. (2009). Variational Learning of Inducing Variables in Sparse Gaussian "
        "Processes. Artificial Intelligence and Statistics.",
        "Shah, A., Wilson, A. G., and Ghahramani, Z. (2014). Student-t Processes as "
        "Alternatives to "
        "Gaussian Processes. https://arxiv.org/abs/1402.4306",
        "Salimans, T., Karpathy, A., Chen, X., and Kingma, D. P. (2017). PixelCNN++. "
        "https://arxiv.org/abs/1701.05517",
    ),
    example="tfd_mean(made)",
)

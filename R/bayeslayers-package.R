#' Bayesian neural-network layers for Keras 3
#'
#' Layers whose weights have distributions, which training fits: the variational layers of
#' TensorFlow Probability and of the R package tfprobability, native to Keras 3. Every layer is a
#' function whose first argument is a model, a tensor, or nothing, so that a model can be written as
#' a pipe:
#'
#' ```r
#' library(keras3)
#' library(bayeslayers)
#' model <- keras_model_sequential(input_shape = c(24, 3)) |>
#'   layer_conv_1d_flipout(filters = 8, kernel_size = 5)
#' ```
#'
#' A Python core, which this package contains, does the computation. `library()` starts no Python;
#' the first use of a function does. [install_bayeslayers()] installs the Python packages that are
#' needed. To choose a Python that has them already, set the environment variable
#' `RETICULATE_PYTHON`, or call [reticulate::use_virtualenv()] before the first use.
#'
#' Keras runs on TensorFlow, unless JAX or PyTorch is chosen before its first use, by
#' `Sys.setenv(KERAS_BACKEND = "jax")` or by `keras3::use_backend("jax")`. The Python packages that
#' are needed depend on that choice: see [install_bayeslayers()].
#'
#' @keywords internal
"_PACKAGE"

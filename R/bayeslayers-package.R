#' Bayesian neural-network layers for Keras 3
#'
#' Layers whose weights follow distributions that training fits: the variational layers of
#' TensorFlow Probability and of the R package tfprobability, native to Keras 3. Every layer is a
#' function whose first argument is what to compose it with, so that a model is a pipe:
#'
#' ```r
#' library(keras3)
#' library(bayeslayers)
#' model <- keras_model_sequential(input_shape = c(24, 3)) |>
#'   layer_conv_1d_flipout(filters = 8, kernel_size = 5)
#' ```
#'
#' The arithmetic is done by a Python core, which this package carries with it. `library()` starts
#' no Python; the first use of a function does. [install_bayeslayers()] installs what Python must
#' hold. To choose a Python that holds it already, set the environment variable
#' `RETICULATE_PYTHON`, or call [reticulate::use_virtualenv()] before the first use.
#'
#' Keras runs on TensorFlow, unless JAX or PyTorch is chosen before its first use, by
#' `Sys.setenv(KERAS_BACKEND = "jax")` or by `keras3::use_backend("jax")`. What Python is asked to
#' hold follows that choice: see [install_bayeslayers()].
#'
#' @keywords internal
"_PACKAGE"

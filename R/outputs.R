# The distribution that a model ends in is an array wherever R asks for one: the tensor that it
# stands for, which by default is a draw. R names a class of Python by its module, so that it has
# another name on each backend.

#' @rawNamespace
#' S3method(as.array,
#'   bayeslayers.backend.tensorflow.coercible.CoercibleDistribution,array_of_output)
#' S3method(as.array,
#'   bayeslayers.backend.jax.coercible.CoercibleDistribution,array_of_output)
#' S3method(as.array,
#'   bayeslayers.backend.torch.coercible.CoercibleDistribution,array_of_output)
#' @noRd
array_of_output <- function(x, ...) {
  as.array(reticulate::import("keras")$ops$convert_to_numpy(x))
}

#' @rawNamespace
#' S3method(as.matrix,
#'   bayeslayers.backend.tensorflow.coercible.CoercibleDistribution,matrix_of_output)
#' S3method(as.matrix,
#'   bayeslayers.backend.jax.coercible.CoercibleDistribution,matrix_of_output)
#' S3method(as.matrix,
#'   bayeslayers.backend.torch.coercible.CoercibleDistribution,matrix_of_output)
#' @noRd
matrix_of_output <- function(x, ...) {
  as.matrix(array_of_output(x))
}

#' @rawNamespace
#' S3method(as.double,
#'   bayeslayers.backend.tensorflow.coercible.CoercibleDistribution,numbers_of_output)
#' S3method(as.double,
#'   bayeslayers.backend.jax.coercible.CoercibleDistribution,numbers_of_output)
#' S3method(as.double,
#'   bayeslayers.backend.torch.coercible.CoercibleDistribution,numbers_of_output)
#' @noRd
numbers_of_output <- function(x, ...) {
  as.double(array_of_output(x))
}

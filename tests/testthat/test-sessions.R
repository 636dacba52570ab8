# An object that R wrote to a file and read back is what is left of one after its session.
of_another_session <- function(object) {
  path <- withr::local_tempfile()
  saveRDS(object, path)
  readRDS(path)
}

test_that("an object of an R session that has ended is refused by its argument's name", {
  skip_without_core()
  keras <- reticulate::import("keras")
  model <- keras$Sequential() |> layer_dense_flipout(units = 1, input_shape = 3)
  gone <- of_another_session(model)
  calls <- list(
    object = function() layer_dense_flipout(gone, units = 1),
    object = function() layer_dense_flipout(list(gone), units = 1),
    model = function() kl_divergence(gone),
    model = function() scale_kl(gone, 5),
    model = function() predict_draws(gone, matrix(1, 2, 3)),
    model = function() as_deterministic(gone)
  )
  for (i in seq_along(calls)) {
    condition <- expect_error(
      calls[[i]](),
      "must be an object of this R session",
      class = "bayeslayers_argument_error"
    )
    expect_identical(condition$argument, names(calls)[[i]])
  }
})

test_that("printing what is left of an object does not fail", {
  skip_without_core()
  gone <- of_another_session(layer_dense_flipout(units = 1))
  expect_output(print(gone), "pointer")
})

training <- '
  keras <- reticulate::import("keras")
  keras$utils$set_random_seed(1L)
  model <- keras$Sequential() |>
    bayeslayers::layer_dense_flipout(units = 4, activation = "relu", input_shape = 3) |>
    bayeslayers::layer_dense_reparameterization(units = 1)
  model$compile("adam", "mse")
  model$fit(matrix(sin(1:48), 16, 3), matrix(cos(1:16), 16, 1), epochs = 3L, verbose = 0L)
  weights <- unlist(lapply(model$get_weights(), as.numeric))
  cat("weights", sprintf("%a", weights), "\n")
'

of_this_process <- function() {
  grep("^weights", utils::capture.output(eval(parse(text = training))), value = TRUE)
}

of_another_process <- function() {
  withr::local_envvar(R_LIBS = paste(.libPaths(), collapse = .Platform$path.sep))
  rscript <- file.path(R.home("bin"), "Rscript")
  output <- system2(rscript, "-", input = training, stdout = TRUE, stderr = FALSE)
  grep("^weights", output, value = TRUE)
}

test_that("training is the same to the bit, twice in one process and in another", {
  skip_without_core()
  skip_if_not("bayeslayers" %in% rownames(utils::installed.packages()), "bayeslayers installed")
  first <- of_this_process()
  expect_length(first, 1)
  expect_gt(length(strsplit(first, " ")[[1]]), 30)
  expect_identical(of_this_process(), first)
  expect_identical(of_another_process(), first)
})

test_that("the handle holds our layers and TensorFlow Probability's distributions", {
  skip_without_core()
  layer <- tfp$layers$Conv1DFlipout(filters = 4L, kernel_size = 3L)
  expect_s3_class(layer, class(layer_conv_1d_flipout(filters = 4, kernel_size = 3))[[1]])
  expect_identical(
    reticulate::py_id(tfp$layers$Convolution1DFlipout),
    reticulate::py_id(tfp$layers$Conv1DFlipout)
  )
  expect_match(class(tfp$distributions$Normal(0, 1))[[1]], "^tensorflow_probability")
  expect_s3_class(tfp$bijectors$Exp(), "python.builtin.object")
})

test_that("the makers in tfp$layers$util can be passed on", {
  skip_without_core()
  layer <- layer_conv_1d_flipout(
    filters = 4, kernel_size = 3,
    kernel_posterior_fn = tfp$layers$util$default_mean_field_normal_fn(loc_initializer = "zeros"),
    kernel_prior_fn = tfp$layers$util$default_multivariate_normal_fn
  )
  layer(example_inputs())
  expect_true(all(numbers(layer$kernel_posterior$mean()) == 0))
  # They are Python's own, so the layer can be saved.
  expect_type(layer$get_config(), "list")
})

test_that("a prior that is trained is beside them", {
  skip_without_core()
  layer <- layer_dense_flipout(
    units = 4,
    kernel_prior_fn = tfp$layers$util$trainable_normal_fn(is_centred = TRUE)
  )
  layer(array(1, c(2, 3)))
  expect_length(layer$trainable_variables, 4)
  expect_equal(unique(as.vector(numbers(layer$kernel_prior$stddev()))), 1, tolerance = 1e-6)
  expect_type(layer$get_config(), "list")
})

test_that("a name that is not there is an R error", {
  skip_without_core()
  expect_error(tfp$foo, "no name")
})

test_that("the handle prints and completes", {
  expect_output(print(tfp), "bayeslayers")
  expect_true("distributions" %in% utils::.DollarNames(tfp, "^dist"))
})

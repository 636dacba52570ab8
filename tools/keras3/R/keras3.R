# Names, arguments and results are those of the real package, as far as pages and examples use them.
# What counts from 1 in R counts from 0 in Python; what is whole in R is a double, and an integer in
# Python.

keras <- function() reticulate::import("keras")

# Calls a function of Keras with what the caller of the caller supplied. `convert` is a list of
# functions by argument; the other values are sent as they are.
call_keras <- function(fun, convert = list(), without = "object") {
  frame <- parent.frame()
  wrapper <- sys.function(sys.parent())
  named <- setdiff(names(formals(wrapper)), c("...", without))
  is_supplied <- function(name) !eval(call("missing", as.name(name)), frame)
  values <- lapply(setNames(nm = Filter(is_supplied, named)), get, envir = frame)
  if ("..." %in% names(formals(wrapper))) {
    values <- c(values, eval(quote(list(...)), frame))
  }
  for (name in intersect(names(convert), names(values))) {
    # An assignment of NULL would drop the argument.
    values[name] <- list(convert[[name]](values[[name]]))
  }
  do.call(fun, values)
}

whole <- function(value) if (is.numeric(value)) as.integer(value) else value

shape_of <- function(value) {
  if (!is.numeric(value) && !is.list(value)) {
    return(value)
  }
  size <- function(one) if (is.null(one) || is.na(one)) NULL else as.integer(one)
  reticulate::tuple(lapply(as.list(value), size))
}

axis_of <- function(value) {
  if (is.null(value)) NULL else as.integer(value) - (value > 0)
}

places <- function(value) as.integer(value) - 1L

# --- models --------------------------------------------------------------------------------------

keras_model_sequential <- function(input_shape = NULL, name = NULL, ..., layers = list()) {
  layers <- if (is.list(layers)) layers else list(layers)
  if (!is.null(input_shape)) {
    layers <- c(list(keras()$layers$InputLayer(shape = shape_of(input_shape))), layers)
  }
  keras()$Sequential(layers, name = name)
}

keras_input <- function(shape = NULL, dtype = NULL, name = NULL) {
  call_keras(keras()$Input, list(shape = shape_of))
}

keras_model <- function(inputs = NULL, outputs = NULL, ...) {
  keras()$Model(inputs, outputs, ...)
}

compile <- function(object, ...) UseMethod("compile")

compile.keras.src.models.model.Model <- function(object, optimizer = "rmsprop", loss = NULL,
                                                 metrics = NULL, ...) {
  call_keras(object$compile)
  invisible(object)
}

whole_numbers <- list(batch_size = whole, epochs = whole, verbose = whole, steps_per_epoch = whole)

fit <- function(object, ...) UseMethod("fit")

fit.keras.src.models.model.Model <- function(object, x = NULL, y = NULL, ...) {
  history <- call_keras(object$fit, whole_numbers)
  metrics <- lapply(history$history, function(values) as.numeric(unlist(values)))
  structure(list(params = history$params, metrics = metrics), class = "keras_training_history") |>
    invisible()
}

evaluate <- function(object, ...) UseMethod("evaluate")

evaluate.keras.src.models.model.Model <- function(object, x = NULL, y = NULL, ...) {
  evaluated <- function(...) object$evaluate(..., return_dict = TRUE)
  call_keras(evaluated, whole_numbers)
}

predict.keras.src.models.model.Model <- function(object, x, ...) {
  call_keras(object$predict, whole_numbers)
}

summary.keras.src.models.model.Model <- function(object, ...) object$summary()

save_model <- function(model, filepath, overwrite = FALSE, ...) {
  keras()$saving$save_model(model, filepath, overwrite = overwrite, ...)
  invisible(model)
}

load_model <- function(model, ...) keras()$saving$load_model(model, ...)

save_model_weights <- function(model, filepath, overwrite = FALSE) {
  model$save_weights(filepath, overwrite = overwrite)
  invisible(model)
}

load_model_weights <- function(model, filepath, ...) {
  model$load_weights(filepath, ...)
  invisible(model)
}

# --- layers --------------------------------------------------------------------------------------

compose <- function(object, layer) {
  if (is.null(object)) {
    layer
  } else if (inherits(object, "keras.src.models.sequential.Sequential")) {
    object$add(layer)
    invisible(object)
  } else {
    layer(object)
  }
}

layer_dense <- function(object, units, activation = NULL, ...) {
  object <- if (missing(object)) NULL else object
  compose(object, call_keras(keras()$layers$Dense, list(units = whole)))
}

layer_conv_2d <- function(object, filters, kernel_size, ...) {
  object <- if (missing(object)) NULL else object
  numbers <- list(filters = whole, kernel_size = whole)
  compose(object, call_keras(keras()$layers$Conv2D, numbers))
}

# Inputs are the query, the value and the key, as in the real package.
layer_multi_head_attention <- function(inputs, num_heads, key_dim, ...) {
  numbers <- list(num_heads = whole, key_dim = whole)
  layer <- call_keras(keras()$layers$MultiHeadAttention, numbers, without = "inputs")
  if (missing(inputs)) layer else do.call(layer, if (is.list(inputs)) inputs else list(inputs))
}

layer_layer_normalization <- function(object, ...) {
  object <- if (missing(object)) NULL else object
  compose(object, call_keras(keras()$layers$LayerNormalization))
}

layer_add <- function(inputs, ...) {
  layer <- call_keras(keras()$layers$Add, without = "inputs")
  if (missing(inputs)) layer else layer(inputs)
}

layer_max_pooling_2d <- function(object, pool_size = c(2, 2), ...) {
  object <- if (missing(object)) NULL else object
  compose(object, call_keras(keras()$layers$MaxPooling2D, list(pool_size = shape_of)))
}

layer_global_average_pooling_1d <- function(object, ...) {
  object <- if (missing(object)) NULL else object
  compose(object, call_keras(keras()$layers$GlobalAveragePooling1D))
}

layer_dropout <- function(object, rate, ...) {
  object <- if (missing(object)) NULL else object
  compose(object, call_keras(keras()$layers$Dropout))
}

layer_flatten <- function(object, ...) {
  object <- if (missing(object)) NULL else object
  compose(object, call_keras(keras()$layers$Flatten))
}

layer_reshape <- function(object, target_shape, ...) {
  object <- if (missing(object)) NULL else object
  compose(object, call_keras(keras()$layers$Reshape, list(target_shape = shape_of)))
}

# --- training ------------------------------------------------------------------------------------

optimizer_adam <- function(learning_rate = 0.001, ...) call_keras(keras()$optimizers$Adam)

optimizer_sgd <- function(learning_rate = 0.01, momentum = 0, ...) {
  call_keras(keras()$optimizers$SGD)
}

learning_rate_schedule_cosine_decay <- function(initial_learning_rate, decay_steps, ...) {
  call_keras(keras()$optimizers$schedules$CosineDecay, list(decay_steps = whole))
}

loss_sparse_categorical_crossentropy <- function(y_true, y_pred, from_logits = FALSE, ...) {
  call_keras(keras()$losses$SparseCategoricalCrossentropy)
}

# Of R's numbers as well, as in the real package.
set_random_seed <- function(seed) {
  set.seed(seed)
  keras()$utils$set_random_seed(whole(seed))
}

config_backend <- function() keras()$config$backend()

# --- operations on tensors -----------------------------------------------------------------------

op_convert_to_tensor <- function(x, dtype = NULL) {
  as_array <- function(x) if (is.atomic(x) && length(x) > 1) as.array(x) else x
  call_keras(keras()$ops$convert_to_tensor, list(x = as_array))
}

op_convert_to_array <- function(x) keras()$ops$convert_to_numpy(x)

op_zeros <- function(shape, dtype = NULL) {
  call_keras(keras()$ops$zeros, list(shape = shape_of))
}

op_ones <- function(shape, dtype = NULL) {
  call_keras(keras()$ops$ones, list(shape = shape_of))
}

op_zeros_like <- function(x, dtype = NULL) call_keras(keras()$ops$zeros_like)

op_add <- function(x1, x2) keras()$ops$add(x1, x2)

op_subtract <- function(x1, x2) keras()$ops$subtract(x1, x2)

op_square <- function(x) keras()$ops$square(x)

op_sqrt <- function(x) keras()$ops$sqrt(x)

op_log <- function(x) keras()$ops$log(x)

op_softplus <- function(x) keras()$ops$softplus(x)

op_mean <- function(x, axis = NULL, keepdims = FALSE) {
  call_keras(keras()$ops$mean, list(axis = axis_of))
}

# One number is how many parts there are; an array, where the second and later ones begin.
op_split <- function(x, indices_or_sections, axis = 1) {
  parts <- indices_or_sections
  is_count <- length(parts) == 1 && !is.array(parts)
  parts <- if (is_count) whole(parts) else as.list(places(parts))
  keras()$ops$split(x, parts, axis = axis_of(axis))
}

op_take <- function(x, indices, axis = NULL) {
  keras()$ops$take(x, as.list(places(indices)), axis = axis_of(axis))
}

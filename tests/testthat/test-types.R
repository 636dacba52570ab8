# Whatever an argument is given either works or is refused by a classed R condition at the caller's
# line. Each argument meets every fifth value, in one of the functions that have it; where
# BAYESLAYERS_SOAK is set, all values and more in all of them.

values <- list(
  integer = 1L, double = 1, negative = -1, logical = TRUE, character = "a", none = character(0),
  several = 1:3, list = list(1, "a"), null = NULL, na = NA, na_real = NA_real_, nan = NaN,
  infinite = Inf, factor = factor("a"), formula = y ~ x, no_arguments = function() 1,
  six_arguments = function(a, b, c, d, e, f) 1, data_frame = data.frame(a = 1), larger = 1e10
)
further_values <- list(
  half = 1.5, zero = 0L, empty = "", named = list(a = 1), no_list = list(),
  na_integer = NA_integer_, na_character = NA_character_, one_argument = function(a) a,
  complex = 1i, raw = raw(1), matrix = matrix(1:4, 2), environment = new.env(),
  other_class = structure(1, class = "other"), largest = .Machine$integer.max
)
in_full <- nzchar(Sys.getenv("BAYESLAYERS_SOAK"))
every <- if (in_full) 1 else 5
if (in_full) values <- c(values, further_values)

# Arguments with which each function works.
working <- function(name) {
  all <- list(
    filters = 2L, kernel_size = 2L, units = 2L, input_dim = 4L, output_dim = 2L, params = 2L,
    make_distribution_fn = function(t) tfd_normal(t, 1), make_posterior_fn = function(...) 1,
    make_prior_fn = function(...) 1, num_examples = 5, snr = 1, epochs = 2L,
    x = inputs_of_five(), y = matrix(1, 5, 1), draws = 2L, verbose = 0L
  )
  if ("model" %in% names(formals(name))) all$model <- plain_model()
  if (name == "layer_variable") all$shape <- 2L
  if (name == "layer_dense_variational") all$input_dim <- NULL
  all[intersect(names(all), names(formals(name)))]
}

functions_with_arguments <- function() {
  kinds <- "^layer_|^callback_|kl|predict|score|reliab|posterior_|as_bay|as_det|prun|log_lik"
  # Its one argument besides the layer's is the inputs, which are a distribution.
  setdiff(
    sort(grep(kinds, getNamespaceExports("bayeslayers"), value = TRUE)),
    "layer_autoregressive_transform"
  )
}

problem_of <- function(name, argument, value) {
  arguments <- working(name)
  arguments[argument] <- list(value)
  condition <- tryCatch(
    {
      suppressWarnings(suppressMessages(rlang::exec(name, !!!arguments)))
      NULL
    },
    error = identity
  )
  classes <- c(
    "bayeslayers_argument_error", "bayeslayers_python_error", "bayeslayers_function_error"
  )
  if (is.null(condition)) {
    NULL
  } else if (!inherits(condition, classes)) {
    paste("condition of class", toString(class(condition)), conditionMessage(condition))
  } else if (!identical(conditionCall(condition)[[1]], as.name(name))) {
    paste("call", format(conditionCall(condition))[[1]])
  } else if (grepl("Traceback|py_last_error", conditionMessage(condition))) {
    conditionMessage(condition)
  }
}

test_that("an argument of any type works or is refused at the caller's line", {
  skip_in_r_cmd_check()
  skip_without_core()
  functions <- functions_with_arguments()
  having <- lapply(functions, function(name) setdiff(names(formals(name)), "..."))
  problems <- list()
  turn <- met <- 0
  for (argument in unique(unlist(having))) {
    candidates <- functions[vapply(having, function(names) argument %in% names, logical(1))]
    for (kind in names(values)) {
      turn <- turn + 1
      # The number of values is no multiple of five, so the next argument meets other ones.
      if (turn %% every > 0) next
      taken <- candidates[met %% length(candidates) + 1]
      if (in_full) taken <- candidates
      for (name in taken) {
        met <- met + 1
        problem <- problem_of(name, argument, values[[kind]])
        problems[[paste0(name, "(", argument, " = ", kind, ")")]] <- problem
      }
    }
  }
  expect_gt(met, 800)
  expect_identical(problems, list())
})

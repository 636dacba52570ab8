# Every wrapper is one call of `call_core()`: it sends the arguments that the wrapper's caller
# supplied, so that for all others the core's own defaults hold, and never call back into R.

call_core <- function(name, call = rlang::caller_env()) {
  arguments <- supplied_arguments(sys.function(-1), call)
  python_function <- function_of_core(name, call)
  result <- call_python(python_function, arguments, call, numbers = grepl("^tf[db]_", name))
  # What a layer was put on, or a model that was changed, is not printed.
  changed <- if (is.null(arguments$object)) arguments$model else arguments$object
  if (is_same_object(result, changed)) invisible(result) else result
}

# Some are made when they are first asked for, and not on every backend.
function_of_core <- function(name, call) {
  core <- core(call)
  rethrow_python_errors(reticulate::py_get_attr(core, name), list(), call)
}

# `spelling` names arguments that R's caller knows by another name: c(x = "newdata"). `numbers` says
# that numbers are no data, but what a distribution is made of, and take the dtype of what is beside
# them. Data are sent as they are: a model gives them its own dtype.
call_python <- function(python_function, arguments, call, spelling = character(), numbers = FALSE) {
  check_of_this_session(arguments, call, spelling)
  forget_failure()
  other <- if (numbers) as_numbers else as_python_value
  coercions <- if (numbers) distribution_coercions else argument_coercions
  python_arguments <- Map(
    coerce_argument, names(arguments), arguments, list(other), list(coercions)
  )
  if (numbers) {
    python_arguments <- c(list(python_function), python_arguments)
    python_function <- core(call)$shim$call
  }
  rethrow_python_errors(
    do.call(python_function, python_arguments),
    arguments = arguments,
    call = call,
    spelling = spelling
  )
}

# An object of Python that R saved with `saveRDS()` or its workspace comes back as an empty pointer.
check_of_this_session <- function(arguments, call, spelling) {
  has_ended <- vapply(arguments, is_of_another_session, logical(1))
  if (!any(has_ended)) {
    return(invisible())
  }
  argument <- respelled(names(arguments)[has_ended][[1]], spelling)
  rule <- "must be an object of this R session"
  cli::cli_abort(
    c(
      "{.arg {argument}} {rule}.",
      x = "Received: an object of Python from a session that has ended.",
      i = "Make it anew, or save models with `model$save()` and load them with Keras."
    ),
    call = call,
    class = "bayeslayers_argument_error",
    argument = argument,
    rule = rule
  )
}

is_of_another_session <- function(value) {
  if (inherits(value, "python.builtin.object")) {
    return(reticulate::py_is_null_xptr(value))
  }
  is.list(value) && !is.data.frame(value) && any(vapply(value, is_of_another_session, logical(1)))
}

# Evaluates the supplied arguments in the order of the signature: `object`, which may be a whole
# pipe, before the layer that is put on top of it.
supplied_arguments <- function(wrapper, frame) {
  named <- setdiff(names(formals(wrapper)), "...")
  is_supplied <- function(name) !eval(call("missing", as.name(name)), frame)
  named <- Filter(is_supplied, named)
  values <- lapply(stats::setNames(named, named), function(name) get(name, frame))
  has_dots <- "..." %in% names(formals(wrapper))
  c(values, if (has_dots) further_arguments(frame))
}

further_arguments <- function(frame) {
  values <- eval(quote(list(...)), frame)
  if (length(values) > 0 && !rlang::is_named(values)) {
    cli::cli_abort(
      c(
        "Arguments in `...` must be named.",
        x = "Received: {length(values)} argument{?s}, not all of them named."
      ),
      call = frame,
      class = "bayeslayers_argument_error"
    )
  }
  values
}

is_same_object <- function(result, object) {
  inherits(result, "python.builtin.object") &&
    inherits(object, "python.builtin.object") &&
    identical(reticulate::py_id(result), reticulate::py_id(object))
}

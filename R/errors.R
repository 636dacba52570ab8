# Python's errors in R's words, at the line of the caller.

rethrow_python_errors <- function(expr, arguments, call, spelling = character()) {
  tryCatch(
    expr,
    bayeslayers.contract.errors.ArgumentError = function(condition) {
      # A function that the caller gave may have failed inside of what is refused for it.
      abort_failure(python_message(condition), call, spelling)
      abort_argument(condition, arguments, call, spelling)
    },
    python.builtin.BaseException = function(condition) {
      message <- python_message(condition)
      abort_failure(message, call, spelling)
      cli::cli_abort("{message}", call = call, class = "bayeslayers_python_error")
    }
  )
}

# The last error of an R function that Python called: what Python raises has its text alone.
failure <- new.env(parent = emptyenv())

forget_failure <- function() {
  failure$condition <- failure$argument <- NULL
}

remember_failure <- function(fun, argument) {
  function(...) {
    withCallingHandlers(
      fun(...),
      error = function(condition) {
        failure$condition <- condition
        failure$argument <- argument
      }
    )
  }
}

# Only where it is what Python raised, and not an error that something in Python has handled.
abort_failure <- function(message, call, spelling) {
  condition <- failure$condition
  argument <- failure$argument
  forget_failure()
  if (is.null(condition) || !has_text(message, python_message(condition))) {
    return(invisible())
  }
  condition <- as_r_condition(condition)
  general <- c("simpleError", "rlang_error", "error", "condition")
  cli::cli_abort(
    "The function {.arg {respelled(argument, spelling)}} failed.",
    parent = condition,
    call = call,
    class = c("bayeslayers_function_error", setdiff(class(condition), general)),
    argument = argument
  )
}

# What Python raised in an R function is an object of Python, which rlang can't show.
as_r_condition <- function(condition) {
  if (!inherits(condition, "python.builtin.object")) {
    return(condition)
  }
  simpleError(python_message(condition), conditionCall(condition))
}

# However Keras and TensorFlow have wrapped the lines.
has_text <- function(message, text) {
  as_words <- function(text) gsub("[^[:alnum:]]+", " ", cli::ansi_strip(text))
  grepl(trimws(as_words(substr(text, 1, 60))), as_words(message), fixed = TRUE)
}

# Without reticulate's advice on how to see the Python traceback, without Keras's bold type, and
# without the lines of Python in which TensorFlow's graph was made, and what JAX says of its own.
python_message <- function(condition) {
  lines <- strsplit(cli::ansi_strip(conditionMessage(condition)), "\n")[[1]]
  of_python <- paste(
    "py_last_error", "^ *File \"", "^<[.]{3}truncated", "^\\s*\\[\\[\\{\\{node",
    "^-{20}$", "^For simplicity, JAX has removed its internal frames",
    sep = "|"
  )
  text <- paste(lines[!grepl(of_python, lines)], collapse = "\n")
  # What is not there is said in a sentence of ours; the class of the error says nothing more.
  in_r_words(sub("^NotImplementedError: ", "", text))
}

# The lines that a message says to write are R's.
in_r_words <- function(message) {
  words <- c(
    "`from torch import distributions as tfd`" =
      "`tfd <- reticulate::import(\"torch\")$distributions`",
    "`tfd.Normal(" = "`tfd$Normal(",
    "`torch.distributions." = "`reticulate::import(\"torch\")$distributions$",
    "before `keras` is imported" = "before Keras is loaded"
  )
  for (python in names(words)) message <- gsub(python, words[[python]], message, fixed = TRUE)
  message
}

abort_argument <- function(condition, arguments, call, spelling) {
  argument <- respelled(condition$argument, spelling)
  rule <- respelled_text(condition$rule, spelling)
  hint <- respelled_text(condition$hint, spelling)
  received <- received_texts(condition$received, arguments)
  names(received) <- respelled(names(received), spelling)
  shown <- sprintf("`%s = %s`", names(received), received)
  cli::cli_abort(
    c(
      "{.arg {argument}} {rule}.",
      if (length(shown) > 0) c(x = "Received: {shown}."),
      if (!is.null(hint)) c(i = "{hint}")
    ),
    call = call,
    class = "bayeslayers_argument_error",
    argument = argument,
    rule = rule,
    received = received,
    hint = hint
  )
}

# What the caller wrote, in R's spelling; objects of Python, and functions with what they returned,
# are described by Python, which knows no other objects of R.
received_texts <- function(received, arguments) {
  describe_in_r <- function(name, description) {
    value <- arguments[[name]]
    is_own <- name %in% names(arguments) && !is_known_to_python(value)
    if (is_own) describe(value) else in_r_spelling(description)
  }
  mapply(describe_in_r, names(received), received, SIMPLIFY = TRUE, USE.NAMES = TRUE)
}

respelled <- function(names, spelling) {
  is_other <- names %in% names(spelling)
  names[is_other] <- spelling[names[is_other]]
  names
}

# Names of arguments as they stand in a sentence, all at once: one may be another's in R.
respelled_text <- function(text, spelling) {
  if (is.null(text)) {
    return(NULL)
  }
  places <- gregexpr("`[a-z_]+`", text)
  quoted <- regmatches(text, places)[[1]]
  names <- respelled(substring(quoted, 2, nchar(quoted) - 1), spelling)
  regmatches(text, places) <- list(sprintf("`%s`", names))
  text
}

# Of an argument that the caller left at its default.
in_r_spelling <- function(description) {
  spelling <- c(None = "NULL", True = "TRUE", False = "FALSE")
  if (description %in% names(spelling)) spelling[[description]] else description
}

is_known_to_python <- function(value) {
  inherits(value, "python.builtin.object") || is.function(value)
}

describe <- function(value) {
  if (!is.atomic(value) && !is.list(value) && !is.null(value)) {
    return(sprintf("an object of class %s", class(value)[[1]]))
  }
  text <- paste(deparse(value, nlines = 2), collapse = " ")
  if (nchar(text) > 120) paste0(substr(text, 1, 117), "...") else text
}

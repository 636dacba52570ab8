# The network of epochs in an R process, with the layers of the R package: reads commands from
# standard input and answers as worker.py does. `Rscript worker.R closure` has an R function in the
# place of each divergence.

with_closure <- "closure" %in% commandArgs(trailingOnly = TRUE)
script <- sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)[[1]])

library(bayeslayers)
libraries <- reticulate::import_from_path("libraries", path = dirname(script))
rows <- reticulate::import_from_path("rows", path = dirname(script))

functions <- list(Conv1D = layer_conv_1d_flipout, Dense = layer_dense_flipout)
make_layer <- function(kind, estimator, ...) {
  divergence <- function(q, p, sample) tfd_kl_divergence(q, p)
  own <- if (with_closure) list(kernel_divergence_fn = divergence)
  do.call(functions[[kind]], c(list(...), own))
}

train <- NULL
answer <- function(command) {
  if (command$do == "build") {
    row <- Filter(function(row) row$number == command$row$number, rows$ROWS)[[1]]
    library <- libraries$Bayeslayers()
    reticulate::py_set_attr(library, "layer", make_layer)
    train <<- library$trainer(row, "Flipout", "float32", "default")
    train(command$warm_up)
    return(list(built = TRUE))
  }
  list(times = 1000 * as.numeric(unlist(train(command$count))))
}

input <- file("stdin", open = "r")
while (length(line <- readLines(input, n = 1)) > 0) {
  cat(jsonlite::toJSON(answer(jsonlite::fromJSON(line)), auto_unbox = TRUE, digits = NA), "\n")
}

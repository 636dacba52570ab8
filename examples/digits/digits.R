# Classify handwritten digits with a Bayesian convolutional network that notices what is no digit.
#
# Every kernel of the network has a posterior distribution, so that an image gets a distribution of
# answers. The network learns the digits 0 to 7. Shown an 8, a 9 or a piece of a photograph, it
# should be less sure than it is of the digits that it knows: the entropy of its answer flags such
# images.
#
# Data: 1797 digits of 8 x 8 pixels, E. Alpaydin and C. Kaynak, UCI, 1998, and two photographs, all
# as shipped with scikit-learn. Licences: CC BY. See README.md beside this file.
#
# Run, from the root of the repository: Rscript examples/digits/digits.R

library(keras3)
library(bayeslayers)
library(ggplot2)

datasets <- reticulate::import("sklearn.datasets")

here <- file.path("examples", "digits")
classes <- 8 # digits that the network learns: 0 to 7, not 8 and 9
first_checked <- 898 # in the order of the file, by which the writers differ, counted from 0
first_held_out <- 1198
patch_distance <- 32 # pixels between two patches of a photograph
passes <- 20 # an epoch, so one progress bar, is 20 passes over the data
epochs <- 5
batch <- 64
draws <- 100 # of the network's kernels, from their posterior
bins <- 15 # of the expected calibration error
flagged <- 0.05 # share of the checked digits with an entropy above the threshold
kinds <- c("digits 0 to 7" = "#0072B2", "digits 8 and 9" = "#E69F00", "photographs" = "#009E73")
title <- "What a network that learnt the digits 0 to 7 makes of digits and of other images"
progress <- if (isatty(stdout())) 1 else 2 # a bar, or in a log file one line for each

# Cut patches of the size of a digit out of a photograph, in grey, on a regular grid.
cut_patches <- function(name) {
  grey <- rowMeans(datasets$load_sample_image(name), dims = 2) / 255
  corner <- expand.grid(
    column = seq(1, ncol(grey) - 7, patch_distance),
    row = seq(1, nrow(grey) - 7, patch_distance)
  )
  # Transposed, since pixels are laid out row by row.
  patch_at <- function(row, column) as.vector(t(grey[row + 0:7, column + 0:7]))
  t(mapply(patch_at, corner$row, corner$column))
}

# Stack two Bayesian convolutions and a Bayesian dense layer: 64 pixels to 8 logits.
build_model <- function(n) {
  # Keras averages the loss over examples, so the divergence counts once per `n` of them.
  scaled_divergence <- function(q, p, ignore) tfd_kl_divergence(q, p) / n

  model <- keras_model_sequential(input_shape = 64) |> layer_reshape(c(8, 8, 1))
  for (filters in c(16, 32)) {
    model |>
      layer_conv_2d_flipout(
        filters = filters,
        kernel_size = 3,
        padding = "same",
        activation = "relu",
        kernel_divergence_fn = scaled_divergence
      ) |>
      layer_max_pooling_2d()
  }
  model |>
    layer_flatten() |>
    layer_dense_flipout(units = classes, kernel_divergence_fn = scaled_divergence)
}

train <- function(model, x, y) {
  again <- rep(seq_along(y), times = passes)
  steps <- (epochs * length(again)) %/% batch
  rate <- learning_rate_schedule_cosine_decay(0.01, steps)
  loss <- loss_sparse_categorical_crossentropy(from_logits = TRUE)
  model |> compile(optimizer_adam(rate), loss = loss)
  y <- matrix(y[again])
  model |> fit(x[again, ], y, batch_size = batch, epochs = epochs, verbose = progress)
}

softmax <- function(logits) {
  odds <- exp(logits - apply(logits, 1, max))
  odds / rowSums(odds)
}

entropy <- function(probability) -rowSums(probability * log(probability))

# Average the class probabilities over the networks drawn, and take their entropy apart.
classify <- function(model, x) {
  # Kernels are drawn once for a batch: with all images in every batch, a batch is a draw.
  n <- nrow(x)
  again <- rep(seq_len(n), times = draws)
  drawn <- softmax(predict(model, x[again, ], batch_size = n, verbose = progress))
  average <- function(value) rowMeans(matrix(value, nrow = n))
  probability <- apply(drawn, 2, average)
  total <- entropy(probability)
  aleatoric <- average(entropy(drawn))
  list(
    probability = probability,
    parts = data.frame(
      entropy = total,
      aleatoric = aleatoric, # how unsure each network is
      epistemic = total - aleatoric # how much the networks disagree: the mutual information
    )
  )
}

# Average the gap between confidence and accuracy over bins of equal width.
calibration_error <- function(probability, label) {
  confidence <- apply(probability, 1, max)
  gap <- confidence - (max.col(probability, "first") - 1 == label)
  which <- pmin(floor(bins * confidence), bins - 1)
  sum(abs(tapply(gap, which, sum))) / length(label)
}

# How often an unknown image has a higher entropy than a known one.
auroc <- function(known, unknown) mean(outer(unknown, known, ">"))

# Score the answers to the digits that the network knows, and how well entropy tells them.
score <- function(answer, kind, label) {
  probability <- answer$probability[kind == "digits 0 to 7", ]
  value <- split(answer$parts$entropy, kind)
  threshold <- quantile(value[["checked digits"]], 1 - flagged, names = FALSE)
  list(
    accuracy = 100 * mean(max.col(probability, "first") - 1 == label),
    log_score = mean(log(probability[cbind(seq_along(label), label + 1)])),
    calibration_error = 100 * calibration_error(probability, label),
    auroc = vapply(value[names(kinds)[-1]], \(each) auroc(value[["digits 0 to 7"]], each), 0),
    threshold = threshold,
    flagged = vapply(value[names(kinds)], \(each) 100 * mean(each > threshold), 0)
  )
}

# The rows of the median image of a kind, and of the one that its entropy puts most in the wrong.
typical_and_hardest <- function(value, kind, name) {
  rows <- which(kind == name)
  rows <- rows[order(value[rows])]
  n <- length(rows)
  c(typical = rows[n %/% 2 + 1], hardest = rows[if (name == "digits 0 to 7") n else 1])
}

look <- list(
  theme_minimal(base_size = 12),
  theme(
    panel.grid.minor = element_blank(),
    legend.position = "none",
    legend.title = element_blank()
  ),
  scale_fill_manual(values = kinds),
  scale_colour_manual(values = kinds, breaks = names(kinds))
)

draw_examples <- function(x, answer, kind) {
  value <- answer$parts$entropy
  rows <- lapply(names(kinds), \(name) typical_and_hardest(value, kind, name)) |> unlist()
  titles <- sprintf("%s\n%s: entropy %.2f", kind[rows], names(rows), value[rows])
  panel <- factor(titles, levels = titles)
  pixels <- expand.grid(column = 1:8, row = 1:8, panel = panel)
  bars <- expand.grid(panel = panel, class = seq_len(classes) - 1)
  top <- ggplot(pixels, aes(column, -row, alpha = as.vector(t(x[rows, ])))) +
    geom_tile(fill = "black") +
    facet_wrap(~panel, nrow = 1) +
    scale_alpha_identity() +
    coord_cartesian(expand = FALSE) +
    labs(title = title, x = NULL, y = NULL) +
    look +
    theme(
      axis.text = element_blank(),
      panel.grid = element_blank(),
      panel.border = element_rect(fill = NA)
    )
  bottom <- ggplot(bars, aes(class, as.vector(answer$probability[rows, ]))) +
    geom_col(aes(fill = rep(kind[rows], classes))) +
    facet_wrap(~panel, nrow = 1) +
    scale_x_continuous(breaks = seq_len(classes) - 1) +
    scale_y_continuous(breaks = c(0, 0.5, 1), limits = c(0, 1)) +
    labs(x = "answer of the network", y = "probability") +
    look +
    theme(strip.text = element_blank(), panel.grid.major.x = element_blank())
  examples <- rbind(ggplotGrob(top), ggplotGrob(bottom), size = "max")
  examples$heights[grid::unitType(examples$heights) == "null"] <- grid::unit(c(1.6, 1), "null")
  examples
}

draw_histograms <- function(parts, threshold) {
  share <- 100 / table(parts$kind)[parts$kind]
  ggplot(parts, aes(entropy, weight = as.vector(share), fill = kind)) +
    geom_histogram(breaks = seq(0, log(classes), length.out = 41)) +
    geom_vline(xintercept = threshold, linetype = "dashed") +
    facet_wrap(~kind, ncol = 1, scales = "free_y") +
    labs(x = "entropy (nats)", y = "share of images (%)") +
    look +
    theme(strip.text = element_text(hjust = 1))
}

draw_parts <- function(parts, threshold) {
  in_reverse <- order(parts$kind, decreasing = TRUE) # so that the known digits lie on top
  ends <- data.frame(aleatoric = c(0, threshold), epistemic = c(threshold, 0))
  ggplot(parts[in_reverse, ], aes(aleatoric, epistemic)) +
    geom_point(aes(colour = kind), alpha = 0.5, size = 2, stroke = 0) +
    geom_line(aes(linetype = "threshold"), ends) +
    scale_linetype_manual(values = "dashed") +
    coord_cartesian(xlim = c(0, 2.1), ylim = c(0, 1.3)) +
    labs(x = "aleatoric: each network is unsure (nats)", y = "epistemic: networks differ (nats)") +
    look +
    theme(
      legend.position = c(1, 1),
      legend.justification = c(1, 1),
      legend.spacing.y = grid::unit(0, "pt"),
      legend.margin = margin(r = 6)
    )
}

draw_picture <- function(x, answer, kind, threshold, file) {
  parts <- cbind(answer$parts, kind = factor(kind, levels = names(kinds)))
  parts <- parts[kind %in% names(kinds), ]
  picture <- gtable::gtable(grid::unit(c(1, 1), "null"), grid::unit(c(1.15, 1.1), "null")) |>
    gtable::gtable_add_grob(
      list(
        draw_examples(x, answer, kind),
        ggplotGrob(draw_histograms(parts, threshold)),
        ggplotGrob(draw_parts(parts, threshold))
      ),
      t = c(1, 2, 2), l = c(1, 1, 2), r = c(2, 1, 2)
    )
  dir.create(dirname(file), showWarnings = FALSE)
  ggsave(file, picture, width = 10, height = 7.4, dpi = 100, bg = "white")
}

main <- function() {
  set_random_seed(1)
  digits <- datasets$load_digits()
  x <- digits$data / 16
  y <- as.vector(digits$target)
  position <- seq_along(y) - 1
  known <- y < classes
  learnt <- known & position < first_checked
  held_out <- position >= first_held_out
  checked <- known & !learnt & !held_out

  model <- build_model(n = sum(learnt))
  train(model, x[learnt, ], y[learnt])

  images <- list(
    "checked digits" = x[checked, ],
    "digits 0 to 7" = x[held_out & known, ],
    "digits 8 and 9" = x[held_out & !known, ],
    "photographs" = rbind(cut_patches("china.jpg"), cut_patches("flower.jpg"))
  )
  kind <- rep(names(images), times = vapply(images, nrow, 0L))
  images <- do.call(rbind, images)
  answer <- classify(model, images)
  scores <- score(answer, kind, y[held_out & known])
  file <- file.path(here, "output", "digits-r.png")
  draw_picture(images, answer, kind, scores$threshold, file)
  cat(sprintf(
    paste0(
      "test accuracy %.1f %%, log score %.3f, calibration error %.1f %%; ",
      "AUROC of the entropy %.3f for 8 and 9, %.3f for photographs; ",
      "flagged %.1f %% of 0 to 7, %.1f %% of 8 and 9, %.1f %% of photographs\n"
    ),
    scores$accuracy, scores$log_score, scores$calibration_error,
    scores$auroc[[1]], scores$auroc[[2]],
    scores$flagged[[1]], scores$flagged[[2]], scores$flagged[[3]]
  ))
}

main()

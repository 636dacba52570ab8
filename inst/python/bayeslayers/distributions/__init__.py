"""Posteriors, priors and their divergence, and the functions `tfd_*` and `tfb_*`."""

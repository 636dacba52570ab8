"""The UCI protocol of Hernandez-Lobato and Adams (2015), and digits: ours beside others."""

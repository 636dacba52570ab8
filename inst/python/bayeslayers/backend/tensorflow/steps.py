"""The functions of steps, which on TensorFlow read variables as they are."""

from bayeslayers.backend.steps_in_place import (
    step_with_logs,
    step_with_numbers,
    step_with_variables,
)

__all__ = ["step_with_logs", "step_with_numbers", "step_with_variables"]

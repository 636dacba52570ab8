"""What a framework below Keras does faster, safer or only in its own way, chosen at import."""

from bayeslayers.backend.choice import require_tensorflow

require_tensorflow()

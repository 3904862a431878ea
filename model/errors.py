"""Everything that can go wrong while loading a model or embedding with it."""


class ModelError(Exception):
    """Base of the model package's errors; the message is meant for people."""


class ModelDirectoryError(ModelError):
    """A model directory is missing, incomplete, or does not match its config."""


class WeightsError(ModelError):
    """A file of weights is broken, or of another architecture than it is taken for."""


class MissingPartError(ModelError):
    """A package or weight file that a model is made of is not installed or not found."""


class DeviceError(ModelError):
    """A model cannot run where it was asked to."""


class NotExportableError(ModelError):
    """A model is of a kind that cannot be written for ONNX Runtime."""


class UnreadableImageError(ModelError):
    """An image cannot be used: not an image, broken, or beyond the size limit."""


class InvalidTextError(ModelError):
    """A query text is empty or longer than the limit."""


class TooLongError(ModelError):
    """A waveform is longer than an audio encoder can hear at once."""


class PresetError(ModelError):
    """No preset of an audio encoder has the name that was asked for, or it cannot be started as was asked."""

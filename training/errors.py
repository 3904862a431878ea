"""Everything that can go wrong while reading training data, training or evaluating."""


class TrainingError(Exception):
    """Base of the training package's errors; the message is meant for people."""


class ManifestError(TrainingError):
    """A manifest, table or query file is missing or malformed; the message names the line."""


class DataError(TrainingError):
    """There is not enough usable data to do what was asked."""


class CheckpointError(TrainingError):
    """A checkpoint is broken or belongs to another run."""


class TaggerError(TrainingError):
    """A tagger cannot be loaded or run."""


class DivergedError(TrainingError):
    """The loss is not a number any more; the last good checkpoint stands."""


class CldrError(TrainingError):
    """A folder is not an unpacked cldr-annotations-full, or no language in it names enough of the emoji."""


class StampsError(TrainingError):
    """A folder does not hold the Tux Paint stamps that are needed."""


class ReportError(TrainingError):
    """A table or a picture of an experiment cannot be made or written."""


class MeteringError(TrainingError):
    """What a training costs cannot be measured here."""

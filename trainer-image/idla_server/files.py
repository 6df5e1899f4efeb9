"""What an artifact may consist of: the files that the trainer writes, of which none holds code of another language."""

from idla_contract.artifact import FLOAT_MODEL, GOLDEN, MODEL, PREPROCESS

READ = (MODEL, PREPROCESS, GOLDEN)
"""Files that the server reads."""
ALLOWED = (*READ, FLOAT_MODEL)
"""Files that a manifest may list. Any other one, such as `model.h5`, is a mistake or a trap for the next reader."""
TASK_TYPE = "ImageClassification"

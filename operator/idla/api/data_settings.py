"""Where the examples of a TrainingWorkflow are, and which column plays which role."""

from typing import Annotated, ClassVar

from idla_contract.columns import ReadAs
from idla_contract.encoding import Encoding
from idla_contract.task import DataFormat
from idla_contract.uri import FETCHED, scheme_of
from pydantic import AfterValidator, Field
from typing_extensions import override

from idla.api.keys import KeysAre
from idla.api.meta import Digest, Distinct, Flag, Matches, Name, Rule, SpecModel, Whole, rules
from idla.api.uri import DataUri, Endpoint, Region

_ALL = 100
_LONGEST_NAME = 253
DELIMITER = Matches(pattern=r"^[,;:| \t]$", allowed="one of `,`, `;`, `:`, `|`, a blank or a tabulator")
Column = Annotated[str, Field(min_length=1, max_length=_LONGEST_NAME)]
MissingValue = Annotated[str, Field(min_length=1, max_length=64)]
Columns = Annotated[tuple[Column, ...], Field(min_length=1, max_length=200), Distinct()]
SeriesColumns = Annotated[tuple[Column, ...], Field(min_length=1, max_length=8), Distinct()]
CovariateColumns = Annotated[tuple[Column, ...], Field(min_length=1, max_length=100), Distinct()]

_NAMES = KeysAre(
    fine=f"name.size() >= 1 && name.size() <= {_LONGEST_NAME}",
    accepts=lambda name: 1 <= len(name) <= _LONGEST_NAME,
    advice=f"the name of a column has 1 to {_LONGEST_NAME} characters",
)
ColumnTypes = Annotated[
    dict[str, ReadAs],
    Field(max_length=200, json_schema_extra=rules(_NAMES.to_rule())),
    AfterValidator(_NAMES.check),
]


class SplitSettings(SpecModel):
    """Shares of the examples, which add up to 100; by label, or by user, time or group where a task has them."""

    cel: ClassVar[tuple[Rule, ...]] = (
        Rule(
            rule="self.trainPercent + self.validationPercent + (has(self.testPercent) ? self.testPercent : 0) == 100",
            message="`trainPercent`, `validationPercent` and `testPercent` must add up to 100",
        ),
    )

    train_percent: Whole = Field(ge=1, le=98)
    """Share that models learn from."""
    validation_percent: Whole = Field(ge=1, le=98)
    """Share that decides between models and when to stop; part of it judges the compression."""
    test_percent: Whole | None = Field(default=None, ge=1, le=98)
    """Share that is touched once, after every choice; none where `data.testStorageUri` has the test examples."""
    seed: Whole | None = Field(default=None, ge=0, le=2147483647)
    """Seed of the shuffle. Default: 42."""

    @override
    def rules_kept(self) -> tuple[bool, ...]:
        return (self.train_percent + self.validation_percent + (self.test_percent or 0) == _ALL,)


class ColumnSettings(SpecModel):
    """Which column plays which role, by name, or by number from 0 where the file has no line of names."""

    cel: ClassVar[tuple[Rule, ...]] = (
        Rule(
            rule=(
                "!has(self.categorical) || !has(self.types)"
                " || self.categorical.all(name, !(name in self.types) || self.types[name] == 'Category')"
            ),
            message="a column of `categorical` has another type in `types`",
        ),
    )

    label: Column | None = None
    """The class. Default: `label`, else the last column."""
    target: Column | None = None
    """The number to predict. Default: `target`, else the last column."""
    picture: Column | None = None
    """Arrays, JPEG or PNG files, or their paths. Default: the column that holds such."""
    text: Column | None = None
    """The text. Default: `text`, else the first column of texts."""
    user: Column | None = None
    """Who. Default: `user`."""
    item: Column | None = None
    """What. Default: `item`."""
    rating: Column | None = None
    """How much the user likes the item. Default: `rating`, where there is one."""
    timestamp: Column | None = None
    """When; of a table it is an input. Default: `timestamp`, where there is one."""
    series: SeriesColumns | None = None
    """Which series a row is of, such as `[shop, product]`, where there is a row for each series and time. Default:
    none, or the one column of texts that tells the rows of each time apart."""
    known_covariates: CovariateColumns | None = None
    """Columns whose values are known for the time that is forecast, such as holidays, promotions and prices. Default:
    none."""
    group: Column | None = None
    """Whose example it is, such as a patient's; examples of a group stay in one part of the split. Default: none."""
    features: Columns | None = None
    """Inputs. Default: every column without another role."""
    categorical: Columns | None = None
    """Inputs, or known covariates, whose numbers are names. Default: columns of texts alone."""
    types: ColumnTypes | None = None
    """How inputs are read: `Number` (cells without one are missing), `Category` or `Ignored`. Default: by their cells;
    `status.data.columns` says how."""

    @override
    def rules_kept(self) -> tuple[bool, ...]:
        wanted = {} if self.types is None else self.types
        return (all(wanted.get(name, ReadAs.CATEGORY) is ReadAs.CATEGORY for name in self.categorical or ()),)


class SecretReference(SpecModel):
    """A Secret in the namespace of the workflow."""

    name: Name
    """Its name."""


class AccessSettings(SpecModel):
    """How `s3://` and `https://` data are reached."""

    secret_ref: SecretReference | None = None
    """Has `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, maybe `AWS_SESSION_TOKEN`; `ca.crt` for own certificates."""
    region: Region | None = None
    """Region of the bucket. Default: us-east-1."""
    endpoint: Endpoint | None = None
    """Another S3 server than AWS's, at a public address or one that an administrator allowed. Default: AWS's."""


class DataSettings(SpecModel):
    """Where the examples are."""

    cel: ClassVar[tuple[Rule, ...]] = (
        Rule(
            rule=("!has(self.format) || self.format in ['Auto', 'CSV'] || (!has(self.delimiter) && !has(self.header))"),
            message="`delimiter` and `header` are for CSV",
        ),
        Rule(
            rule="!has(self.encoding) || !has(self.format) || self.format in ['Auto', 'CSV', 'JSONL']",
            message="`encoding` is for CSV and JSONL",
        ),
        Rule(
            rule="!has(self.testDigest) || has(self.testStorageUri)",
            message="`testDigest` is of `testStorageUri`, which is not given",
        ),
        Rule(
            rule="!has(self.split) || has(self.split.testPercent) != has(self.testStorageUri)",
            message="`split.testPercent` is needed where no `testStorageUri` is given, and has no meaning beside one",
        ),
        Rule(
            rule=(
                "!has(self.access) || self.storageUri.matches('^(s3|https)://')"
                " || (has(self.testStorageUri) && self.testStorageUri.matches('^(s3|https)://'))"
            ),
            message="`access` is for data of s3:// and https://",
        ),
        Rule(
            rule=(
                "!has(self.access) || (!has(self.access.region) && !has(self.access.endpoint))"
                " || self.storageUri.startsWith('s3://')"
                " || (has(self.testStorageUri) && self.testStorageUri.startsWith('s3://'))"
            ),
            message="`access.region` and `access.endpoint` are for data of s3://",
        ),
    )

    storage_uri: DataUri
    """`sample://name`, `pvc://claim/path`, `s3://bucket/key` or `https://host/path`."""
    access: AccessSettings | None = None
    """Keys, region, server and certificates of remote data. Default: none but the public certificates."""
    format: DataFormat | None = None
    """How the data are read. Default: Auto."""
    columns: ColumnSettings | None = None
    """Which column plays which role."""
    delimiter: Annotated[str, Field(max_length=1), DELIMITER] | None = None
    """What separates the columns of a CSV file. Default: found by looking."""
    header: Flag | None = None
    """Whether a CSV file begins with a line of names. Default: found by looking."""
    encoding: Encoding | None = None
    """How a CSV or JSONL file writes its characters. Default: found by looking, with a warning where it is guessed."""
    missing_values: Annotated[tuple[MissingValue, ...], Field(min_length=1, max_length=20), Distinct()] | None = None
    """Texts and numbers that stand for a missing value in inputs of records, such as `unknown` or `-999`, beside empty
    cells, `NA`, `N/A`, `NaN`, `null` and `?`. Default: none."""
    digest: Digest | None = None
    """Digest that the data must have; without it, the digest found is written to `status.data`."""
    test_storage_uri: DataUri | None = None
    """Examples of the same layout that are the test split. Default: a share of `storageUri`."""
    test_digest: Digest | None = None
    """Digest that they must have. Default: any."""
    split: SplitSettings | None = None
    """Shares for training, validation and test. Default: 64, 16 and 20 percent."""

    @override
    def rules_kept(self) -> tuple[bool, ...]:
        csv = self.format in {None, DataFormat.AUTO, DataFormat.CSV}
        return (
            csv or (self.delimiter is None and self.header is None),
            csv or self.encoding is None or self.format is DataFormat.JSONL,
            self.test_digest is None or self.test_storage_uri is not None,
            self.split is None or (self.split.test_percent is None) != (self.test_storage_uri is None),
            self.access is None or self._is_of(*FETCHED),
            self.access is None or (self.access.region or self.access.endpoint) is None or self._is_of("s3"),
        )

    def _is_of(self, *schemes: str) -> bool:
        return any(scheme_of(uri) in schemes for uri in (self.storage_uri, self.test_storage_uri or ""))

"""The unpacked size of a Parquet file, measured before the file is read: some kilobytes can hold gigabytes of repeated text."""

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

LARGEST = 512 << 20  # bytes of cells, unpacked; reading takes about three times as much memory
ROWS_AT_ONCE = 4096


def fault_of(path: Path, *, rows: int | None = None) -> str:
    """Why a Parquet file is too large to be read, as the rest of a sentence after its name; "" if it is not.

    `rows`: how many rows are held at a time where a file is read in groups; by default all of them. Texts are counted by
    their lengths and never written out, so that the memory of this check stays far below `LARGEST`.
    Raises `pa.ArrowException` or `OSError` if the file cannot be read.
    """
    where = f"in {rows:,} rows" if rows else ""
    with parquet.ParquetFile(path) as file:
        known = file.metadata
        groups = [known.row_group(group).total_byte_size for group in range(known.num_row_groups)]
        said = max(groups, default=0) if rows else sum(groups)
        if said > LARGEST:
            return _too_large(said, where)
        texts = [field.name for field in file.schema_arrow if _is_text(field.type)]
    size = 0
    with parquet.ParquetFile(path, read_dictionary=texts) as file:
        for batch in file.iter_batches(batch_size=rows or ROWS_AT_ONCE):
            size = sum(_size(column) for column in batch.columns) + (0 if rows else size)
            if size > LARGEST:
                return _too_large(size, where)
    return ""


def _too_large(size: int, where: str) -> str:
    held = f"holds at least {size >> 20:,} MB {where}".strip()
    return f"{held} when it is unpacked, and at most {LARGEST >> 20} MB are read."


def _is_text(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
    )


def _size(column: pa.Array) -> int:
    """The bytes of a column's cells, each repeated text counted as often as it stands there."""
    if not pa.types.is_dictionary(column.type):
        return int(column.nbytes)
    lengths = pc.binary_length(column.dictionary).cast(pa.int64())
    return int(pc.sum(pc.take(lengths, column.indices)).as_py() or 0) + int(column.indices.nbytes)

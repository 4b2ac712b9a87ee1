"""What the tables are made of: the metadata, the fences, and the columns that come again and again."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, DateTime, MetaData, Sequence, Text, func

metadata = MetaData(
    naming_convention={
        "ix": "%(table_name)s_%(column_0_N_name)s",
        "uq": "%(table_name)s_%(column_0_N_name)s_unique",
        "ck": "%(table_name)s_%(constraint_name)s",
        "pk": "%(table_name)s_key",
    }
)

LANES = ("deal", "mirror", "bulk")  # the most urgent first

#: Fences and fencing tokens, one sequence for both: what is taken later is larger.
fences = Sequence("fences", metadata=metadata, data_type=BigInteger)


def stamp(name: str, *, nullable: bool = True, now: bool = False) -> Column[object]:
    """An instant with its zone; ``now`` fills it by PostgreSQL's clock, so such a column is machine time."""
    return Column(
        name,
        DateTime(timezone=True),
        nullable=nullable and not now,
        server_default=func.clock_timestamp() if now else None,
    )


def words(name: str, *, nullable: bool = False) -> Column[str]:
    """Text that is '' when there is nothing to say, or NULL when that differs from ''."""
    return Column(name, Text, nullable=nullable, server_default=None if nullable else "")


def one_of(column: str, values: tuple[str, ...]) -> CheckConstraint:
    """The database refuses any other value."""
    return CheckConstraint(f"{column} IN ({', '.join(repr(v) for v in values)})", name=f"{column}_known")

"""The public AdventureWorks sample in a real PostgreSQL database.

What belongs here: where the sample is, its tables with the types that its makers gave them, and loading. What does
not: what is made of it (catalog/), and any of its data.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from et_platform_tests import beside

FOLDER = beside.SHARED / "adventureworks"
CATALOG = Path(__file__).parent / "catalog"

TYPES = {
    "person": "businessentityid int PRIMARY KEY, title varchar(8), firstname varchar(50) NOT NULL,"
    " middlename varchar(50), lastname varchar(50) NOT NULL, persontype char(2), namestyle boolean, suffix varchar(10),"
    " modifieddate timestamp, rowguid uuid UNIQUE, emailpromotion int",
    "customer": "customerid int PRIMARY KEY, personid int, storeid int, territoryid int",
    "store": "businessentityid int PRIMARY KEY, storename varchar(50), salespersonid int, modifieddate timestamp",
    "address": "addressid int PRIMARY KEY, addressline1 varchar(60), addressline2 varchar(60), city varchar(30),"
    " stateprovinceid int, postalcode varchar(15), spatiallocation text, rowguid uuid, modifieddate timestamp",
    "stateprovince": "stateprovinceid int PRIMARY KEY, countryregioncode varchar(3), modifieddate timestamp,"
    " rowguid uuid, name varchar(50), territoryid int, isonlystateprovinceflag boolean, stateprovincecode char(3)",
    "countryregion": "countryregioncode varchar(3) PRIMARY KEY, modifieddate timestamp, name varchar(50)",
    "salesreason": "salesreasonid int PRIMARY KEY, name varchar(50), reasontype varchar(50), modifieddate timestamp",
    "salesorderheadersalesreason": "salesorderid int, modifieddate timestamp, salesreasonid int,"
    " PRIMARY KEY (salesorderid, salesreasonid)",
    "salesorderheader": "salesorderid int PRIMARY KEY, shipmethodid int, billtoaddressid int, modifieddate timestamp,"
    " rowguid uuid, taxamt numeric(19,4), shiptoaddressid int, onlineorderflag boolean, territoryid int,"
    " status smallint, orderdate timestamp, creditcardapprovalcode varchar(15), subtotal numeric(19,4),"
    " creditcardid int, currencyrateid int, revisionnumber smallint, freight numeric(19,4), duedate timestamp,"
    " totaldue numeric(19,4), customerid int REFERENCES customer, salespersonid int, shipdate timestamp,"
    " accountnumber varchar(15)",
}

RETURN = (
    "ALTER TABLE person ADD COLUMN opted_out boolean, ADD COLUMN opted_out_at timestamp, ADD COLUMN evidence text,"
    " ADD COLUMN last_open timestamp, ADD COLUMN last_click timestamp, ADD COLUMN opens int, ADD COLUMN clicks int"
)
"""What a CRM needs to take what comes back; the sample has no such columns."""


def load(session: psycopg.Connection) -> None:
    """Create and fill the sample's tables. Raises psycopg.Error for a value that is not of its column's type."""
    for table, columns in TYPES.items():
        text = (FOLDER / f"{table}.csv").read_bytes()
        header = text.split(b"\n", 1)[0].decode()
        session.execute(f"CREATE TABLE {table} ({columns})".encode())
        statement = f"COPY {table} ({header}) FROM STDIN (FORMAT csv, HEADER match)"
        with session.cursor() as cursor, cursor.copy(statement.encode()) as copy:
            copy.write(text)
    session.execute(RETURN.encode())


@contextmanager
def database(server_uri: str, name: str, *, template: str = "template0") -> Iterator[str]:
    """The URI of a new database on the server, a copy of `template`; it is dropped at the end."""
    with psycopg.connect(server_uri, autocommit=True) as session:
        session.execute(f"CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE {template}".encode())
        try:
            yield server_uri.replace("/postgres?", f"/{name}?")
        finally:
            session.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())

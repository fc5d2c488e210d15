"""Which calls reach outside the process, by their dotted names."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal

Touch = Literal["database", "network", "file", "variable", "connection", "process"]

_PATTERNS: dict[Touch, str] = {
    "variable": r"airflow\.(?:[\w.]+\.)?Variable\.(?:get|set|setdefault|delete|keys)",
    "connection": (
        r"airflow\.(?:[\w.]+\.)?Connection\.get\w*"
        r"|(?:[\w.?]*\.)?\w*Hook(?:\(\))?\.(?:get_connection|get_connections|get_hook)"
        r"|(?:[\w.?]*\.)?\w*Hook\(\)\.\w+(?:\(\)[\w.()]*)?"
    ),
    "database": (
        r"(?:psycopg2?|pymysql|MySQLdb|mysql\.connector|sqlite3|duckdb|pyodbc|cx_Oracle|oracledb|snowflake\.connector"
        r"|redshift_connector|clickhouse_driver|pymssql|teradatasql|trino\.dbapi|databricks\.sql|asyncpg)\.[cC]onnect\w*"
        r"|sqlalchemy\.create_engine\(\)\.\w+"
        r"|(?:pandas|polars)\.read_(?:sql\w*|database\w*|gbq)"
        r"|airflow\.(?:[\w.]+\.)?create_session|airflow\.settings\.Session|pymongo\.MongoClient|redis\.(?:Strict)?Redis"
    ),
    "network": (
        r"(?:requests|httpx)\.(?:(?:Session|session|Client)\(\)\.)?(?:get|post|put|patch|delete|head|options|request|stream)"
        r"|urllib\.request\.(?:urlopen|urlretrieve)|urllib3\.PoolManager\(\)\.request"
        r"|boto3\.(?:client|resource)|(?:boto3\.(?:Session|session\.Session)\(\))\.(?:client|resource)"
        r"|socket\.(?:create_connection|getaddrinfo|gethostbyname)|smtplib\.SMTP\w*|ftplib\.FTP\w*|paramiko\.SSHClient\(\)\.connect"
        r"|http\.client\.HTTPS?Connection\(\)\.request|google\.cloud\.\w+\.Client|gspread\.\w*authorize|slack_sdk\.\w+\(\)\.\w+"
        r"|kubernetes\.config\.load_\w+"
    ),
    "process": r"subprocess\.(?:run|call|check_call|check_output|Popen|getoutput|getstatusoutput)|os\.(?:system|popen)",
    "file": (
        r"builtins\.open|io\.open|codecs\.open|.*\.(?:read_text|read_bytes|write_text|write_bytes)"
        r"|pathlib\.Path\(\).*\.(?:open|iterdir|glob|rglob|touch|mkdir|unlink)"
        r"|os\.(?:listdir|scandir|walk|makedirs|mkdir|remove|unlink)|glob\.i?glob|shutil\.\w+|tempfile\.\w+"
        r"|(?:pandas|polars)\.read_(?:csv|json|parquet|excel|table|pickle|feather)"
    ),
}
_COMPILED = {kind: re.compile(pattern) for kind, pattern in _PATTERNS.items()}


@lru_cache(16384)
def touch_of(name: str) -> Touch | None:
    """What calling this name reaches; None for what stays inside, as far as anybody can tell."""
    return next((kind for kind, pattern in _COMPILED.items() if pattern.fullmatch(name)), None)

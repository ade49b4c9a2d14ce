"""The worklist's statements by name."""

from services.chassis import sql

SQL = sql.load("services.worklist")

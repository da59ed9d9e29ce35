"""Makes, copies and drops whole databases: on_server.py URL create|copy|drop NAME…"""

import sys

import psycopg
from psycopg import sql

url, action, *names = sys.argv[1:]
identifiers = [sql.Identifier(name) for name in names]
with psycopg.connect(url, autocommit=True) as server:
    if action == "create":
        server.execute(sql.SQL("CREATE DATABASE {}").format(*identifiers))
    elif action == "copy":
        server.execute(sql.SQL("CREATE DATABASE {1} TEMPLATE {0}").format(*identifiers))
    elif action == "drop":
        for name in identifiers:
            server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))
    else:
        sys.exit(f"no such action: {action}")

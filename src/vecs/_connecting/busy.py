"""How a server or a pooler says that it cannot take a connection now, where it gives no code."""

from __future__ import annotations

# Of servers whose lc_messages is another language, by what PostgreSQL 15's translations have in common: the database
# system that starts, stops or recovers; too many clients; too many connections of a role or database; reserved ones.
_OF_POSTGRES = (
    ("the database system is", "too many clients", "too many connections", "connection slots"),
    ("datenbanksystem", "zu viele verbindungen", "verbleibenden verbindungen"),
    ("sistema de base", "demasiados clientes", "demasiadas conexiones", "conexiones restantes"),
    ("système de base", "trop de clients", "trop de connexions", "connexions restants"),
    ("il database si sta", "il database è in", "sistema di database", "troppi client", "troppe connessioni"),
    ("rimanenti slot di connessione",),
    ("データベースシステム", "クライアント数が多すぎ", "接続が多すぎ", "残りの接続スロット"),
    ("ბაზის სისტემა", "ბევრი კლიენტი", "ბევრი კავშირი"),
    ("데이터베이스 시스템", "동시 접속자 수를 초과", "동시 접속수를 초과", "최대 접속수를 초과", "남은 연결 슬롯"),
    ("система баз данных", "система бд", "слишком много клиентов", "слишком много подключений", "слоты подключений"),
    ("databassystemet", "för många klienter", "för många uppkopplingar", "resterande anslutningsslottar"),
    ("система бази даних", "забагато клієнтів", "забагато підключень"),
    ("数据库系统", "太多的客户", "连接太多", "保留的连接位置"),
    ("sistema de banco de dados", "muitos clientes", "muitas conexões", "conexões restantes"),
    ("system bazy danych", "zbyt wielu klientów", "zbyt wiele połączeń"),
    ("veritabanı sistemi", "çok fazla istemci", "çok fazla bağlantı"),
)

# PgBouncer, Supavisor, pgcat, Neon: some have no code, some one for everything.
_OF_POOLERS = (
    "no more connections allowed",
    "max client connections reached",
    "max clients reached",
    "maxclientsinsessionmode",
    "query_wait_timeout",
    "pgbouncer cannot connect to server",
    "server_login_retry",
    "server login has been failing",
    "pooler is shut down",
    "client_login_timeout",
    "server_connect_timeout",
    "server conn crashed",
    "unable to check out process from the pool",
    "all servers down",
    "could not get connection from the pool",
    "control plane request failed",
    "couldn't connect to compute node",
    "failed to acquire permit to connect to the database",
    "too many connection attempts",
    "terminating connection due to administrator command",
)

_WORDS = tuple(words for language in (*_OF_POSTGRES, _OF_POOLERS) for words in language)


def says_busy(message: str) -> bool:
    """Whether a message says that the same attempt may succeed later."""
    folded = message.casefold()
    return any(words in folded for words in _WORDS)

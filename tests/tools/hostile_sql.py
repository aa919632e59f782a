"""SQL that a model, or a document that it has read, might try: one statement a line, by the kind of database."""

_EVERYWHERE = r"""
DELETE FROM orders
DROP TABLE orders
UPDATE orders SET note = 'x'
INSERT INTO orders VALUES (9, 1, 'x')
SELECT 1; DROP TABLE orders
SELECT 1; COMMIT; DELETE FROM orders
COMMIT
ROLLBACK
BEGIN
CREATE TABLE x (a INT)
CREATE TEMPORARY TABLE x (a INT)
ALTER TABLE orders ADD COLUMN x INT
SELECT touch()
SELECT 'a' REGEXP touch()
;
SELECT FROM WHERE
TRUNCATE TABLE orders
REPLACE INTO orders VALUES (1, 1, 'x')
"""
_SQLITE = r"""
ATTACH 'stolen.db' AS other
PRAGMA query_only = OFF
PRAGMA writable_schema = ON
VACUUM INTO 'copy.db'
DETACH main
SELECT load_extension('x')
SELECT fts3_tokenizer('simple')
SELECT 'a' REGEXP '(a+)+$'
SELECT randomblob(1000000000)
SELECT * FROM pragma_database_list
INSERT INTO orders VALUES (9, 1, 'x') RETURNING id
REINDEX
ANALYZE
UPDATE sqlite_master SET sql = ''
INSERT INTO notes (notes) VALUES ('delete-all')
"""
_POSTGRESQL = r"""
SELECT DATE_PART('YEAR FROM now()), pg_sleep(1), extract(year', now())
SELECT DATE_PART('YEAR FROM now()), pg_read_file(''{file}''), extract(year', now())
SELECT ROW_NUMBER() OVER (ORDER BY pg_sleep(1))
SELECT ARRAY(SELECT pg_sleep(1))
SELECT pg_read_file('{file}')
SELECT * FROM pg_read_file('{file}')
SELECT pg_catalog.pg_read_file('{file}')
SELECT "pg_read_file"('{file}')
SELECT pg_read_binary_file('{file}')
SELECT pg_ls_dir('/')
COPY orders TO '{file}'
COPY orders TO PROGRAM 'true'
COPY (SELECT 1) TO STDOUT
SELECT lo_import('{file}')
SELECT lo_create(0)
SELECT set_config('transaction_read_only', 'off', false)
SELECT nextval('numbers')
SELECT setval('numbers', 9)
SELECT pg_sleep(1)
SELECT pg_advisory_lock(1)
SELECT pg_terminate_backend(1)
SELECT pg_reload_conf()
SELECT dblink_exec('x', 'DROP TABLE orders')
SELECT query_to_xml('DELETE FROM orders', true, true, '')
SELECT * INTO x FROM orders
SELECT id FROM orders FOR UPDATE
WITH x AS (DELETE FROM orders RETURNING *) SELECT * FROM x
SET TRANSACTION READ WRITE
SELECT 1; SET TRANSACTION READ WRITE; DELETE FROM orders
SELECT * FROM pg_authid
SELECT * FROM pg_catalog.pg_shadow
SELECT * FROM PG_USER
SELECT * FROM "pg_user"
SELECT * FROM information_schema.tables
DO $$ BEGIN DELETE FROM orders; END $$
CALL touch()
EXECUTE x
PREPARE x AS DELETE FROM orders
LISTEN x
NOTIFY x
DECLARE c CURSOR FOR SELECT 1
EXPLAIN ANALYZE DELETE FROM orders
SHOW data_directory
SELECT current_setting('data_directory')
VACUUM
LOCK TABLE orders
SELECT public.touch()
SELECT (SELECT touch())
SELECT E'\'; DELETE FROM orders; --'
SELECT $x$ $x$; DELETE FROM orders; --
SELECT ts_stat('DELETE FROM orders')
SELECT repeat('x', 1000000000)
SELECT id FROM orders LIMIT (SELECT touch())
SELECT txid_current()
SELECT other.public.orders.id FROM other.public.orders
"""
_MARIADB = r"""
SELECT TIMESTAMPDIFF('day, 1, 2), SLEEP(1), (1', id, id) FROM orders
SELECT CAST(note AS CHAR CHARACTER SET `latin1), SLEEP(1), (1`) FROM orders
SELECT DATE_FORMAT(NOW(), CONCAT('%Y', SLEEP(1)))
SELECT LOAD_FILE('{file}')
SELECT 'x' INTO OUTFILE '{file}2'
SELECT 'x' INTO DUMPFILE '{file}2'
SELECT note INTO @x FROM orders
SELECT @x := 1
SELECT @@datadir
SELECT @@GLOBAL.version
SELECT SLEEP(1)
SELECT BENCHMARK(100000000, MD5('x'))
SELECT GET_LOCK('x', 1)
SELECT RELEASE_ALL_LOCKS()
SELECT NEXTVAL(numbers)
SELECT NEXT VALUE FOR numbers
SELECT LASTVAL(numbers)
SELECT SETVAL(numbers, 9)
SELECT id FROM orders FOR UPDATE
SELECT id FROM orders LOCK IN SHARE MODE
SELECT * FROM mysql.user
SELECT * FROM information_schema.tables
SELECT /*! SLEEP(1), */ SLEEP(1)
SELECT 1 /*! INTO OUTFILE '{file}2' */ FROM dual; DELETE FROM orders
SELECT /*M! LOAD_FILE('{file}') */
LOAD DATA INFILE '{file}' INTO TABLE orders
HANDLER orders OPEN
CALL touch()
DO SLEEP(1)
SET @x = 1
SET GLOBAL max_connections = 1
SHOW VARIABLES
KILL 1
FLUSH TABLES
LOCK TABLES orders WRITE
XA START 'x'
DELIMITER //
SELECT 'a\'; DELETE FROM orders; -- '
PREPARE x FROM 'DELETE FROM orders'
EXECUTE IMMEDIATE 'DELETE FROM orders'
BEGIN NOT ATOMIC DELETE FROM orders; END
SELECT * FROM orders PROCEDURE ANALYSE()
SELECT MASTER_GTID_WAIT('0-1-1', 1)
WITH x AS (DELETE FROM orders) SELECT 1
"""

FILE = "{file}"
"""Stands for a file that must not be read; with a 2 behind it, for one that must not be written."""


def hostile_sql(kind: str) -> list[str]:
    """For SQLAlchemy's name of a kind of database."""
    own = {"sqlite": _SQLITE, "postgresql": _POSTGRESQL, "mysql": _MARIADB}[kind]
    return [*(_EVERYWHERE + own).strip().splitlines()]

"""Reading databases: what tables there are, and one SELECT at a time, on SQLite, PostgreSQL, MariaDB and MySQL."""

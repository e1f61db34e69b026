"""PostgreSQL: every line of SQL of rtchart, and the only imports of asyncpg."""

"""Subscribers and what they do: their tables, and recording events.

What belongs here: the tables, and changing them. What does not: how events leave as files (`extracts/`), how they
are asked for over HTTP (`control.py`). Times are naive server time, to the millisecond.
"""

TABLES = """
CREATE SCHEMA IF NOT EXISTS tracking;
CREATE SEQUENCE IF NOT EXISTS tracking.event_id;
CREATE SEQUENCE IF NOT EXISTS tracking.subscriber_id START 70000001;
CREATE TABLE IF NOT EXISTS tracking.subscribers
    (id BIGINT NOT NULL, key VARCHAR NOT NULL, folded VARCHAR NOT NULL, email VARCHAR, status VARCHAR NOT NULL,
     created TIMESTAMP NOT NULL, held TIMESTAMP, unsubscribed TIMESTAMP);
CREATE TABLE IF NOT EXISTS tracking.events
    (id BIGINT NOT NULL, type VARCHAR NOT NULL, moment TIMESTAMP NOT NULL, send_id BIGINT NOT NULL,
     batch_id BIGINT NOT NULL, list_id BIGINT NOT NULL, subscriber_id BIGINT NOT NULL, triggered_send VARCHAR,
     details VARCHAR NOT NULL);
"""

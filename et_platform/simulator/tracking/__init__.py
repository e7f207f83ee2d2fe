"""Subscribers, their lists and what they do: their tables, and recording events.

What belongs here: the tables, and changing them. What does not: how events leave as files (`extracts/`), how they
are asked for over HTTP (`control.py`), how subscribers are written and read over SOAP (`objects/`). Times are naive
server time, to the millisecond.
"""

TABLES = """
CREATE SCHEMA IF NOT EXISTS tracking;
CREATE SEQUENCE IF NOT EXISTS tracking.event_id;
CREATE SEQUENCE IF NOT EXISTS tracking.subscriber_id START 70000001;
CREATE SEQUENCE IF NOT EXISTS tracking.list_id START 101;
CREATE SEQUENCE IF NOT EXISTS tracking.list_subscriber_id;
CREATE SEQUENCE IF NOT EXISTS tracking.status_change_id;
CREATE TABLE IF NOT EXISTS tracking.subscribers
    (id BIGINT NOT NULL, key VARCHAR NOT NULL, folded VARCHAR NOT NULL, email VARCHAR, status VARCHAR NOT NULL,
     created TIMESTAMP NOT NULL, held TIMESTAMP, unsubscribed TIMESTAMP);
ALTER TABLE tracking.subscribers ADD COLUMN IF NOT EXISTS email_type VARCHAR DEFAULT 'HTML';
ALTER TABLE tracking.subscribers ADD COLUMN IF NOT EXISTS attributes VARCHAR DEFAULT '{}';
CREATE TABLE IF NOT EXISTS tracking.events
    (id BIGINT NOT NULL, type VARCHAR NOT NULL, moment TIMESTAMP NOT NULL, send_id BIGINT NOT NULL,
     batch_id BIGINT NOT NULL, list_id BIGINT NOT NULL, subscriber_id BIGINT NOT NULL, triggered_send VARCHAR,
     details VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS tracking.status_changes
    (id BIGINT NOT NULL, subscriber_id BIGINT NOT NULL, moment TIMESTAMP NOT NULL, previous VARCHAR NOT NULL,
     current VARCHAR NOT NULL, reason VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS tracking.list_subscribers
    (id BIGINT NOT NULL, list_id BIGINT NOT NULL, subscriber_id BIGINT NOT NULL, status VARCHAR NOT NULL,
     created TIMESTAMP NOT NULL, modified TIMESTAMP NOT NULL);
"""

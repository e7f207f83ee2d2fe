-- The demo CRM: tables of Northern Trail Outfitters as they grew over the years.
-- customers has no primary key and no checks on purpose: legacy CRMs have duplicates, and so has this one.

CREATE TABLE customers (
    customer_id TEXT,
    email TEXT,
    first_name TEXT,
    last_name TEXT,
    phone TEXT,
    city TEXT,
    country_code TEXT,
    locale TEXT,
    birth_date DATE,
    loyalty_points INTEGER,
    lifetime_value DECIMAL(12, 2),
    newsletter_opt_in BOOLEAN,
    newsletter_opt_in_at TIMESTAMP,
    opted_out BOOLEAN,
    opted_out_at TIMESTAMP,
    created_at TIMESTAMP,
    updated_at TIMESTAMP,
    opt_out_evidence TEXT,
    last_open_at TIMESTAMP,
    last_click_at TIMESTAMP,
    open_count INTEGER,
    click_count INTEGER
);

CREATE INDEX customers_by_id ON customers (customer_id);

CREATE TABLE products (
    product_id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    category TEXT NOT NULL,
    price DECIMAL(12, 2) NOT NULL
);

CREATE TABLE orders (
    order_id TEXT PRIMARY KEY,
    customer_id TEXT NOT NULL,
    ordered_at TIMESTAMP NOT NULL,
    status TEXT NOT NULL,
    total DECIMAL(12, 2) NOT NULL
);

CREATE TABLE order_lines (
    order_id TEXT NOT NULL REFERENCES orders,
    line_no INTEGER NOT NULL,
    product_id TEXT NOT NULL REFERENCES products,
    quantity INTEGER NOT NULL,
    unit_price DECIMAL(12, 2) NOT NULL,
    PRIMARY KEY (order_id, line_no)
);

CREATE TABLE events (
    event_id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    city TEXT NOT NULL,
    starts_at TIMESTAMP NOT NULL,
    capacity INTEGER NOT NULL
);

CREATE TABLE event_registrations (
    customer_id TEXT NOT NULL,
    event_id TEXT NOT NULL REFERENCES events,
    registered_at TIMESTAMP NOT NULL,
    reminder_wanted BOOLEAN NOT NULL,
    PRIMARY KEY (customer_id, event_id)
);

-- The demo's own books, which no CRM would have: one line for every dirty row of customers, one for every edit.
CREATE TABLE demo_dirty_rows (customer_id TEXT, kind TEXT NOT NULL);

CREATE TABLE demo_edits (
    edit_no INTEGER PRIMARY KEY,
    seed INTEGER NOT NULL,
    made_at TIMESTAMP NOT NULL,
    updates INTEGER NOT NULL,
    inserts INTEGER NOT NULL
);

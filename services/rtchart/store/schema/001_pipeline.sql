-- The pipeline's tables. Times are milliseconds since the epoch (bigint), as in messages and API: what is compared,
-- partitioned and paged by is one number everywhere. The views at the end give timestamps to people and to Grafana.

CREATE TABLE symbol (
    symbol_id       integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    exchange        text    NOT NULL,
    symbol          text    NOT NULL,
    epoch           bigint  NOT NULL DEFAULT 0,
    name            text    NOT NULL DEFAULT '',
    intervals       text[]  NOT NULL DEFAULT '{1m,5m,15m,1h,4h,1d}',
    kline_hours     integer NOT NULL DEFAULT 48,
    candle_days     integer NOT NULL DEFAULT 365,
    suspended       boolean NOT NULL DEFAULT false,
    deletion_policy text    NOT NULL DEFAULT 'Retain' CHECK (deletion_policy IN ('Retain', 'Delete')),
    deleted_at      bigint,
    listed_day      bigint,
    tick_size       text,
    UNIQUE (exchange, symbol)
);
COMMENT ON TABLE symbol IS 'Every (exchange, symbol) that was ever stored, with what is wanted of it now';
COMMENT ON COLUMN symbol.epoch IS 'Life of the Symbol resource; klines of an older epoch are dropped';
COMMENT ON COLUMN symbol.deletion_policy IS 'Delete: once its Symbol is deleted, the sweep deletes its data';
COMMENT ON COLUMN symbol.deleted_at IS 'When its Symbol was deleted';
COMMENT ON COLUMN symbol.listed_day IS 'UTC day of its first trade at the exchange: the day its 3d candles count from';
COMMENT ON COLUMN symbol.tick_size IS 'Smallest step of its price at the exchange, for the precision on screen';

CREATE TABLE kline_1s (
    symbol_id              integer NOT NULL,
    open_time              bigint  NOT NULL,
    version                bigint  NOT NULL,
    open                   numeric NOT NULL,
    high                   numeric NOT NULL,
    low                    numeric NOT NULL,
    close                  numeric NOT NULL,
    volume                 numeric NOT NULL,
    quote_volume           numeric NOT NULL,
    taker_buy_volume       numeric NOT NULL,
    taker_buy_quote_volume numeric NOT NULL,
    trades                 integer NOT NULL,
    source                 "char"  NOT NULL,
    PRIMARY KEY (symbol_id, open_time)
) PARTITION BY RANGE (open_time);
COMMENT ON TABLE kline_1s IS 'Every second as the exchange published it; the highest version of each';
COMMENT ON COLUMN kline_1s.source IS 's stream, r repair, b backfill';

-- Partitions of six hours, named by their start in UTC: kline_1s_2026_11_22_06. Made ahead by whoever needs one; a
-- function with its owner's rights, so that the inserter needs none to make tables.
CREATE FUNCTION ensure_kline_partitions(from_time bigint, until_time bigint) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    width constant bigint := 6 * 3600 * 1000;
    start bigint := from_time / width * width;
    made integer := 0;
    name text;
BEGIN
    IF until_time - from_time > 9000::bigint * 3600 * 1000 THEN
        RAISE EXCEPTION 'more than 9000 hours of partitions asked for: % to %', from_time, until_time;
    END IF;
    WHILE start < until_time LOOP
        name := 'kline_1s_' || to_char(to_timestamp(start / 1000) AT TIME ZONE 'UTC', 'YYYY_MM_DD_HH24');
        IF to_regclass(name) IS NULL THEN
            PERFORM pg_advisory_xact_lock(hashtext('rtchart.kline_partitions'));
            IF to_regclass(name) IS NULL THEN
                -- Attaching waits for no reader; CREATE TABLE … PARTITION OF would, and all others behind it.
                EXECUTE format('CREATE TABLE %I (LIKE kline_1s INCLUDING ALL)', name);
                EXECUTE format('ALTER TABLE kline_1s ATTACH PARTITION %I FOR VALUES FROM (%s) TO (%s)', name, start, start + width);
                made := made + 1;
            END IF;
        END IF;
        start := start + width;
    END LOOP;
    RETURN made;
END $$;
-- Who may call it gets its owner's rights: nobody but those named at the end, and none of their temporary tables in the way of
-- what it names (they are looked up first where pg_temp is not listed last).
REVOKE EXECUTE ON FUNCTION ensure_kline_partitions FROM PUBLIC;
DO $$ BEGIN
    EXECUTE format('ALTER FUNCTION ensure_kline_partitions SET search_path = %I, pg_temp', current_schema());
END $$;
COMMENT ON FUNCTION ensure_kline_partitions IS 'Make the partitions of kline_1s that cover [from_time, until_time) in ms; how many were made';

CREATE TABLE candle (
    symbol_id              integer NOT NULL,
    interval               text    NOT NULL,
    open_time              bigint  NOT NULL,
    open                   numeric NOT NULL,
    high                   numeric NOT NULL,
    low                    numeric NOT NULL,
    close                  numeric NOT NULL,
    volume                 numeric NOT NULL,
    quote_volume           numeric NOT NULL,
    taker_buy_volume       numeric NOT NULL,
    taker_buy_quote_volume numeric NOT NULL,
    trades                 bigint  NOT NULL,
    received               integer NOT NULL,
    source                 "char"  NOT NULL,
    revision               integer NOT NULL,
    PRIMARY KEY (symbol_id, interval, open_time)
);
COMMENT ON TABLE candle IS 'Candles of 1m and more, folded from kline_1s or from smaller candles';
COMMENT ON COLUMN candle.received IS 'Seconds it is made of; complete when these are all that its period has';
COMMENT ON COLUMN candle.revision IS 'How often its content changed, from 1';

CREATE TABLE candle_fill (
    symbol_id integer NOT NULL,
    interval  text    NOT NULL,
    below     bigint  NOT NULL DEFAULT 9223372036854775807,
    PRIMARY KEY (symbol_id, interval)
);
COMMENT ON TABLE candle_fill IS 'Intervals that a symbol got later: what is still to be folded of what was stored before';
COMMENT ON COLUMN candle_fill.below IS 'Their candles that open before this time; the aggregator goes from the newest back';

CREATE TABLE checkpoint (
    checkpoint_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    minute        bigint    NOT NULL,
    symbol_ids    integer[] NOT NULL,
    first_second  bigint    NOT NULL,
    last_second   bigint    NOT NULL,
    inserted_at   bigint    NOT NULL
);
CREATE INDEX ON checkpoint (minute);
COMMENT ON TABLE checkpoint IS 'Minutes that got seconds and are not folded yet: a row per batch and minute; taken by the aggregator';
COMMENT ON COLUMN checkpoint.first_second IS 'The earliest and (last_second) the latest second of the minute that the batch inserted';

CREATE TABLE kafka_offset (
    cluster   text    NOT NULL,
    topic     text    NOT NULL,
    partition integer NOT NULL,
    next      bigint  NOT NULL,
    PRIMARY KEY (cluster, topic, partition)
);
COMMENT ON TABLE kafka_offset IS 'The next record to read of each partition: the truth about what is in this database';
COMMENT ON COLUMN kafka_offset.cluster IS 'Kafka''s own cluster id: another cluster''s offsets mean other records';

CREATE TABLE gap (
    gap_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    symbol_id  integer NOT NULL,
    start_time bigint  NOT NULL,
    end_time   bigint  NOT NULL,
    state      text    NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'repaired', 'absent')),
    reason     text    NOT NULL,
    opened_at  bigint  NOT NULL,
    closed_at  bigint,
    asked_at   bigint,
    CHECK (start_time < end_time),
    CHECK ((state = 'open') = (closed_at IS NULL))
);
CREATE INDEX ON gap (symbol_id, start_time);
CREATE INDEX gap_unsettled ON gap (end_time) WHERE state <> 'repaired';
CREATE UNIQUE INDEX gap_open ON gap (symbol_id, start_time, end_time) WHERE state = 'open';
COMMENT ON TABLE gap IS 'The gap ledger: ranges [start_time, end_time) that did not come, and how each ended';
COMMENT ON COLUMN gap.asked_at IS 'When the exchange said for the second time that it has none of these seconds either (state absent)';

CREATE TABLE aggregation_run (
    run_id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    started_at  bigint  NOT NULL,
    finished_at bigint,
    minutes     integer NOT NULL DEFAULT 0,
    candles     integer NOT NULL DEFAULT 0,
    revisions   integer NOT NULL DEFAULT 0,
    error       text
);
COMMENT ON TABLE aggregation_run IS 'What each run of the aggregator did: (symbol, minute) folded, candles looked at, revisions written';

CREATE TABLE candle_outbox (
    outbox_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    symbol_id integer NOT NULL,
    interval  text    NOT NULL,
    open_time bigint  NOT NULL,
    revision  integer NOT NULL
);
COMMENT ON TABLE candle_outbox IS 'Revisions that Kafka has not acknowledged yet; written with the candle, deleted after the ack';

CREATE TABLE dead_letter (
    dead_letter_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at             bigint NOT NULL,
    stage          text   NOT NULL,
    reason         text   NOT NULL,
    detail         text   NOT NULL,
    exchange       text,
    symbol         text,
    topic          text,
    partition      integer,
    "offset"       bigint,
    payload        text   NOT NULL
);
COMMENT ON TABLE dead_letter IS 'What the inserter could not store, whole, with where and why';

CREATE VIEW candle_readable AS
SELECT s.exchange, s.symbol, c.interval, to_timestamp(c.open_time / 1000.0) AS open_time, c.open, c.high, c.low, c.close,
       c.volume, c.quote_volume, c.taker_buy_volume, c.taker_buy_quote_volume, c.trades, c.received, c.revision
FROM candle c JOIN symbol s USING (symbol_id);

CREATE VIEW kline_readable AS
SELECT s.exchange, s.symbol, to_timestamp(k.open_time / 1000.0) AS open_time, k.open, k.high, k.low, k.close,
       k.volume, k.quote_volume, k.taker_buy_volume, k.taker_buy_quote_volume, k.trades, k.source
FROM kline_1s k JOIN symbol s USING (symbol_id);

CREATE VIEW gap_readable AS
SELECT s.exchange, s.symbol, to_timestamp(g.start_time / 1000.0) AS start_time, to_timestamp(g.end_time / 1000.0) AS end_time,
       g.state, g.reason, to_timestamp(g.opened_at / 1000.0) AS opened_at, to_timestamp(g.closed_at / 1000.0) AS closed_at
FROM gap g JOIN symbol s USING (symbol_id);

-- What each service may do, and no more. The roles are made by `rtchart migrate`.
GRANT SELECT ON schema_migration TO rtchart_inserter, rtchart_aggregator, rtchart_web;
GRANT SELECT ON symbol, kline_1s, candle, checkpoint, kafka_offset, gap, aggregation_run, dead_letter, candle_readable,
    kline_readable, gap_readable TO rtchart_web;
GRANT SELECT, INSERT, UPDATE ON symbol, kline_1s, kafka_offset, gap TO rtchart_inserter;
GRANT SELECT, INSERT, UPDATE ON candle_fill TO rtchart_inserter;
GRANT INSERT ON checkpoint, dead_letter TO rtchart_inserter;
GRANT EXECUTE ON FUNCTION ensure_kline_partitions TO rtchart_inserter;
GRANT SELECT ON symbol, kline_1s, gap TO rtchart_aggregator;
GRANT SELECT, INSERT, UPDATE ON candle, aggregation_run TO rtchart_aggregator;
GRANT SELECT, INSERT, DELETE ON candle_outbox TO rtchart_aggregator;
GRANT SELECT, UPDATE, DELETE ON candle_fill TO rtchart_aggregator;
GRANT SELECT, DELETE ON checkpoint TO rtchart_aggregator;

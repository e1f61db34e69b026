-- Minutes as the exchange itself has them (source 'v'), for times whose seconds are not to be had.

CREATE TABLE venue_checkpoint (
    venue_checkpoint_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    symbol_id           integer NOT NULL,
    start_time          bigint  NOT NULL,
    end_time            bigint  NOT NULL,
    CHECK (start_time < end_time)
);
COMMENT ON TABLE venue_checkpoint IS 'Minutes [start_time, end_time) that became the exchange''s own candles and that larger ones are not folded from yet; taken by the aggregator';
COMMENT ON COLUMN candle.source IS 's stream, r repair, b backfill, v venue: the weakest of its parts; v is, or is made of, the exchange''s own minutes';

GRANT SELECT ON venue_checkpoint TO rtchart_web;
GRANT SELECT, INSERT, UPDATE ON candle TO rtchart_inserter;
GRANT INSERT ON venue_checkpoint TO rtchart_inserter;
GRANT SELECT, DELETE ON venue_checkpoint TO rtchart_aggregator;

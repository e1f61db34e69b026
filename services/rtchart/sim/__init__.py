"""A simulated exchange: Binance's WebSocket and REST protocol on one port, over a market that is a pure function of its seed.

From the market outward: `listing` (what is traded), `shape` and `walk` (a generated second, minute or hour of a symbol),
`replay` (a recorded one), `tape` (what exists of it at a time), `wire` (how it is written), `session` and `rest` (what is
answered), `hub` (who is sent what, when), `exchange` (the server). What goes wrong is in `faults`; `catalogue` names what can,
`script` and `control` have it begin and end.
"""

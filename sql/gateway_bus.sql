-- Gateways tell each other on channels whose names nobody else knows.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS wrk_copilot;
CREATE ROLE regress_bus_gateway LOGIN IN ROLE wrk_gateway;
CREATE ROLE regress_bus_member LOGIN IN ROLE wrk_member;
CREATE ROLE regress_bus_service LOGIN IN ROLE wrk_service;
\set SHOW_CONTEXT never
DELETE FROM wrk.gateway_bus;

-- before anybody listens there is nobody to tell
SET ROLE regress_bus_gateway;
SELECT wrk.gateway_send('{x}');
RESET ROLE;
SELECT count(*) FROM wrk.gateway_bus;

-- who listens makes the names
SET ROLE regress_bus_gateway;
SELECT wrk.gateway_listen();
SELECT wrk.gateway_listen();
RESET ROLE;
SELECT previous ~ '^wrk_x_[0-9a-f]{32}$' AS previous, channel ~ '^wrk_x_[0-9a-f]{32}$' AS channel, next ~ '^wrk_x_[0-9a-f]{32}$' AS next,
	cardinality(ARRAY(SELECT DISTINCT unnest(ARRAY[previous, channel, next]))) AS different
FROM wrk.gateway_bus;
SELECT array_agg(l ORDER BY l) = (SELECT array_agg(n ORDER BY n) FROM wrk.gateway_bus, unnest(ARRAY[previous, channel, next]) n) AS listens
FROM pg_listening_channels() l;

-- a change of name: what was next is in use, and what was in use is still heard
SELECT previous AS was_previous, channel AS was_channel, next AS was_next FROM wrk.gateway_bus \gset
UNLISTEN *; -- psql would show the name
LISTEN wrk_x_older;
LISTEN unrelated;
SET ROLE regress_bus_service;
SELECT wrk.gateway_bus_rotate();
SET ROLE regress_bus_gateway;
SELECT wrk.gateway_listen();
RESET ROLE;
SELECT previous = :'was_channel' AS previous, channel = :'was_next' AS channel, next <> ALL (ARRAY[:'was_previous', :'was_channel', :'was_next']) AS next
FROM wrk.gateway_bus;
SELECT array_agg(l ORDER BY l) FILTER (WHERE l <> 'unrelated') = (SELECT array_agg(n ORDER BY n) FROM wrk.gateway_bus, unnest(ARRAY[previous, channel, next]) n) AS listens,
	'unrelated' = ANY (array_agg(l)) AS and_to_others
FROM pg_listening_channels() l;
UNLISTEN *;

-- 7,999 bytes are what a notification takes; characters do not count
SET ROLE regress_bus_gateway;
SELECT wrk.gateway_send(ARRAY[repeat('x', 7999), repeat('€', 2666) || 'x']);
SELECT wrk.gateway_send(ARRAY[repeat('x', 8000)]);
SELECT wrk.gateway_send(ARRAY[repeat('€', 2667)]);
SELECT wrk.gateway_send(NULL), wrk.gateway_send('{}');

-- nobody but the gateway says anything, nobody reads the names
SELECT * FROM wrk.gateway_bus;
SELECT wrk.gateway_bus_rotate();
SELECT wrk.gateway_bus_name();
SET ROLE regress_bus_member;
SELECT * FROM wrk.gateway_bus;
SELECT wrk.gateway_listen();
SELECT wrk.gateway_send('{x}');
SELECT wrk.gateway_bus_rotate();
SET ROLE regress_bus_service;
SELECT * FROM wrk.gateway_bus;
SELECT wrk.gateway_listen();
SELECT wrk.gateway_send('{x}');
RESET ROLE;

-- it is changed every day, and not in a dump
SELECT function, every FROM wrk.maintenance WHERE name = 'wrk.gateway_bus_rotate';
SELECT 'wrk.gateway_bus'::regclass = ANY (extconfig) AS dumped FROM pg_extension WHERE extname = 'wrk_copilot';
DROP ROLE regress_bus_gateway, regress_bus_member, regress_bus_service;

-- The bus: what gateways tell each other.
--
-- LISTEN and NOTIFY know no rights: whoever may connect may listen to any name and
-- say anything on it. So the name is the secret: 122 random bits that nobody reads
-- but the functions below. Gateways are listened for here, by a function, so that
-- the name is not even among the statements that pg_stat_activity shows.
--
-- Gateways always listen to the name in use and to the ones before and after it, so
-- that a change of name loses nothing that is said meanwhile.

CREATE TABLE wrk.gateway_bus (
	single boolean PRIMARY KEY DEFAULT true CHECK (single),
	previous text NOT NULL,
	channel text NOT NULL,
	next text NOT NULL
);
COMMENT ON TABLE wrk.gateway_bus IS 'names of the notification channels on which gateways tell each other of ephemeral events and presence; one row, made when a gateway listens. Not dumped: another database has other names';
COMMENT ON COLUMN wrk.gateway_bus.previous IS 'the one before; somebody may be about to use it';
COMMENT ON COLUMN wrk.gateway_bus.channel IS 'the one in use; a secret';
COMMENT ON COLUMN wrk.gateway_bus.next IS 'the one after the next wrk.gateway_bus_rotate(); listened to already';
REVOKE ALL ON wrk.gateway_bus FROM PUBLIC;

CREATE FUNCTION wrk.gateway_bus_name()
RETURNS text
LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
	SELECT 'wrk_x_' || replace(gen_random_uuid()::text, '-', '')
$$;
COMMENT ON FUNCTION wrk.gateway_bus_name() IS 'a new secret name for the bus: wrk_x_ and 32 hexadecimal digits';

CREATE FUNCTION wrk.gateway_listen()
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	bus wrk.gateway_bus;
	names text[];
	name text;
BEGIN
	INSERT INTO wrk.gateway_bus (previous, channel, next)
	VALUES (wrk.gateway_bus_name(), wrk.gateway_bus_name(), wrk.gateway_bus_name()) ON CONFLICT DO NOTHING;
	SELECT * INTO bus FROM wrk.gateway_bus;
	names := ARRAY[bus.previous, bus.channel, bus.next];
	FOR name IN SELECT l FROM pg_listening_channels() l WHERE starts_with(l, 'wrk_x_') AND l <> ALL (names) LOOP
		EXECUTE format('UNLISTEN %I', name);
	END LOOP;
	FOREACH name IN ARRAY names LOOP
		EXECUTE format('LISTEN %I', name);
	END LOOP;
END
$$;
COMMENT ON FUNCTION wrk.gateway_listen() IS
'makes this session listen to the bus, and to no older name of it. Messages come as notifications on channels that begin with wrk_x_: the node that says them and a space, then for each its kind, a colon, its length in bytes, a colon and its text';

CREATE FUNCTION wrk.gateway_send(payloads text[])
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	name text;
BEGIN
	SELECT b.channel INTO name FROM wrk.gateway_bus b;
	IF FOUND THEN
		-- what is said is not kept: no reason to wait for a disk
		PERFORM set_config('synchronous_commit', 'off', true);
		PERFORM pg_notify(name, p) FROM unnest(payloads) WITH ORDINALITY AS u (p, n) ORDER BY n;
	END IF;
END
$$;
COMMENT ON FUNCTION wrk.gateway_send(text[]) IS
'says these payloads on the bus, in this order, each at most 7,999 bytes. Without a gateway that listens nothing happens. Error: 22023 for a payload that is longer';

CREATE FUNCTION wrk.gateway_bus_rotate()
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	bus wrk.gateway_bus;
BEGIN
	SELECT * INTO bus FROM wrk.gateway_bus FOR UPDATE;
	IF NOT FOUND THEN
		RETURN;
	END IF;
	UPDATE wrk.gateway_bus SET previous = bus.channel, channel = bus.next, next = wrk.gateway_bus_name();
	-- they hear it already, and listen to the one after it now
	PERFORM pg_notify(bus.next, '- rotate:0:');
END
$$;
COMMENT ON FUNCTION wrk.gateway_bus_rotate() IS
'gives the bus another name and tells the gateways, which miss nothing; run every day, and by whoever suspects that a name is known: after three calls none of the three is left';

REVOKE ALL ON FUNCTION wrk.gateway_bus_name(), wrk.gateway_listen(), wrk.gateway_send(text[]),
	wrk.gateway_bus_rotate() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION wrk.gateway_listen(), wrk.gateway_send(text[]) TO wrk_gateway;
GRANT EXECUTE ON FUNCTION wrk.gateway_bus_rotate() TO wrk_service;

SELECT wrk.maintenance_register('wrk.gateway_bus_rotate', 'wrk.gateway_bus_rotate()', '1 day');

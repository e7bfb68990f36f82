-- Flow 10: the design takes shape during the intake, and the progress with it.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS wrk_copilot;
SELECT copilot.install();
\set SHOW_CONTEXT never
\getenv abs_srcdir PG_ABS_SRCDIR
\set fixture :abs_srcdir '/regress/fixture.sql'
\set flow :abs_srcdir '/regress/flow.sql'
\set ECHO none
\i :fixture
\i :flow
\set ECHO all
\pset format unaligned
\pset tuples_only on

CREATE FUNCTION regress.edit(diff jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
	SELECT concat_ws(' ', 'version', result ->> 'version', CASE WHEN result -> 'changed' = 'true' THEN 'changed' END) INTO line
	FROM copilot.automation_versions v, wrk.rpc_call('blueprint.apply', jsonb_build_object('id', v.id, 'version', v.blueprint_version, 'diff', diff))
	WHERE v.id = regress.id('a', 3, 1);
	RETURN line || (SELECT format(', %s %%', v.intake_progress) FROM copilot.automation_versions v WHERE v.id = regress.id('a', 3, 1));
EXCEPTION WHEN OTHERS THEN
	RETURN concat_ws(' ', SQLSTATE, SQLERRM);
END $$;
-- a step alone is no design; two that are joined are
:ann
SELECT regress.edit('{"nodes": {"added": [{"id": "n2"}]}}');
SELECT regress.edit('{"meta": {"set": [[["edges"], [{"id": "e1", "source": "n1", "target": "n2"}]]]}}');
SELECT regress.version('capture', 1, '{"answers": {"goals": {"problem": "Invoices lie around"}}}');
-- more of it is not more progress; without edges it goes back, and undo brings it again
SELECT regress.edit('{"nodes": {"added": [{"id": "n3"}]}, "edges": {"added": [{"id": "e2", "source": "n2", "target": "n3"}]}}');
SELECT regress.edit('{"edges": {"deleted": ["e1", "e2"]}}');
SELECT copilot.blueprint_undo(regress.id('a', 3, 1)) -> 'changed';
SELECT intake_progress FROM copilot.automation_versions WHERE id = regress.id('a', 3, 1);
COMMIT;
-- who follows the version sees both: the change of the design, and the row with its progress
SELECT e.type, e.payload #>> '{data,intake_progress}', e.payload ->> 'version' FROM wrk.event e, regress.looked WHERE e.id > looked.event AND e.type IN ('blueprint.updated', 'automation_version.updated') ORDER BY e.id;

-- two at once: the design of one, the answers of the other
:otto
SELECT copilot.blueprint_apply(regress.id('a', 3, 1), 2, '{"nodes": {"updated": [{"id": "n2", "set": [[["label"], "Read"]]}]}}') ->> 'changed';
SELECT regress.version('capture', 1, '{"answers": {"systems": {"access": "yes"}}}') ~ '"intake_progress": 30';
COMMIT;

-- once the intake is over, the design may change while it is priced, and the progress does not
BEGIN;
SELECT regress.load(1, 'needs_pricing');
SELECT regress.act('ann');
SET LOCAL ROLE wrk_member;
SELECT regress.edit('{"edges": {"deleted": ["e1", "e2"]}}') ~ 'changed, 100 %';
ROLLBACK;
-- while the client decides, nobody edits it
BEGIN;
SELECT regress.load(1, 'awaiting_client_approval');
SELECT regress.act('otto');
SET LOCAL ROLE wrk_member;
SELECT regress.edit('{"edges": {"deleted": ["e1"]}}');
ROLLBACK;
-- nor do strangers: of another project, of another tenant
:bob
SELECT copilot.blueprint_apply(regress.id('a', 3, 2), 1, '{}');
ROLLBACK;
:gil
SELECT regress.edit('{"edges": {"deleted": ["e1"]}}') IS NULL AS not_seen;
SELECT copilot.blueprint_apply(regress.id('a', 3, 1), 1, '{}');
ROLLBACK;

SET client_min_messages = warning;
DROP SCHEMA regress CASCADE;
DELETE FROM copilot.tenants;
DELETE FROM copilot.users;
DELETE FROM wrk.membership;
DELETE FROM wrk.state_change;

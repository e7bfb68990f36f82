-- access_end.sql: nothing of access.sql, fixture.sql and what was done with them is left.
SET client_min_messages = warning;
DROP SCHEMA regress CASCADE;
DELETE FROM copilot.tenants;
DELETE FROM copilot.users;
DELETE FROM copilot.login_failures;
DELETE FROM wrk.api_key;
DELETE FROM wrk.revoked_session;
DELETE FROM wrk.rpc_key;
DELETE FROM wrk.job;
DELETE FROM wrk.membership;
DELETE FROM wrk.state_change;
DROP ROLE regress_service;

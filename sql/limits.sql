-- Limits of a tenant's own: who may set them, what they may be, and who is told.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS wrk_copilot;
\set SHOW_CONTEXT never
CREATE ROLE regress_limits_service IN ROLE wrk_service;
CREATE ROLE regress_limits_gateway IN ROLE wrk_gateway;
SELECT wrk.api_key_create('acme', 'ann', '{}') AS ann, wrk.api_key_create('globex', 'gil', '{}') AS gil \gset

-- none to begin with
SELECT wrk.gateway_open(:'ann') -> 'limits' AS limits;

-- what is told: of this tenant, and control events of the tenants whose limits changed
SELECT wrk.gateway_hello('test') ->> 'snapshot' AS snapshot \gset
SET ROLE regress_limits_service;
SELECT wrk.tenant_limit_set('acme', 'subscriptions_max', 7);
SELECT wrk.tenant_limit_set('acme', 'user_calls_second', 0);
SELECT wrk.tenant_limit_set('globex', 'tenant_connections', 3);
RESET ROLE;
SELECT wrk.gateway_open(:'ann') -> 'limits' AS acme;
SELECT wrk.gateway_open(:'gil') -> 'limits' AS globex;
SELECT type, class, payload FROM wrk.gateway_fetch(:'snapshot') WHERE id IS NOT NULL GROUP BY 1, 2, 3 ORDER BY payload COLLATE "C";

-- the same value again tells nobody; another does, and so does taking it away
SELECT wrk.gateway_hello('test') ->> 'snapshot' AS snapshot \gset
SELECT wrk.tenant_limit_set('acme', 'subscriptions_max', 7);
SELECT count(*) FROM wrk.gateway_fetch(:'snapshot') WHERE id IS NOT NULL;
SELECT wrk.tenant_limit_set('acme', 'subscriptions_max', 8);
SELECT wrk.tenant_limit_set('acme', 'user_calls_second', NULL);
SELECT wrk.gateway_open(:'ann') -> 'limits' AS limits;
SELECT count(*) FROM wrk.gateway_fetch(:'snapshot') WHERE id IS NOT NULL;
-- by plain SQL, too, and of both tenants when a row moves
SELECT wrk.gateway_hello('test') ->> 'snapshot' AS snapshot \gset
UPDATE wrk.tenant_limit SET tenant_id = 'initech' WHERE tenant_id = 'globex';
SELECT payload FROM wrk.gateway_fetch(:'snapshot') WHERE id IS NOT NULL GROUP BY 1 ORDER BY payload COLLATE "C";
SELECT wrk.gateway_hello('test') ->> 'snapshot' AS snapshot \gset
TRUNCATE wrk.tenant_limit;
SELECT DISTINCT payload FROM wrk.gateway_fetch(:'snapshot') WHERE id IS NOT NULL;
SELECT wrk.gateway_open(:'ann') -> 'limits' AS limits;

-- refused: what is no limit, no value, no tenant
SELECT wrk.tenant_limit_set('acme', 'subscriptions', 7);
SELECT wrk.tenant_limit_set('acme', NULL, 7);
SELECT wrk.tenant_limit_set('acme', 'subscriptions_max', -1);
SELECT wrk.tenant_limit_set('acme', 'subscriptions_max', 10000001);
SELECT wrk.tenant_limit_set('', 'subscriptions_max', 7);
SELECT wrk.tenant_limit_set(NULL, 'subscriptions_max', 7);
INSERT INTO wrk.tenant_limit VALUES ('acme', 'subscriptions', 7);

-- and from whom: neither a member, for their own tenant, nor the gateway
BEGIN;
SELECT wrk.authenticate(:'ann') ->> 'tenant_id' AS tenant;
SET LOCAL ROLE wrk_member;
SAVEPOINT s;
SELECT wrk.tenant_limit_set('acme', 'subscriptions_max', 1000);
ROLLBACK TO s;
SELECT wrk.tenant_limits('globex');
ROLLBACK TO s;
SELECT * FROM wrk.tenant_limit;
ROLLBACK;
SET ROLE regress_limits_gateway;
SELECT wrk.tenant_limit_set('acme', 'subscriptions_max', 1000);
SELECT wrk.tenant_limits('acme');
SELECT * FROM wrk.tenant_limit;
RESET ROLE;
DELETE FROM wrk.api_key;
DROP ROLE regress_limits_service, regress_limits_gateway;

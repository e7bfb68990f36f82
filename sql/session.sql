-- Sessions that are over, and tokens that the installation signs itself.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS wrk_copilot;
CREATE ROLE regress_service LOGIN IN ROLE wrk_service;
CREATE ROLE regress_member LOGIN IN ROLE wrk_member;
\set SHOW_CONTEXT never
CREATE FUNCTION pg_temp.who(token text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN wrk.authenticate(token) - 'actor' - 'expires_at';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END $$;

-- no key, no token; one key however often one asks for it
DELETE FROM wrk.jwt_key;
SELECT wrk.token_issue('acme', 'ann', '{client}', 's1');
SELECT wrk.token_key_ensure() AS kid \gset
SELECT wrk.token_key_ensure() = :'kid' AS the_same;
SELECT wrk.token_issue('acme', 'ann', '{client}', 's1') AS s1, wrk.token_issue('acme', 'ann', NULL, 's2') AS s2,
	wrk.token_issue('globex', 'gil', '{}', 's1') AS other \gset
SELECT pg_temp.who(:'s1'), pg_temp.who(:'s2');
SELECT pg_temp.who(:'other');
-- fifteen minutes
BEGIN;
SELECT (wrk.authenticate(:'s1') ->> 'expires_at')::bigint - extract(epoch FROM now())::bigint BETWEEN 895 AND 901 AS lives_15_minutes;
COMMIT;
SELECT wrk.token_issue('acme', 'ann', '{}', '');
SELECT wrk.token_issue('acme', NULL, '{}', 's1');
SELECT wrk.token_issue('', 'ann', '{}', 's1');
SELECT wrk.token_issue('acme', 'ann', '{}', 's1', '25 hours');
SELECT wrk.token_issue('acme', 'ann', '{}', 's1', NULL);
-- nobody else signs, or sees what is signed with
SET ROLE regress_service;
SELECT wrk.token_issue('acme', 'ann', '{admin}', 's1');
SELECT wrk.token_key();
SELECT wrk.token_key_rotate();
SELECT * FROM wrk.revoked_session;
SET ROLE regress_member;
SELECT wrk.session_revoke('s1', now() + interval '1 hour', 'acme');
SELECT * FROM wrk.revoked_session;
RESET ROLE;
-- a new key signs, the old one verifies until its overlap is over
SELECT wrk.token_key_rotate() <> :'kid' AS another;
SELECT wrk.token_issue('acme', 'ann', '{client}', 's1') AS s1_new \gset
SELECT left(pg_temp.who(:'s1'), 5) AS old, left(pg_temp.who(:'s1_new'), 5) AS new;
SELECT wrk.token_key_rotate('0') <> :'kid' AS another;
SELECT pg_temp.who(:'s1') AS old, left(pg_temp.who(:'s1_new'), 5) AS before_the_last;
SELECT wrk.token_key_rotate('-1 s');
SELECT wrk.token_issue('acme', 'ann', '{client}', 's1') AS s1, wrk.token_issue('acme', 'ann', NULL, 's2') AS s2,
	wrk.token_issue('globex', 'gil', '{}', 's1') AS other, wrk.token_issue('globex', 'gil', '{}', 's3') AS s3 \gset

-- an ended session is refused at once, in this tenant and no other
SET ROLE regress_service;
SELECT wrk.session_revoke('s1', now() + interval '1 hour', 'acme');
RESET ROLE;
SELECT pg_temp.who(:'s1');
SELECT left(pg_temp.who(:'s2'), 5);
SELECT left(pg_temp.who(:'other'), 5);
-- by default of one's own tenant
BEGIN;
SELECT wrk.impersonate('acme', 'ann') IS NOT NULL;
SELECT wrk.session_revoke('s2');
COMMIT;
SELECT session_id, tenant_id, until > now() + interval '23 hours' AS a_day FROM wrk.revoked_session ORDER BY 1, 2;
-- ... or of all
SELECT wrk.session_revoke('s3', now() + interval '1 hour', NULL);
SELECT pg_temp.who(:'s3');
-- a shorter time takes nothing back
SELECT wrk.session_revoke('s1', now(), 'acme');
SELECT pg_temp.who(:'s1');
SELECT wrk.session_revoke('');
SELECT wrk.session_revoke(repeat('x', 513));
SELECT wrk.session_revoke('s', now() + interval '367 days');
SELECT wrk.session_revoke('s', NULL);
-- what is rolled back is not revoked
BEGIN;
SELECT wrk.session_revoke('s1', now() + interval '1 hour', 'globex');
ROLLBACK;
SELECT left(pg_temp.who(:'other'), 5);
-- also for keys of others, whose sessions are called jti
SELECT wrk.jwt_key_import('{"kty":"oct","kid":"theirs","k":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}');
SELECT wrk.jwt_sign('{"sub":"u","tenant_id":"acme","jti":"j1","exp":4102444800}', '{"kty":"oct","kid":"theirs","k":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}') AS theirs \gset
SELECT left(pg_temp.who(:'theirs'), 5);
SELECT wrk.session_revoke('j1', now() + interval '1 hour', 'acme');
SELECT pg_temp.who(:'theirs');
-- tokens that are void, of a session that goes on, and may end later
SELECT wrk.session_revoke('s4', now() + interval '1 hour', 'acme', ended => false);
SELECT wrk.token_issue('acme', 'ann', '{client}', 's4') AS s4 \gset
SELECT pg_temp.who(:'s4');
SELECT wrk.session_revoke('s4', now() + interval '1 hour', 'acme');
SELECT pg_temp.who(:'s4');
SELECT wrk.session_revoke('s4', now() + interval '1 hour', 'acme', ended => false);
SELECT pg_temp.who(:'s4');
-- who is suspended is refused whatever the credential
SELECT wrk.token_issue('acme', 'ann', '{client}', 's5') AS ann, wrk.token_issue('acme', 'bob', '{client}', 's6') AS bob,
	wrk.api_key_create('acme', NULL) AS key \gset
SET ROLE regress_service;
SELECT wrk.suspend('acme', 'ann'), wrk.suspend('acme', 'ann');
RESET ROLE;
SELECT pg_temp.who(:'ann'), left(pg_temp.who(:'bob'), 5) AS bob, left(pg_temp.who(:'key'), 5) AS key;
SELECT wrk.suspend('acme');
SELECT pg_temp.who(:'ann') AS ann, pg_temp.who(:'bob') AS bob, pg_temp.who(:'key') AS key, left(pg_temp.who(:'other'), 5) AS other;
SELECT wrk.unsuspend('acme'), wrk.unsuspend('acme', 'bob');
SELECT pg_temp.who(:'ann'), left(pg_temp.who(:'bob'), 5) AS bob, left(pg_temp.who(:'key'), 5) AS key;
SELECT wrk.unsuspend('acme', 'ann');
SELECT left(pg_temp.who(:'ann'), 5);
SELECT wrk.suspend(''), wrk.suspend(NULL);
SET ROLE regress_member;
SELECT wrk.suspend('acme');
SELECT wrk.unsuspend('acme');
SELECT * FROM wrk.suspension;
RESET ROLE;
-- a credential is good for as long as its key is
SELECT wrk.jwt_key_retire('theirs', now() + interval '1 hour');
SELECT wrk.jwt_sign('{"sub":"u","tenant_id":"acme","jti":"j2","exp":4102444800}', '{"kty":"oct","kid":"theirs","k":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}') AS theirs \gset
BEGIN;
SELECT to_timestamp((wrk.authenticate(:'theirs') ->> 'expires_at')::bigint) BETWEEN now() + interval '59 minutes' AND now() + interval '1 hour' AS until_then;
COMMIT;
SELECT split_part(:'key', '_', 3) AS key_id \gset
SELECT wrk.api_key_rotate(:'key_id', '2 hours') AS new_key \gset
BEGIN;
SELECT to_timestamp((wrk.authenticate(:'key') ->> 'expires_at')::bigint) BETWEEN now() + interval '1 hour 59 minutes' AND now() + interval '2 hours' AS until_then;
SELECT wrk.authenticate(:'new_key') ->> 'expires_at' AS of_the_new_one;
COMMIT;
-- forgotten when the last token has expired
UPDATE wrk.revoked_session SET until = now() - interval '1 s' WHERE session_id <> 's3';
SELECT wrk.session_retention();
SELECT session_id FROM wrk.revoked_session;

DELETE FROM wrk.revoked_session;
DELETE FROM wrk.jwt_key;
DROP ROLE regress_service, regress_member;

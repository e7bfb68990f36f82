-- Who is let in and as what: invitations, members and their roles.
--
-- An invitation is for an address. Its token is made when the mail is sent, by the
-- server that sends it, and kept as a hash: not even whoever invites sees it, for an
-- account made with it belongs to that address in all tenants. Nobody hands out,
-- takes away or stands for roles beyond those that the own ones may grant.

CREATE FUNCTION copilot.work_roles()
RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ARRAY['client', 'builder', 'qa', 'ops'];
COMMENT ON FUNCTION copilot.work_roles() IS 'the roles of ordinary work, which more than admins may hand out';

CREATE FUNCTION copilot.may_grant(roles text[])
RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
RETURN wrk.can('manage', 'any_role') OR wrk.can('manage', 'work_role') AND roles <@ copilot.work_roles();
COMMENT ON FUNCTION copilot.may_grant(text[]) IS 'whether the caller may hand out and take away all of these roles';

CREATE FUNCTION copilot.check_may_grant(roles text[])
RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	IF copilot.may_grant(roles) IS NOT TRUE THEN
		RAISE EXCEPTION 'roles % are not for this role to hand out or take away', array_to_string(roles, ', ')
			USING ERRCODE = 'WK403';
	END IF;
END
$$;
COMMENT ON FUNCTION copilot.check_may_grant(text[]) IS 'refuses roles that the caller may not grant. Error: WK403';

CREATE FUNCTION copilot.make_access()
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	CREATE TABLE IF NOT EXISTS copilot.invitations (
		tenant_id uuid NOT NULL REFERENCES copilot.tenants ON DELETE CASCADE,
		id uuid NOT NULL DEFAULT gen_random_uuid(),
		email text NOT NULL CHECK (email ~ '^[^@\s]+@[^@\s]+$' AND length(email) <= 254),
		roles text[] NOT NULL CHECK (cardinality(roles) BETWEEN 1 AND 7 AND roles <@
			'{client,builder,qa,ops,ops_admin,cs_admin,admin}'),
		status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'accepted', 'revoked')),
		token_sha256 bytea UNIQUE CHECK (octet_length(token_sha256) = 32),
		invited_by uuid DEFAULT wrk.user_id()::uuid,
		accepted_by uuid,
		created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
		expires_at timestamptz NOT NULL DEFAULT clock_timestamp() + interval '7 days',
		PRIMARY KEY (tenant_id, id),
		FOREIGN KEY (tenant_id, invited_by) REFERENCES copilot.tenant_users,
		FOREIGN KEY (tenant_id, accepted_by) REFERENCES copilot.tenant_users,
		CHECK (expires_at <= created_at + interval '31 days'),
		CHECK ((accepted_by IS NOT NULL) = (status = 'accepted'))
	);
	CREATE UNIQUE INDEX IF NOT EXISTS invitations_open_key
		ON copilot.invitations (tenant_id, lower(email)) WHERE status = 'pending';
	CREATE INDEX IF NOT EXISTS invitations_recent_idx ON copilot.invitations (tenant_id, created_at, id);
	COMMENT ON TABLE copilot.invitations IS 'who was asked to work in a tenant, and as what';
	COMMENT ON COLUMN copilot.invitations.token_sha256 IS 'of the token in the mail; null until that is sent';
	COMMENT ON COLUMN copilot.invitations.expires_at IS 'when a pending one can no longer be accepted';
	PERFORM wrk.enable_tenancy('copilot.invitations');
	PERFORM copilot.make_access_rights();
	PERFORM copilot.make_access_calls();
END
$$;
COMMENT ON FUNCTION copilot.make_access() IS 'part of copilot.install(): table invitations';

CREATE FUNCTION copilot.make_access_rights()
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM copilot.put_permissions('invitation', 'tenant', '{read,create,revoke}', '{ops_admin,cs_admin,admin}');
	PERFORM copilot.put_permissions('member', 'tenant', '{manage}', '{ops_admin,cs_admin,admin}');
	PERFORM copilot.put_permissions('member', 'tenant', '{read_email}', copilot.ops_roles());
	PERFORM copilot.put_policy('invitations', 'readable', 'who may see invitations',
		'AS RESTRICTIVE USING ((SELECT wrk.can(''read'', ''invitation'')))');
	-- the same rule as the policy "grant_role" of user_roles
	PERFORM copilot.put_policy('invitations', 'creatable', 'who may invite, and as what',
		'AS RESTRICTIVE FOR INSERT WITH CHECK ((SELECT wrk.can(''create'', ''invitation''))'
		' AND ((SELECT wrk.can(''manage'', ''any_role''))'
		' OR (SELECT wrk.can(''manage'', ''work_role'')) AND roles <@ ''{client,builder,qa,ops}''))');
	PERFORM copilot.put_policy('invitations', 'revocable', 'a pending one may be revoked and nothing else',
		'AS RESTRICTIVE FOR UPDATE USING (status = ''pending'' AND (SELECT wrk.can(''revoke'', ''invitation'')))'
		' WITH CHECK (status = ''revoked'')');
	GRANT SELECT (tenant_id, id, email, roles, status, invited_by, accepted_by, created_at, expires_at),
		INSERT (email, roles, expires_at), UPDATE (status) ON copilot.invitations TO wrk_member;
	PERFORM wrk.enable_events('copilot.invitations', 'invitation', exclude => '{token_sha256}');
	PERFORM wrk.enable_audit('copilot.invitations', 'invitation', exclude => '{token_sha256}',
		action_column => 'status', announce => true);
	CREATE OR REPLACE TRIGGER send AFTER INSERT ON copilot.invitations
		FOR EACH ROW EXECUTE FUNCTION copilot.invitation_send();
	CREATE OR REPLACE TRIGGER revoke_invitations AFTER UPDATE OF status ON copilot.tenant_users
		FOR EACH ROW WHEN (NEW.status <> 'active') EXECUTE FUNCTION copilot.invitation_revoke_by();
	CREATE OR REPLACE TRIGGER revoke_invitations AFTER DELETE OR UPDATE ON copilot.user_roles
		FOR EACH ROW WHEN (OLD.role IN ('ops_admin', 'cs_admin', 'admin'))
		EXECUTE FUNCTION copilot.invitation_revoke_by();
	CREATE OR REPLACE TRIGGER keep_admin AFTER DELETE ON copilot.user_roles
		FOR EACH ROW WHEN (OLD.role = 'admin') EXECUTE FUNCTION copilot.user_role_keep_admin();
END
$$;
COMMENT ON FUNCTION copilot.make_access_rights() IS
'part of copilot.install(): who may invite, events and audit of invitations, what revokes them, who stays admin';

CREATE FUNCTION copilot.make_access_calls()
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM copilot.put_call('invitation.create', 'copilot.call_invitation_create(jsonb)');
	PERFORM copilot.put_call('invitation.list', 'copilot.call_invitation_list(jsonb)');
	PERFORM copilot.put_call('invitation.revoke', 'copilot.call_invitation_revoke(jsonb)');
	PERFORM copilot.put_call('role.grant', 'copilot.call_role_grant(jsonb)');
	PERFORM copilot.put_call('role.revoke', 'copilot.call_role_revoke(jsonb)');
	PERFORM copilot.put_call('member.list', 'copilot.call_member_list(jsonb)');
	PERFORM copilot.put_call('member.deactivate', 'copilot.call_member_deactivate(jsonb)');
	PERFORM copilot.put_call('member.activate', 'copilot.call_member_activate(jsonb)');
END
$$;
COMMENT ON FUNCTION copilot.make_access_calls() IS 'part of copilot.install(): calls about invitations, roles and members';

-- ---------- inviting ----------

CREATE FUNCTION copilot.invitation_send()
RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	so_far record;
BEGIN
	-- invitations that are made and revoked over and over are mail that nobody asked for
	SELECT count(*) AS all_of_them, count(*) FILTER (WHERE lower(i.email) = lower(NEW.email)) AS to_this
	INTO so_far FROM copilot.invitations i
	WHERE i.tenant_id = NEW.tenant_id AND i.created_at > clock_timestamp() - interval '1 day';
	IF wrk.tenant_id() IS NOT NULL AND (so_far.to_this > 5 OR so_far.all_of_them > 1000) THEN
		RAISE EXCEPTION 'a tenant sends up to 1000 invitations a day, and 5 to one address' USING ERRCODE = 'WK4L9';
	END IF;
	PERFORM wrk.job_enqueue('notifications', jsonb_build_object('kind', 'invitation', 'tenant_id', NEW.tenant_id,
		'invitation_id', NEW.id), 'invitation:' || NEW.id, tenant_id => NEW.tenant_id::text);
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION copilot.invitation_send() IS
'trigger of invitations: leaves the mail to whoever works on queue notifications, who gets the token with copilot.invitation_token(). Error: WK4L9 for more than 5 in a day to one address, or 1000 of a tenant';

CREATE FUNCTION copilot.works_here(address text)
RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
	SELECT wrk.can('create', 'invitation') AND EXISTS (
		SELECT FROM copilot.users u JOIN copilot.tenant_users tu ON tu.user_id = u.id
		WHERE lower(u.email) = lower(address) AND tu.tenant_id = copilot.as_uuid(wrk.tenant_id()) AND tu.status = 'active')
$$;
COMMENT ON FUNCTION copilot.works_here(text) IS
'whether somebody of this address works in the caller''s tenant; NULL or false for who may not invite';

CREATE FUNCTION copilot.invite(email text, roles text[], lifetime interval DEFAULT '7 days')
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	address text := btrim(email);
	result jsonb;
BEGIN
	IF wrk.can('create', 'invitation') IS NOT TRUE THEN
		RAISE EXCEPTION 'inviting is not for this role' USING ERRCODE = 'WK403';
	ELSIF lifetime IS NULL OR lifetime NOT BETWEEN '1 hour' AND '30 days' THEN
		RAISE EXCEPTION 'an invitation lives for 1 hour to 30 days' USING ERRCODE = 'WK400';
	ELSIF address !~ '^[^@\s]+@[^@\s]+$' IS NOT FALSE OR length(address) > 254 THEN
		RAISE EXCEPTION 'an invitation needs an e-mail address' USING ERRCODE = 'WK400';
	ELSIF roles <@ '{client,builder,qa,ops,ops_admin,cs_admin,admin}' IS NOT TRUE OR cardinality(roles) NOT BETWEEN 1 AND 7 THEN
		RAISE EXCEPTION 'an invitation needs roles that people have' USING ERRCODE = 'WK400',
			HINT = 'One or more of client, builder, qa, ops, ops_admin, cs_admin and admin.';
	END IF;
	PERFORM copilot.check_may_grant(roles);
	IF copilot.works_here(address) THEN
		RAISE EXCEPTION '% works here already', address USING ERRCODE = 'WK409', HINT = 'Grant the roles instead.';
	END IF;
	UPDATE copilot.invitations i SET status = 'revoked'
	WHERE lower(i.email) = lower(address) AND i.status = 'pending' AND i.expires_at <= clock_timestamp();
	INSERT INTO copilot.invitations AS i (email, roles, expires_at)
	VALUES (address, invite.roles, clock_timestamp() + lifetime)
	RETURNING jsonb_build_object('id', i.id, 'email', i.email, 'roles', i.roles, 'status', i.status,
		'invited_by', i.invited_by, 'created_at', i.created_at, 'expires_at', i.expires_at) INTO result;
	RETURN result;
EXCEPTION WHEN unique_violation THEN
	RAISE EXCEPTION '% is invited already', address USING ERRCODE = 'WK409', HINT = 'Revoke that invitation first.';
END
$$;
COMMENT ON FUNCTION copilot.invite(text, text[], interval) IS
'asks somebody to work in the caller''s tenant with these roles, all of which the caller must be allowed to grant; valid for 1 hour to 30 days. Answers the invitation; its token goes out by mail and is not in it. Errors: WK400, WK403, WK409 (works here, or is invited, already), WK4L9 (more than 5 in a day for one address, or 1000 of the tenant)';

CREATE FUNCTION copilot.invitation_token(invitation uuid)
RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	secret text := wrk.api_key_secret();
BEGIN
	UPDATE copilot.invitations i SET token_sha256 = sha256(convert_to(secret, 'UTF8'))
	WHERE i.id = invitation AND i.status = 'pending' AND i.expires_at > clock_timestamp();
	IF NOT FOUND THEN
		RAISE EXCEPTION 'no such invitation is open' USING ERRCODE = 'WK404';
	END IF;
	RETURN 'wri_' || secret;
END
$$;
COMMENT ON FUNCTION copilot.invitation_token(uuid) IS
'makes the token of an open invitation for the mail that goes to its address, and to nobody else; one made before is good no more. For servers. Error: WK404';

CREATE FUNCTION copilot.invitation_revoke_by()
RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	UPDATE copilot.invitations i SET status = 'revoked'
	WHERE i.tenant_id = OLD.tenant_id AND i.invited_by = OLD.user_id AND i.status = 'pending';
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION copilot.invitation_revoke_by() IS
'trigger of tenant_users and user_roles: who may not invite any more has nobody invited';

-- ---------- accepting ----------

CREATE FUNCTION copilot.invitation_open(token text, OUT tenant uuid, OUT invitation uuid)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	i record;
BEGIN
	-- whoever accepts, or revokes, the same one at this moment comes first
	SELECT x.* INTO i FROM copilot.invitations x
	WHERE x.token_sha256 = sha256(convert_to(substr(token, 5), 'UTF8')) AND starts_with(token, 'wri_')
	FOR UPDATE;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'invitation not found' USING ERRCODE = 'WK404';
	ELSIF i.status <> 'pending' THEN
		RAISE EXCEPTION 'the invitation has been %', i.status USING ERRCODE = 'WK409';
	ELSIF i.expires_at <= clock_timestamp() THEN
		RAISE EXCEPTION 'the invitation has expired' USING ERRCODE = 'WK4E1';
	ELSIF NOT EXISTS (SELECT FROM copilot.tenants t WHERE t.id = i.tenant_id AND t.status = 'active')
		OR i.invited_by IS NOT NULL AND NOT copilot.session_welcome(i.tenant_id, i.invited_by) THEN
		RAISE EXCEPTION 'the invitation holds no more' USING ERRCODE = 'WK403';
	END IF;
	tenant := i.tenant_id;
	invitation := i.id;
END
$$;
COMMENT ON FUNCTION copilot.invitation_open(text) IS
'part of copilot.invitation_accept(): locks the open invitation with this token. Errors: WK403, WK404, WK409, WK4E1';

CREATE FUNCTION copilot.invitation_person(address text, person uuid, name text)
RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	made uuid;
BEGIN
	IF person IS NOT NULL THEN
		IF NOT EXISTS (SELECT FROM copilot.users u WHERE u.id = person AND lower(u.email) = lower(address)) THEN
			RAISE EXCEPTION 'the invitation is for another person' USING ERRCODE = 'WK403';
		END IF;
		RETURN person;
	END IF;
	INSERT INTO copilot.users AS u (email, name) VALUES (address, coalesce(invitation_person.name, split_part(address, '@', 1)))
	ON CONFLICT DO NOTHING RETURNING u.id INTO made;
	IF made IS NULL THEN
		RAISE EXCEPTION 'there is somebody with this address' USING ERRCODE = 'WK409',
			HINT = 'Log in first, then accept the invitation.';
	END IF;
	RETURN made;
END
$$;
COMMENT ON FUNCTION copilot.invitation_person(text, uuid, text) IS
'part of copilot.invitation_accept(): the person the invitation is for, made if need be. Errors: WK403, WK409';

CREATE FUNCTION copilot.invitation_accept(token text, person uuid DEFAULT NULL, name text DEFAULT NULL,
										  password text DEFAULT NULL, issuer text DEFAULT NULL,
										  subject text DEFAULT NULL, client jsonb DEFAULT '{}')
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	opened record := copilot.invitation_open(token);
	i record;
	who uuid;
BEGIN
	SELECT x.email, x.roles, x.invited_by INTO i FROM copilot.invitations x
	WHERE x.tenant_id = opened.tenant AND x.id = opened.invitation;
	who := copilot.invitation_person(i.email, person, name);
	IF password IS NOT NULL THEN
		IF person IS NOT NULL THEN
			RAISE EXCEPTION 'somebody who is known keeps the own password' USING ERRCODE = 'WK400';
		END IF;
		PERFORM copilot.password_store(who, password);
	END IF;
	IF issuer IS NOT NULL OR subject IS NOT NULL THEN
		PERFORM copilot.subject_link(who, issuer, subject);
	END IF;
	-- what somebody was before they left is not what they are asked to be now
	DELETE FROM copilot.user_roles r USING copilot.tenant_users tu
	WHERE r.tenant_id = opened.tenant AND r.user_id = who AND r.role <> ALL (i.roles)
		AND tu.tenant_id = r.tenant_id AND tu.user_id = r.user_id AND tu.status <> 'active';
	INSERT INTO copilot.tenant_users AS tu (tenant_id, user_id) VALUES (opened.tenant, who)
	ON CONFLICT ON CONSTRAINT tenant_users_pkey DO UPDATE SET status = 'active';
	INSERT INTO copilot.user_roles (tenant_id, user_id, role, granted_by)
	SELECT opened.tenant, who, r, i.invited_by FROM unnest(i.roles) r ON CONFLICT DO NOTHING;
	UPDATE copilot.invitations x SET status = 'accepted', accepted_by = who
	WHERE x.tenant_id = opened.tenant AND x.id = opened.invitation;
	RETURN copilot.session_start(opened.tenant, who, 'invitation', client);
END
$$;
COMMENT ON FUNCTION copilot.invitation_accept(text, uuid, text, text, text, text, jsonb) IS
'takes up an invitation, once, and begins a session: as copilot.session_answer(). person: who has logged in to the calling server, and must have the address it is for; without, a new person of that address is made, whom the token has reached, with a name and, if given, a password or a subject of an identity provider. For servers. Errors: WK400, WK403 (another person, or who invited is gone), WK404 (no such token), WK409 (accepted or revoked, or the person must log in first), WK4E1 (expired), WK503';

-- ---------- members and roles ----------

CREATE FUNCTION copilot.check_last_admin(person uuid)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	-- two admins who take the role from each other
	PERFORM pg_advisory_xact_lock(hashtextextended('copilot.admins ' || wrk.tenant_id(), 0));
	IF NOT EXISTS (
		SELECT FROM copilot.user_roles r JOIN copilot.tenant_users tu USING (tenant_id, user_id)
		WHERE r.tenant_id::text = wrk.tenant_id() AND r.role = 'admin' AND r.user_id <> person
			AND tu.status = 'active') THEN
		RAISE EXCEPTION 'this is the last admin' USING ERRCODE = 'WK409', HINT = 'Make somebody else one first.';
	END IF;
END
$$;
COMMENT ON FUNCTION copilot.check_last_admin(uuid) IS
'refuses to leave the caller''s tenant without an admin, until the end of the transaction. Error: WK409';

CREATE FUNCTION copilot.user_role_keep_admin()
RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	-- whoever acts for nobody, and removes a tenant for instance, is not refused
	IF wrk.tenant_id() = OLD.tenant_id::text THEN
		PERFORM copilot.check_last_admin(OLD.user_id);
	END IF;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION copilot.user_role_keep_admin() IS
'trigger of user_roles: nobody takes the role from the last admin of a tenant, by whatever statement. Error: WK409';

CREATE FUNCTION copilot.check_member(person uuid)
RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	IF NOT EXISTS (SELECT FROM copilot.tenant_users tu
				   WHERE tu.tenant_id::text = wrk.tenant_id() AND tu.user_id = person) THEN
		RAISE EXCEPTION 'member not found' USING ERRCODE = 'WK404';
	END IF;
END
$$;
COMMENT ON FUNCTION copilot.check_member(uuid) IS
'refuses a person who neither works nor has worked in the caller''s tenant. Error: WK404';

CREATE FUNCTION copilot.role_grant(person uuid, role text)
RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM copilot.check_may_grant(ARRAY[role]);
	PERFORM copilot.check_member(person);
	INSERT INTO copilot.user_roles (user_id, role) VALUES (person, role_grant.role) ON CONFLICT DO NOTHING;
	RETURN FOUND;
END
$$;
COMMENT ON FUNCTION copilot.role_grant(uuid, text) IS
'gives a member of the caller''s tenant a role that the caller may grant, from the next token on; false if they had it. Errors: WK403, WK404';

CREATE FUNCTION copilot.role_revoke(person uuid, role text)
RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM copilot.check_may_grant(ARRAY[role]);
	PERFORM copilot.check_member(person);
	IF role = 'admin' THEN
		PERFORM copilot.check_last_admin(person);
	END IF;
	DELETE FROM copilot.user_roles r WHERE r.user_id = person AND r.role = role_revoke.role;
	RETURN FOUND;
END
$$;
COMMENT ON FUNCTION copilot.role_revoke(uuid, text) IS
'takes a role from a member, makes their access tokens void at once and revokes API keys that stand for them with roles they do not have any more; false if they had it not. Errors: WK403, WK404, WK409 (the last admin)';

-- The rights are asked for inside: members write nothing in tenant_users.
CREATE FUNCTION copilot.member_set_status(person uuid, status text, reason text)
RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	tenant uuid := copilot.as_uuid(wrk.tenant_id());
	had text[];
BEGIN
	IF wrk.can('manage', 'member') IS NOT TRUE THEN
		RAISE EXCEPTION 'members are not for this role to manage' USING ERRCODE = 'WK403';
	ELSIF status IN ('active', 'inactive') IS NOT TRUE OR person::text = wrk.user_id() OR length(reason) > 2000 THEN
		RAISE EXCEPTION 'nobody can do this to themselves, nor to what no status is' USING ERRCODE = 'WK400';
	END IF;
	PERFORM copilot.check_member(person);
	had := ARRAY(SELECT r.role FROM copilot.user_roles r WHERE r.tenant_id = tenant AND r.user_id = person
				 ORDER BY r.role);
	PERFORM copilot.check_may_grant(had);
	IF 'admin' = ANY (had) AND status = 'inactive' THEN
		PERFORM copilot.check_last_admin(person);
	END IF;
	UPDATE copilot.tenant_users tu SET status = member_set_status.status
	WHERE tu.tenant_id = tenant AND tu.user_id = person AND tu.status <> member_set_status.status;
	IF FOUND THEN
		PERFORM wrk.audit('member.' || CASE status WHEN 'active' THEN 'activated' ELSE 'deactivated' END, 'tenant_user',
			person::text, jsonb_build_object('reason', reason), tenant::text);
		RETURN true;
	END IF;
	RETURN false;
END
$$;
COMMENT ON FUNCTION copilot.member_set_status(uuid, text, text) IS
'makes a member of the caller''s tenant inactive (sessions end, API keys that stand for them are revoked) or active again, if the caller may grant all roles they have; recorded with the reason; false if they were so already. Errors: WK400, WK403, WK404, WK409 (the last admin)';

REVOKE ALL ON FUNCTION copilot.work_roles(), copilot.may_grant(text[]), copilot.check_may_grant(text[]),
	copilot.make_access(), copilot.make_access_rights(), copilot.make_access_calls(), copilot.invitation_send(),
	copilot.works_here(text), copilot.invite(text, text[], interval), copilot.invitation_token(uuid), copilot.invitation_revoke_by(),
	copilot.invitation_open(text), copilot.invitation_person(text, uuid, text),
	copilot.invitation_accept(text, uuid, text, text, text, text, jsonb), copilot.check_last_admin(uuid),
	copilot.user_role_keep_admin(), copilot.check_member(uuid), copilot.role_grant(uuid, text), copilot.role_revoke(uuid, text),
	copilot.member_set_status(uuid, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION copilot.work_roles(), copilot.may_grant(text[]), copilot.check_may_grant(text[]),
	copilot.works_here(text), copilot.invite(text, text[], interval), copilot.check_last_admin(uuid), copilot.check_member(uuid),
	copilot.role_grant(uuid, text), copilot.role_revoke(uuid, text), copilot.member_set_status(uuid, text, text)
	TO wrk_member;
GRANT EXECUTE ON FUNCTION copilot.invitation_token(uuid),
	copilot.invitation_accept(text, uuid, text, text, text, text, jsonb) TO wrk_service;

# A dump keeps what the engine knows and what the application's tables do; and a
# restored database does not pass for the one it was taken from.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Wrk;

my $tenant = '00000000-0000-4000-8000-00000000000a';
# no sealing between one comparison and the next
my $quiet = "wrk_copilot.maintenance_interval = 0\n";
my $old = wrk_node('old', install => 1, conf => $quiet);

# rows in every table of the application, and what these leave in the engine's
$old->safe_psql('wrk', "\\i $FindBin::RealBin/../world.sql");
$old->safe_psql('wrk', "BEGIN; SELECT regress.make_world('c', 1); COMMIT");
is($old->safe_psql('wrk', "SELECT regress.empty_tables('c')"), '', 'every table has rows: add some for those above to regress/world.sql');

$old->safe_psql('wrk', "SELECT wrk.jwt_key_import('" . key_jwk() . "')");
my $api_key = $old->safe_psql('wrk', "SELECT wrk.api_key_create('$tenant', NULL, '{ops}')");
$old->safe_psql('wrk', qq{
	INSERT INTO copilot.tenants (id, name, slug) VALUES ('$tenant', 'Northwind', 'northwind');
	CREATE TABLE invoice (
		tenant_id uuid NOT NULL, id int, project text, total numeric, PRIMARY KEY (tenant_id, id));
	SELECT wrk.enable_tenancy('invoice');
	SELECT wrk.enable_events('invoice', 'invoice');
	SELECT wrk.enable_audit('invoice', announce => true);
	GRANT SELECT ON invoice TO wrk_member;
	INSERT INTO invoice SELECT '$tenant', i, 'p', i FROM generate_series(1, 100) i;
	INSERT INTO wrk.role (name, bit, label) VALUES ('auditor', 40, 'Auditor');
	INSERT INTO copilot.automations (tenant_id, id, name) VALUES ('$tenant', '$tenant', 'Invoices');
	BEGIN;
	SELECT wrk.status_import();
	INSERT INTO copilot.automation_versions (tenant_id, id, automation_id, status) VALUES ('$tenant', '$tenant', '$tenant', 'live');
	COMMIT;
});

# has the automation version take a step, in the name of operations
sub go_to
{
	my ($node, $to, $why) = @_;
	return $node->safe_psql('wrk', qq{
		BEGIN; SELECT wrk.impersonate('$tenant', 'u', '{ops}') \\g /dev/null
		SELECT wrk.transition('copilot.automation_versions', '$tenant', '$to', '$why') ->> 'to'; COMMIT});
}
go_to($old, 'paused', '');
go_to($old, 'blocked', 'no credentials');
my $position = $old->safe_psql('wrk', 'SELECT wrk.position()');
$old->safe_psql('wrk', "UPDATE invoice SET total = total + 1 WHERE id <= 10");

# xids of the old server run ahead of those of a fresh one, as after years of use
$old->safe_psql('wrk', join(';', ('SELECT pg_current_xact_id()') x 500));
$old->safe_psql('wrk', "UPDATE invoice SET total = total + 1 WHERE id = 1");

my $dump = PostgreSQL::Test::Utils::tempdir() . '/wrk.dump';
$old->command_ok([ 'pg_dump', '-Fc', '-f', $dump, '-d', $old->connstr('wrk') ], 'the database can be dumped');

my $new = wrk_node('new', extension => 0, conf => $quiet);
$new->command_ok(
	[ 'pg_restore', '--exit-on-error', '-d', $new->connstr('wrk'), $dump ],
	'and restored without an error into a fresh server');

# rows of the engine
my @engine = split /\n/, $old->safe_psql('wrk', q{
	SELECT c.oid::regclass FROM pg_extension e, unnest(e.extconfig) t JOIN pg_class c ON c.oid = t
	WHERE e.extname = 'wrk_copilot' AND c.relkind = 'r' ORDER BY 1});
cmp_ok(scalar @engine, '>', 5, 'the engine marks its tables for the dump');
is(rows_of($new, $_), rows_of($old, $_), "rows of $_ are kept") for grep { !/^wrk\.event/ } @engine;

# the audit log; which transaction wrote a row is not for another server to say
my $log = "SELECT md5(string_agg((to_jsonb(l) - 'xid')::text, '' ORDER BY id)), count(*) FROM wrk.audit_log l";
is($new->safe_psql('wrk', $log), $old->safe_psql('wrk', $log), 'the audit log is kept');
my $parts = "SELECT c.relname, pg_get_expr(c.relpartbound, c.oid) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
	. " WHERE i.inhparent = 'wrk.audit_log'::regclass ORDER BY 1";
is($new->safe_psql('wrk', $parts), $old->safe_psql('wrk', $parts), 'so are its months');
is(sqlstate_of($new, $_), 'WK403', "refused: $_")
	for 'DELETE FROM wrk.audit_log', map { "TRUNCATE wrk.$_" } grep { s/\|.*// } split /\n/, $new->safe_psql('wrk', $parts);
is($new->safe_psql('wrk', q{SELECT count(*) FROM wrk.audit_log WHERE xid >= pg_current_xact_id()::text::bigint}), 0,
	'and its rows have transaction ids of the new server');

# the application's tables
my @tables = split /\n/, $old->safe_psql('wrk', q{
	SELECT c.oid::regclass FROM pg_class c
	WHERE c.relkind = 'r' AND c.relnamespace::regnamespace::text IN ('copilot', 'public') ORDER BY 1});
cmp_ok(scalar @tables, '>', 8, 'the application has tables');
is(rows_of($new, $_), rows_of($old, $_), "rows of $_ are kept") for @tables;

my %catalog = (
	triggers => q{SELECT tgrelid::regclass, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal},
	policies => q{SELECT p.* FROM pg_policies p},
	'row-level security' => q{SELECT oid::regclass, relrowsecurity, relforcerowsecurity FROM pg_class
		WHERE relkind IN ('r', 'p') AND relnamespace::regnamespace::text IN ('copilot', 'public', 'wrk')},
	grants => q{SELECT c.oid::regclass, a.* FROM pg_class c,
			LATERAL (SELECT grantee::regrole, privilege_type FROM aclexplode(c.relacl)) a
		WHERE relnamespace::regnamespace::text IN ('copilot', 'public', 'wrk')},
	'column defaults' => q{SELECT adrelid::regclass, adnum, pg_get_expr(adbin, adrelid) FROM pg_attrdef},
	comments => q{SELECT c.oid::regclass, d.objsubid, d.description FROM pg_description d JOIN pg_class c ON c.oid = d.objoid
		WHERE d.classoid = 'pg_class'::regclass AND relnamespace::regnamespace::text IN ('copilot', 'wrk')});
for my $what (sort keys %catalog)
{
	my ($is, $was) = map { join("\n", sort split /\n/, $_->safe_psql('wrk', $catalog{$what})) } $new, $old;
	is($is, $was, "$what: the same as before");
}

# credentials go on working
like($new->safe_psql('wrk', "SELECT wrk.authenticate('$api_key')"), qr/"tenant_id": *"$tenant"/, 'an API key still works');
my $token = $old->safe_psql('wrk', qq{SELECT wrk.jwt_sign(jsonb_build_object('sub', 'u', 'tenant_id', '$tenant',
	'roles', '["ops"]'::jsonb, 'exp', extract(epoch FROM now())::bigint + 600), '} . key_jwk() . qq{'::jsonb)});
like($new->safe_psql('wrk', "SELECT wrk.authenticate('$token')"), qr/"tenant_id": *"$tenant"/, 'so does a signing key');
is($new->safe_psql('wrk', qq{
	BEGIN; SELECT wrk.authenticate('$api_key') \\g /dev/null
	SET LOCAL ROLE wrk_member; SELECT count(*) FROM invoice; COMMIT}), 100, 'a member sees its rows');
is($new->safe_psql('wrk', 'SET ROLE wrk_member; SELECT count(*) FROM invoice'), 0, 'nobody sees none');

# events
isnt($new->safe_psql('wrk', 'SELECT wrk.epoch()'), $old->safe_psql('wrk', 'SELECT wrk.epoch()'), 'the epoch is another one');
is(sqlstate_of($old, "SELECT wrk.position_snapshot('$position')"), '', 'the old database recovers from its position');
is(sqlstate_of($new, "SELECT wrk.position_snapshot('$position')"), 'WK410', 'the restored one refuses it');
is($new->safe_psql('wrk', q{
	SELECT count(*) FROM wrk.gateway_fetch((SELECT pg_current_snapshot()::text)) WHERE id IS NOT NULL}), 0,
	'restored events are history, not news');

my $last = $old->safe_psql('wrk', 'SELECT max(id) FROM wrk.event');
my $before = $new->safe_psql('wrk', 'SELECT pg_current_snapshot()');
$new->safe_psql('wrk', 'UPDATE invoice SET total = total + 1 WHERE id = 7');
my $fresh = $new->safe_psql('wrk', "SELECT id, type FROM wrk.gateway_fetch('$before') WHERE type LIKE 'invoice.%'");
like($fresh, qr/^\d+\|invoice\.updated$/, 'a change makes one event');
my ($id) = $fresh =~ /^(\d+)/;
cmp_ok($id, '>', $last, 'with an id that was never used');
is($new->safe_psql('wrk', q{SELECT l.action, l.resource_id, l.id > (SELECT max(o.id) FROM wrk.audit_log o WHERE o.id <> l.id)
	FROM wrk.audit_log l ORDER BY l.id DESC LIMIT 1}), 'invoice.updated|7|t', 'and a row of the audit log, after all others');

# lifecycles
is(join(' ', map { go_to($new, 'previous', '') } 1 .. 2), 'paused live', 'a row goes back to where it was before the dump');
is(sqlstate_of($new, q{UPDATE copilot.automation_versions SET status = 'archived'}), 'WK401', 'and its guard is on duty');

is(sqlstate_of($new, 'SELECT copilot.install()'), '', 'install() runs again over what was restored');

$old->stop;
$new->stop;
done_testing();
